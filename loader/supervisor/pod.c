/* SPDX-License-Identifier: MIT
 * The pod's phase.  See pod.h. */
#include "pod.h"

#include "common/clock.h"
#include "common/log.h"
#include "core.h"

#include <string.h>

enum hr_pod_phase hr_pod_shown(const struct hr_pod_known *known, uint32_t told)
{
    if (known->failed)
        return HR_POD_FAILED;
    if (known->stopped)
        return HR_POD_STOPPED;
    if (known->draining)
        return HR_POD_DRAINING;
    return told <= HR_POD_ACTIVE ? (enum hr_pod_phase)told : HR_POD_STARTING;
}

void hr_pod_take(struct hr_board_phase *pod, const struct hr_phase_word *word, int64_t now_ms)
{
    uint32_t fresh = word->seen & ~pod->seen;
    pod->told = (uint32_t)word->phase;
    pod->seen |= word->seen;
    if (fresh & HR_SEEN_CLAIMED)
        pod->claimed_ms = now_ms;
    if (fresh & HR_SEEN_USED)
        pod->used_ms = now_ms;
    if (word->claim_uid[0])
        memcpy(pod->claim_uid, word->claim_uid, sizeof(pod->claim_uid));
}

void hr_pod_update(struct hr_supervisor *sup)
{
    const struct hr_board_service *server = &sup->units[HR_INDEX_SERVER].service.pub;
    const struct hr_pod_known known = {
        .failed = server->state == HR_FAILED,
        .stopped = sup->phase >= HR_ENDING && server->pid == 0,
        .draining = sup->head.draining != 0,
    };
    struct hr_board_phase *pod = &sup->pod;
    struct hr_board_phase before = *pod;
    int64_t now = hr_now_ms();
    if (server->ready_once && !pod->ready_ms)
        pod->ready_ms = now;
    hr_phase_enter(pod, hr_pod_shown(&known, pod->told), now, hr_wall_ms());
    if (memcmp(&before, pod, sizeof(before)) != 0)
        hr_board_put_phase(sup->board, pod);
    if (before.phase != pod->phase)
        hr_info("the pod is %s, after %lld ms of %s", hr_pod_phase_name(pod->phase),
                (long long)(now - hr_phase_last(&before).since_ms),
                hr_pod_phase_name(before.phase));
    hr_server_tell_phase(sup);
}

bool hr_pod_told(struct hr_supervisor *sup, const char *line)
{
    static const char name[] = "PHASE=";
    struct hr_phase_word word;
    if (strncmp(line, name, sizeof(name) - 1) != 0)
        return false;
    if (hr_phase_word_parse(line + sizeof(name) - 1, &word)) {
        hr_debug("sidecar: a phase that is none: passed over");
        return true;
    }
    hr_pod_take(&sup->pod, &word, hr_now_ms());
    hr_board_put_phase(sup->board, &sup->pod);
    hr_publish(sup);
    return true;
}
