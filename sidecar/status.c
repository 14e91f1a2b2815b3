/* SPDX-License-Identifier: MIT
 * /status: everything the sidecar knows, as one JSON object.  A value that is not known, or does
 * not apply, is null. */
#include "health.h"

#include "common/clock.h"
#include "common/utf8.h"

#include <string.h>
#include <sys/wait.h>

enum { TEXT_MAX = 1024 }; /* bytes of a string after cleaning */

/* A JSON string of whatever bytes these are; null for none. */
static json_t *text(const char *s, size_t size)
{
    struct hr_buf clean;
    size_t n = strnlen(s, size);
    if (!n)
        return json_null();
    hr_buf_init(&clean, TEXT_MAX);
    (void)hr_utf8_clean(&clean, s, n);
    json_t *j = json_string(hr_buf_str(&clean));
    hr_buf_free(&clean);
    return j;
}

static json_t *last_exit(int status)
{
    if (status == -1)
        return json_null();
    if (WIFSIGNALED(status))
        return json_pack("{s:i}", "signal", WTERMSIG(status));
    return json_pack("{s:i}", "code", WEXITSTATUS(status));
}

static json_t *one_service(const struct hr_board_service *s, int64_t now)
{
    int running = s->pid > 0;
    int64_t retry = s->state == HR_BACKOFF ? s->retry_at_ms - now : -1;
    return json_pack("{s:o, s:s, s:o, s:I, s:I, s:o, s:o, s:f, s:o, s:o}", "name",
                     text(s->name, sizeof(s->name)), "state", hr_state_name(s->state), "pid",
                     running ? json_integer(s->pid) : json_null(), "starts", (json_int_t)s->starts,
                     "failures", (json_int_t)s->failures, "last_exit", last_exit(s->last_status),
                     "uptime_seconds",
                     running ? json_real((double)(now - s->started_ms) / 1000) : json_null(),
                     "state_seconds", (double)(now - s->state_since_ms) / 1000, "retry_in_ms",
                     s->state == HR_BACKOFF ? json_integer(retry > 0 ? retry : 0) : json_null(),
                     "reason", text(s->reason, sizeof(s->reason)));
}

static json_t *services(const struct hr_board *board, uint32_t count, int64_t now)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < count && i < HR_MAX_SERVICES; i++) {
        struct hr_board_service s;
        if (!hr_board_get_service(board, i, &s))
            (void)json_array_append_new(all, one_service(&s, now));
    }
    return all;
}

json_t *hr_status(const struct hr_health *h)
{
    struct hr_board_head head = {.nservices = 0};
    int64_t now = hr_now_ms();
    int known = hr_board_get_head(h->board, &head) == 0;
    return json_pack("{s:s, s:o, s:o, s:b, s:{s:s, s:i}, s:o, s:o, s:o}", "version", HR_VERSION,
                     "pid", known ? json_integer(head.supervisor_pid) : json_null(),
                     "uptime_seconds",
                     known ? json_real((double)(now - head.started_ms) / 1000) : json_null(),
                     "draining", head.draining != 0, "agent", "host", h->agent_host, "port",
                     h->agent_port, "services", services(h->board, head.nservices, now), "checks",
                     hr_checks_status(h->checks), "plugins", hr_mcp_status(h->mcp));
}
