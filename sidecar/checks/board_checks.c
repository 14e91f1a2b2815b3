/* SPDX-License-Identifier: MIT
 * The checks that look at the board when they are asked; two of them read a probe's last result in
 * its light. */
#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* 0, or -EIO with the reason. */
static int read_head(const struct hr_checks *c, struct hr_board_head *ret, char *reason,
                     size_t size)
{
    if (hr_board_get_head(c->cfg.board, ret) == 0)
        return 0;
    (void)snprintf(reason, size, "the supervisor's board cannot be read");
    return -EIO;
}

static int ask_supervisor(struct hr_checks *c, const struct hr_check *check, unsigned gate,
                          char *reason, size_t size)
{
    (void)check;
    (void)gate;
    struct hr_board_head head;
    if (read_head(c, &head, reason, size))
        return -EIO;
    if (getppid() != head.supervisor_pid) {
        (void)snprintf(reason, size, "the supervisor (pid %d) is gone", head.supervisor_pid);
        return -ESRCH;
    }
    unsigned untaken = c->cfg.untaken ? c->cfg.untaken(c->cfg.arg) : 0;
    if (untaken > HR_UNTAKEN_MAX) {
        (void)snprintf(reason, size,
                       "the supervisor (pid %d) has not taken the last %u heartbeats: it hangs, or "
                       "is stopped",
                       head.supervisor_pid, untaken);
        return -ETIMEDOUT;
    }
    return 0;
}

static int ask_process(struct hr_checks *c, const struct hr_check *check, unsigned gate,
                       char *reason, size_t size)
{
    (void)check;
    struct hr_board_service s;
    if (hr_board_get_service(c->cfg.board, 0, &s)) {
        (void)snprintf(reason, size, "the supervisor's board cannot be read");
        return -EIO;
    }
    bool running = s.pid > 0 && (s.state == HR_STARTING || s.state == HR_UP);
    /* A server that will be started again is still worth keeping. */
    if (gate == HR_GATE_LIVE ? s.state != HR_FAILED : running)
        return 0;
    (void)snprintf(reason, size, "server is in state %s%s%.*s", hr_state_name(s.state),
                   s.reason[0] ? ": " : "", (int)sizeof(s.reason), s.reason);
    return -ESRCH;
}

/* Are the results of the process that is there now? */
static int same_life(const struct hr_measure *m, const struct hr_life *life, char *reason,
                     size_t size)
{
    if (life->known && life->running && life->starts == m->life)
        return 0;
    if (!life->known)
        (void)snprintf(reason, size, "the supervisor's board cannot be read");
    else if (!life->running)
        (void)snprintf(reason, size, "server has no process");
    else
        (void)snprintf(reason, size, "%s",
                       m->life ? "server restarted, not measured yet" : m->last.message);
    return -ESTALE;
}

/* Has a measurement a say in whether the pod is worth keeping?  Where others speak it is silent:
 * without a process, before it was well in this life, and once a stop has begun. */
static bool has_a_say(const struct hr_checks *c, const struct hr_measure *m)
{
    char reason[HR_CHECK_REASON_MAX];
    struct hr_board_head head;
    struct hr_life life = hr_life_read(c->cfg.board);
    if (!hr_board_get_head(c->cfg.board, &head) && head.draining)
        return false;
    if (!m->of_server)
        return m->result != HR_UNMEASURED;
    return same_life(m, &life, reason, sizeof(reason)) == 0 &&
           (m->succeeded || life.state == HR_UP);
}

int hr_check_ask_measure(struct hr_checks *c, const struct hr_measure *m, unsigned gate,
                         char *reason, size_t size)
{
    struct hr_life life = hr_life_read(c->cfg.board);
    if (gate == HR_GATE_LIVE && (!m->succeeded || !has_a_say(c, m)))
        return 0;
    if (m->of_server && same_life(m, &life, reason, size))
        return -ESTALE;
    (void)snprintf(reason, size, "%s", m->last.message);
    return m->result == HR_OK || m->result == HR_UNKNOWN ? 0 : -EIO;
}

/* As part of /livez it says whether the server hangs: by the time, not by the number of failures.
 */
