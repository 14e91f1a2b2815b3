/* SPDX-License-Identifier: MIT
 * A plugin's own word on whether it can work.  See health.h. */
#include "health.h"

#include "common/log.h"
#include "common/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int hr_plugin_health_init(struct hr_plugin_health *h, struct hr_plugin *plugin)
{
    *h = (struct hr_plugin_health){.plugin = plugin};
    return plugin->api.health ? hr_workers_new("hr-health", 1, &h->workers) : 0;
}

int64_t hr_plugin_health_due(const struct hr_plugin_health *h)
{
    return h->workers && !h->call ? h->due_ms : INT64_MAX;
}

/* Without memory or a thread for it nothing new is known; there is another time. */
void hr_plugin_health_start(struct hr_plugin_health *h, int64_t now_ms)
{
    struct hr_call *c = NULL;
    h->due_ms = now_ms + HR_HEALTH_EVERY_MS;
    if (hr_call_new(h->plugin, NULL, NULL, 0, now_ms + HR_HEALTH_TIMEOUT_MS, &c))
        return;
    c->of = HR_CALL_HEALTH;
    c->started = true;
    hr_call_start(c);
    int err = hr_workers_submit(h->workers, &c->run_job);
    if (err) {
        hr_error("plugin %s: cannot make a thread for its health(): %s: raise the limit on "
                 "processes",
                 h->plugin->id, strerror(-err));
        hr_call_free(c);
        return;
    }
    h->call = c;
}

static void note(struct hr_plugin_health *h, handrail_status status, const char *reason, size_t len)
{
    char text[sizeof(h->reason)] = "";
    if (status != HANDRAIL_OK)
        (void)snprintf(
            text, sizeof(text), "%.*s",
            (int)hr_utf8_valid(reason, len < HR_HEALTH_REASON_MAX ? len : HR_HEALTH_REASON_MAX),
            reason);
    if (h->known && h->status == status && strcmp(h->reason, text) == 0)
        return;
    if (status != HANDRAIL_OK)
        hr_warn("plugin %s: health(): %s", h->plugin->id, text);
    else if (h->known && h->status != HANDRAIL_OK)
        hr_info("plugin %s: health(): ok again", h->plugin->id);
    h->known = h->changed = true;
    h->status = status;
    memcpy(h->reason, text, sizeof(text));
}

/* Why: what it added as text, or set as the error, or what its status is called. */
void hr_plugin_health_ended(struct hr_plugin_health *h, struct hr_call *c)
{
    struct hr_buf text;
    struct hr_frame_part part;
    const char *data = NULL;
    size_t at = sizeof(int32_t); /* parts come behind the status */
    hr_buf_init(&text, HR_RESULT_MAX);
    while (hr_part_next(c->result.data, c->result.len, &at, &part, &data) > 0)
        if (part.kind == HR_PART_TEXT)
            (void)hr_buf_add(&text, data, part.len);
    if (!text.len && c->error.len)
        (void)hr_buf_add(&text, c->error.data, c->error.len);
    if (!text.len)
        (void)hr_buf_adds(&text, hr_status_name(c->status));
    note(h, c->status, hr_buf_str(&text), text.len);
    hr_buf_free(&text);
}

void hr_plugin_health_late(struct hr_plugin_health *h)
{
    char text[80];
    int n =
        snprintf(text, sizeof(text), "health() did not return within %d ms", HR_HEALTH_TIMEOUT_MS);
    note(h, HANDRAIL_E_TIMEOUT, text, (size_t)n);
}

void hr_plugin_health_freed(struct hr_plugin_health *h)
{
    h->call = NULL;
}

bool hr_plugin_health_frame(const struct hr_plugin_health *h, struct hr_buf *out)
{
    const int32_t status = h->status;
    return h->known && !hr_buf_add(out, &status, sizeof(status)) && !hr_buf_adds(out, h->reason);
}
