/* SPDX-License-Identifier: MIT
 * The pod's phase, for a plugin that asks.  See phase.h. */
#include "phase.h"

#include "common/frame.h"
#include "common/log.h"

#include <errno.h>
#include <handrail/phase.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(HR_PHASE_EVENT_MAX == HANDRAIL_PHASE_EVENT_MAX, "what we take, plugins are told of");

/* Size of the listener's table, which is frozen. */
enum {
    LISTENER_SIZE = offsetof(handrail_phase_listener, on_phase) + sizeof(void (*)(void)),
};

/* The payload of the latest PHASE.  The main thread writes it, the plugin's threads read. */
static struct {
    pthread_mutex_t lock;
    size_t len; /* 0: nothing is known */
    size_t event_at;
    char payload[HR_PHASE_NAME_MAX + 1 + HR_PHASE_EVENT_MAX];
} present = {.lock = PTHREAD_MUTEX_INITIALIZER};

int hr_plugin_phase_init(struct hr_plugin_phase *p, struct hr_plugin *plugin)
{
    *p = (struct hr_plugin_phase){.plugin = plugin};
    const handrail_phase_listener *theirs = NULL;
    if (plugin->api.get_extension)
        theirs = plugin->api.get_extension(plugin->self, HANDRAIL_PHASE);
    if (!theirs)
        return 0;
    if (theirs->struct_size < LISTENER_SIZE || !theirs->on_phase) {
        hr_warn("plugin %s: its table \"%s\" has %s: it is not told of phases", plugin->id,
                HANDRAIL_PHASE,
                theirs->struct_size < LISTENER_SIZE
                    ? "a .struct_size that is less than sizeof(handrail_phase_listener)"
                    : "no on_phase()");
        return 0;
    }
    plugin->on_phase = theirs->on_phase;
    return hr_workers_new("hr-phase", 1, &p->workers);
}

int hr_plugin_phase_take(struct hr_plugin_phase *p, const void *payload, size_t len)
{
    const char *event = NULL;
    int err = hr_frame_phase(payload, len, &event);
    if (err)
        return err;
    (void)pthread_mutex_lock(&present.lock);
    bool same = len == present.len && memcmp(payload, present.payload, len) == 0;
    memcpy(present.payload, payload, len);
    present.len = len;
    present.event_at = (size_t)(event - (const char *)payload);
    (void)pthread_mutex_unlock(&present.lock);
    if (!same) {
        p->untold = true;
        p->retry_ms = 0;
    }
    return 0;
}

size_t hr_phase_present(char *json, size_t size)
{
    (void)pthread_mutex_lock(&present.lock);
    size_t n = present.len - present.event_at;
    if (json && n < size) {
        memcpy(json, present.payload + present.event_at, n);
        json[n] = '\0';
    }
    (void)pthread_mutex_unlock(&present.lock);
    return n;
}

int64_t hr_plugin_phase_due(const struct hr_plugin_phase *p)
{
    return p->workers && p->untold && !p->call ? p->retry_ms : INT64_MAX;
}

/* A call of on_phase() with the present event.  0 or -errno. */
static int make_call(struct hr_plugin_phase *p, int64_t now_ms, struct hr_call **ret)
{
    char *args = malloc(present.len + 1); /* which only this thread changes */
    if (!args)
        return -ENOMEM;
    memcpy(args, present.payload, present.len);
    args[present.len] = '\0';
    int err = hr_call_new(p->plugin, NULL, args, present.len, now_ms + HR_PHASE_TIMEOUT_MS, ret);
    if (err)
        free(args);
    else
        (*ret)->of = HR_CALL_PHASE;
    return err;
}

void hr_plugin_phase_start(struct hr_plugin_phase *p, int64_t now_ms)
{
    struct hr_call *c = NULL;
    int err = make_call(p, now_ms, &c);
    if (!err) {
        c->started = true;
        hr_call_start(c);
        err = hr_workers_submit(p->workers, &c->run_job);
        if (err)
            hr_call_free(c);
    }
    if (err) {
        hr_error("plugin %s: cannot tell it the pod's phase now: %s: trying again in %d ms",
                 p->plugin->id, strerror(-err), HR_PHASE_RETRY_MS);
        p->retry_ms = now_ms + HR_PHASE_RETRY_MS;
        return;
    }
    p->untold = false;
    p->call = c;
}

void hr_plugin_phase_ended(struct hr_plugin_phase *p, struct hr_call *c)
{
    p->answer = c->status;
    p->reason_given = c->error.len > 0;
    if (c->status < 0)
        hr_warn("plugin %s: on_phase(): %s: %s", p->plugin->id, c->args,
                c->error.len ? hr_buf_str(&c->error) : hr_status_name(c->status));
}

void hr_plugin_phase_late(struct hr_plugin_phase *p)
{
    hr_warn("plugin %s: on_phase(): %s: it did not return within %d ms", p->plugin->id,
            p->call->args, HR_PHASE_TIMEOUT_MS);
}

void hr_plugin_phase_freed(struct hr_plugin_phase *p)
{
    p->call = NULL;
}