static int ask_alive(struct hr_checks *c, const struct hr_check *check, unsigned gate, char *reason,
                     size_t size)
{
    (void)check;
    const struct hr_measure *m = &c->alive.m;
    if (gate != HR_GATE_LIVE)
        return hr_check_ask_measure(c, m, gate, reason, size);
    if (!has_a_say(c, m) || !m->failing_since)
        return 0;
    int64_t failing_ms = c->cfg.now_ms() - m->failing_since;
    if (failing_ms <= c->hang_limit_ms)
        return 0;
    (void)snprintf(reason, size, "failing for %lld s, limit %lld s: %s",
                   (long long)failing_ms / 1000, (long long)c->hang_limit_ms / 1000,
                   m->last.message);
    return -ETIMEDOUT;
}

static int ask_started(struct hr_checks *c, const struct hr_check *check, unsigned gate,
                       char *reason, size_t size)
{
    (void)check;
    struct hr_board_service s;
    if (!hr_board_get_service(c->cfg.board, 0, &s) && s.ready_once)
        return 0;
    return hr_check_ask_measure(c, &c->ready.m, gate, reason, size);
}

static int ask_init(struct hr_checks *c, const struct hr_check *check, unsigned gate, char *reason,
                    size_t size)
{
    (void)check;
    (void)gate;
    struct hr_board_service s;
    struct hr_board_server own;
    if (hr_board_get_service(c->cfg.board, 0, &s) || hr_board_get_server(c->cfg.board, &own)) {
        (void)snprintf(reason, size, "the supervisor's board cannot be read");
        return -EIO;
    }
    if (!own.replay_life || own.replay_life != s.starts)
        return 0;
    if (c->cfg.init_ok)
        return c->cfg.init_ok(s.starts, reason, size, c->cfg.arg);
    (void)snprintf(reason, size, "initialisation not replayed yet");
    return -EAGAIN;
}

static int ask_agent_module(struct hr_checks *c, const struct hr_check *check, unsigned gate,
                            char *reason, size_t size)
{
    (void)check;
    (void)gate;
    struct hr_board_server own;
    if (hr_board_get_server(c->cfg.board, &own)) {
        (void)snprintf(reason, size, "the supervisor's board cannot be read");
        return -EIO;
    }
    if (own.agent == HR_AGENT_WRONG) {
        (void)snprintf(reason, size, "%.*s", (int)sizeof(own.agent_error), own.agent_error);
        return -EINVAL;
    }
    /* A server that tells how it is says so before it is up: what it answers others may be seen
     * earlier. */
    if (own.agent == HR_AGENT_OK || !own.status[0] ||
        hr_life_read(c->cfg.board).state != HR_STARTING)
        return 0;
    (void)snprintf(reason, size, "the server is starting and has not said yet how it is");
    return -EAGAIN;
}

static int ask_draining(struct hr_checks *c, const struct hr_check *check, unsigned gate,
                        char *reason, size_t size)
{
    (void)check;
    (void)gate;
    struct hr_board_head head;
    if (read_head(c, &head, reason, size))
        return -EIO;
    if (!head.draining)
        return 0;
    (void)snprintf(reason, size, "%s",
                   head.draining == HR_DRAINING_ORDER ? "held off by handrail drain"
                                                      : "a stop has begun");
    return -ESHUTDOWN;
}

void hr_checks_add_builtin(struct hr_checks *c)
{
    static const struct hr_check builtin[] = {
        {.name = "supervisor", .gates = HR_GATE_LIVE | HR_GATE_READY, .ask = ask_supervisor},
        {.name = "process", .gates = HR_GATE_LIVE | HR_GATE_READY, .ask = ask_process},
        {.name = "started", .gates = HR_GATE_STARTUP, .ask = ask_started},
        {.name = "alive", .gates = HR_GATE_LIVE, .ask = ask_alive},
        {.name = "ready", .gates = HR_GATE_READY},
        {.name = "init", .gates = HR_GATE_READY, .ask = ask_init},
        {.name = "agent-module", .gates = HR_GATE_READY, .ask = ask_agent_module},
        {.name = "draining", .gates = HR_GATE_READY, .ask = ask_draining},
    };
    for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++)
        c->list[c->count++] = builtin[i];
}
