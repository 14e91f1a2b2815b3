/* SPDX-License-Identifier: MIT
 * The checks that every server has: those that read the board, and the two that read a probe's last
 * result in the light of the board. */
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

/* Are the probe's results of the process that is there now? */
static int same_life(const struct hr_probe *p, const struct hr_life *life, char *reason,
                     size_t size)
{
    if (life->known && life->running && life->starts == p->life)
        return 0;
    if (!life->known)
        (void)snprintf(reason, size, "the supervisor's board cannot be read");
    else if (!life->running)
        (void)snprintf(reason, size, "server has no process");
    else
        (void)snprintf(reason, size, "%s",
                       p->life ? "server restarted, not measured yet" : p->message);
    return -ESTALE;
}

static int last_result(struct hr_checks *c, const struct hr_probe *p, char *reason, size_t size)
{
    struct hr_life life = hr_life_read(c->cfg.board);
    if (same_life(p, &life, reason, size))
        return -ESTALE;
    if (p->result == HR_OK)
        return 0;
    (void)snprintf(reason, size, "%s", p->message);
    return -EIO;
}

static int ask_ready(struct hr_checks *c, const struct hr_check *check, unsigned gate, char *reason,
                     size_t size)
{
    (void)check;
    (void)gate;
    return last_result(c, &c->ready, reason, size);
}

/* As part of /livez it says whether the server hangs, and is silent where others speak: without a
 * process, before it was ready in this life, and once a stop has begun. */
static int ask_alive(struct hr_checks *c, const struct hr_check *check, unsigned gate, char *reason,
                     size_t size)
{
    (void)check;
    const struct hr_probe *p = &c->alive;
    struct hr_board_head head;
    if (gate != HR_GATE_LIVE)
        return last_result(c, p, reason, size);
    struct hr_life life = hr_life_read(c->cfg.board);
    if (!hr_board_get_head(c->cfg.board, &head) && head.draining)
        return 0;
    bool was_well = p->succeeded || life.state == HR_UP;
    if (same_life(p, &life, reason, size) || !was_well || !p->failing_since)
        return 0;
    int64_t failing_ms = c->cfg.now_ms() - p->failing_since;
    if (failing_ms <= c->cfg.hang_limit_ms)
        return 0;
    (void)snprintf(reason, size, "failing for %lld s, limit %lld s: %s",
                   (long long)failing_ms / 1000, (long long)c->cfg.hang_limit_ms / 1000,
                   p->message);
    return -ETIMEDOUT;
}

static int ask_started(struct hr_checks *c, const struct hr_check *check, unsigned gate,
                       char *reason, size_t size)
{
    (void)check;
    (void)gate;
    struct hr_board_service s;
    if (!hr_board_get_service(c->cfg.board, 0, &s) && s.ready_once)
        return 0;
    return last_result(c, &c->ready, reason, size);
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
    if (own.agent != HR_AGENT_WRONG)
        return 0;
    (void)snprintf(reason, size, "%.*s", (int)sizeof(own.agent_error), own.agent_error);
    return -EINVAL;
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
    (void)snprintf(reason, size, "a stop has begun");
    return -ESHUTDOWN;
}

void hr_checks_add_builtin(struct hr_checks *c)
{
    static const struct hr_check builtin[HR_CHECKS_BUILTIN] = {
        {.name = "supervisor", .gates = HR_GATE_LIVE | HR_GATE_READY, .ask = ask_supervisor},
        {.name = "process", .gates = HR_GATE_LIVE | HR_GATE_READY, .ask = ask_process},
        {.name = "started", .gates = HR_GATE_STARTUP, .ask = ask_started},
        {.name = "alive", .gates = HR_GATE_LIVE, .ask = ask_alive},
        {.name = "ready", .gates = HR_GATE_READY, .ask = ask_ready},
        {.name = "init", .gates = HR_GATE_READY, .ask = ask_init},
        {.name = "agent-module", .gates = HR_GATE_READY, .ask = ask_agent_module},
        {.name = "draining", .gates = HR_GATE_READY, .ask = ask_draining},
    };
    for (int i = 0; i < HR_CHECKS_BUILTIN; i++)
        c->list[c->count++] = builtin[i];
}
