/* SPDX-License-Identifier: MIT
 * The event of a phase of the pod.  See phase_event.h. */
#include "phase_event.h"

#include "common/frame.h"
#include "common/wall_text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Room for the number of those that are left out. */
enum { NUMBER_MAX = 20 };

/* What `kubectl apply` keeps: whole manifests, with whatever somebody has put into their
 * environments. */
static bool is_secret(const char *name)
{
    return strcmp(name, "kubectl.kubernetes.io/last-applied-configuration") == 0;
}

/* Bytes that this member takes, with a comma; 0 without memory. */
static size_t size_of(const char *name, json_t *value)
{
    json_t *o = json_pack("{s:O}", name, value);
    size_t n = o ? json_dumpb(o, NULL, 0, JSON_COMPACT) : 0;
    json_decref(o);
    return n ? n - 1 : 0;
}

/* Copy what fits into *room bytes.  How many are left out, or -ENOMEM. */
static int copy(json_t *to, const json_t *from, size_t *room)
{
    const char *name = NULL;
    json_t *value = NULL;
    int left_out = 0;
    json_object_foreach ((json_t *)from, name, value) {
        size_t n = size_of(name, value);
        if (!n)
            return -ENOMEM;
        if (n > *room || is_secret(name)) {
            left_out++;
            continue;
        }
        if (json_object_set(to, name, value) < 0)
            return -ENOMEM;
        *room -= n;
    }
    return left_out;
}

/* Everything but labels and annotations; NULL without memory. */
static json_t *begin(const struct hr_board_phase *pod)
{
    char at[HR_WALL_TEXT];
    const struct hr_phase_step *before = &pod->steps[(pod->nsteps - 2) % HR_PHASE_STEPS];
    hr_wall_text(hr_phase_last(pod).wall_ms, at);
    return json_pack("{s:s, s:s?, s:s, s:s?, s:{}, s:{}}", "phase", hr_pod_phase_name(pod->phase),
                     "from", pod->nsteps > 1 ? hr_pod_phase_name(before->phase) : NULL, "at", at,
                     "claim_uid", pod->claim_uid[0] ? pod->claim_uid : NULL, "labels",
                     "annotations");
}

static int append(const char *data, size_t n, void *buf)
{
    return hr_buf_add(buf, data, n) ? -1 : 0;
}

int hr_phase_event(const struct hr_board_phase *pod, const json_t *labels,
                   const json_t *annotations, struct hr_buf *out)
{
    static const char left_out[] = ",\"left_out\":";
    if (!pod->nsteps)
        return -ENOENT;
    json_t *o = begin(pod);
    if (!o)
        return -ENOMEM;
    size_t used = json_dumpb(o, NULL, 0, JSON_COMPACT) + sizeof(left_out) + (size_t)NUMBER_MAX;
    size_t room = HR_PHASE_EVENT_MAX - used;
    int skipped = copy(json_object_get(o, "labels"), labels, &room);
    int more = skipped < 0 ? 0 : copy(json_object_get(o, "annotations"), annotations, &room);
    int err = skipped < 0 || more < 0 ||
                      json_object_set_new(o, "left_out", json_integer(skipped + more)) < 0 ||
                      json_dump_callback(o, append, out, JSON_COMPACT) < 0
                  ? -ENOMEM
                  : 0;
    json_decref(o);
    return err;
}
