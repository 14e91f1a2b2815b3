/* SPDX-License-Identifier: MIT
 * The answer to the order status.  See control_status.h. */
#include "control_status.h"

#include "common/json_out.h"
#include "handout.h"

#include <string.h>
#include <sys/wait.h>

static void put_int(struct hr_json_out *w, const char *key, int64_t v)
{
    hr_json_out_key(w, key);
    hr_json_out_int(w, v);
}

static void put_bool(struct hr_json_out *w, const char *key, bool v)
{
    hr_json_out_key(w, key);
    hr_json_out_bool(w, v);
}

/* Text in a field of this size; null for none. */
static void put_text(struct hr_json_out *w, const char *key, const char *s, size_t size)
{
    hr_json_out_key(w, key);
    if (*s)
        hr_json_out_bytes(w, s, strnlen(s, size));
    else
        hr_json_out_null(w);
}

/* Milliseconds as seconds; null if they are not known. */
static void put_seconds(struct hr_json_out *w, const char *key, bool known, int64_t ms)
{
    hr_json_out_key(w, key);
    if (known)
        hr_json_out_seconds(w, ms);
    else
        hr_json_out_null(w);
}

/* Null if it is not known. */
static void put_known(struct hr_json_out *w, const char *key, bool known, int64_t v)
{
    hr_json_out_key(w, key);
    if (known)
        hr_json_out_int(w, v);
    else
        hr_json_out_null(w);
}

/* How a process ended; -1: none has. */
static void put_exit(struct hr_json_out *w, const char *key, int status)
{
    hr_json_out_key(w, key);
    if (status == -1) {
        hr_json_out_null(w);
        return;
    }
    hr_json_out_begin(w, '{');
    if (WIFSIGNALED(status))
        put_int(w, "signal", WTERMSIG(status));
    else
        put_int(w, "code", WEXITSTATUS(status));
    hr_json_out_end(w);
}

static void put_service(struct hr_json_out *w, const struct hr_board_service *s, int64_t now)
{
    bool waits = s->state == HR_BACKOFF;
    hr_json_out_begin(w, '{');
    put_text(w, "name", s->name, sizeof(s->name));
    hr_json_out_key(w, "state");
    hr_json_out_string(w, hr_state_name(s->state));
    put_known(w, "pid", s->pid > 0, s->pid);
    put_int(w, "starts", s->starts);
    put_int(w, "failures", s->failures);
    put_seconds(w, "uptime_seconds", s->pid > 0, now - s->started_ms);
    put_seconds(w, "state_seconds", s->state_since_ms > 0, now - s->state_since_ms);
    put_known(w, "retry_in_ms", waits, s->retry_at_ms > now ? s->retry_at_ms - now : 0);
    put_exit(w, "last_exit", s->last_status);
    put_text(w, "reason", s->reason, sizeof(s->reason));
    hr_json_out_end(w);
}

/* starts: of the server, which tells its present life. */
static void put_server(struct hr_json_out *w, const struct hr_board_server *s, uint32_t starts,
                       int64_t now)
{
    static const char *const agents[] = {"unknown", "ok", "wrong"};
    bool beats = s->beat_ms > 0;
    hr_json_out_key(w, "server");
    hr_json_out_begin(w, '{');
    put_seconds(w, "heartbeat_age_seconds", beats, now - s->beat_ms);
    put_known(w, "loop_lag_ms", beats && s->lag_ms >= 0, s->lag_ms);
    put_text(w, "status", s->status, sizeof(s->status));
    hr_json_out_key(w, "agent");
    hr_json_out_string(w, agents[s->agent <= HR_AGENT_WRONG ? s->agent : HR_AGENT_UNKNOWN]);
    put_text(w, "agent_error", s->agent_error, sizeof(s->agent_error));
    put_bool(w, "recorded", s->recorded != 0);
    hr_json_out_key(w, "initialised");
    if (s->recorded)
        hr_json_out_bool(w, !s->replay_life || s->replay_life != starts);
    else
        hr_json_out_null(w);
    put_int(w, "replays", s->replays);
    put_int(w, "replay_errors", s->replay_errors);
    hr_json_out_end(w);
}

int hr_control_status_json(int fd, const struct hr_board *board, int64_t now_ms)
{
    struct hr_json_out w;
    struct hr_board_head head;
    struct hr_board_server server;
    struct hr_board_service s;
    int err = hr_board_get_head(board, &head);
    if (!err)
        err = hr_board_get_server(board, &server);
    if (!err)
        err = hr_board_get_service(board, HR_INDEX_SERVER, &s);
    if (err)
        return err;
    hr_json_out_init(&w, fd);
    hr_json_out_begin(&w, '{');
    put_bool(&w, "ok", true);
    put_text(&w, "version", HR_VERSION, sizeof(HR_VERSION));
    put_int(&w, "pid", head.supervisor_pid);
    put_seconds(&w, "uptime_seconds", true, now_ms - head.started_ms);
    put_bool(&w, "draining", head.draining != 0);
    put_server(&w, &server, s.starts, now_ms);
    hr_json_out_key(&w, "services");
    hr_json_out_begin(&w, '[');
    for (uint32_t i = 0; i < head.nservices && i < HR_MAX_SERVICES; i++)
        if (!hr_board_get_service(board, i, &s))
            put_service(&w, &s, now_ms);
    hr_json_out_end(&w);
    hr_json_out_end(&w);
    return hr_json_out_finish(&w);
}
