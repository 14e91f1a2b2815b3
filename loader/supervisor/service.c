/* SPDX-License-Identifier: MIT
 * The state machine of a supervised process.  See service.h; the table is at the end. */
#include "service.h"

#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

typedef void action(struct hr_service *s, int arg);

const char *hr_event_name(enum hr_event event)
{
    static const char *const names[HR_NEVENTS] = {"start", "stop",   "executed", "exec-failed",
                                                  "ready", "exited", "timer"};
    return event < HR_NEVENTS ? names[event] : "unknown";
}

int hr_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

__attribute__((format(printf, 2, 3))) static void set_reason(struct hr_service *s, const char *fmt,
                                                             ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(s->pub.reason, sizeof(s->pub.reason), fmt, ap);
    va_end(ap);
}

static void enter(struct hr_service *s, enum hr_state state)
{
    hr_debug("%s: %s -> %s", s->pub.name, hr_state_name(s->pub.state), hr_state_name(state));
    s->pub.state = state;
    s->pub.state_since_ms = s->ops->now_ms(s->ctx);
    if (state != HR_BACKOFF)
        s->pub.retry_at_ms = 0;
    s->ops->changed(s->ctx, s);
}

/* Wait before the next start.  The reason is already set. */
static void back_off(struct hr_service *s, int64_t delay_ms)
{
    hr_warn("%s: %s; starting it again in %lld ms", s->pub.name, s->pub.reason,
            (long long)delay_ms);
    s->pub.retry_at_ms = s->ops->now_ms(s->ctx) + delay_ms;
    s->ops->set_timer(s->ctx, s, delay_ms);
    enter(s, HR_BACKOFF);
}

/* The doubling delay with its jitter. */
static int64_t next_delay(struct hr_service *s)
{
    int64_t base = s->backoff_ms ? s->backoff_ms : HR_BACKOFF_FIRST_MS;
    int64_t max = s->policy.backoff_max_ms;
    s->backoff_ms = base * 2 < max ? base * 2 : max;
    int64_t span = base * HR_BACKOFF_JITTER_PERCENT / 100;
    return base - span + (int64_t)(s->ops->random(s->ctx) % (uint32_t)(2 * span + 1));
}

static void do_start(struct hr_service *s, int arg)
{
    (void)arg;
    s->exec_errno = 0;
    int pid = s->ops->spawn(s->ctx, s);
    if (pid < 0) {
        set_reason(s, "cannot start a process: %s", strerror(-pid));
        back_off(s, next_delay(s));
        return;
    }
    s->pub.pid = pid;
    s->pub.starts++;
    s->pub.started_ms = s->ops->now_ms(s->ctx);
    s->ops->set_timer(s->ctx, s, s->policy.start_timeout_ms ? s->policy.start_timeout_ms : -1);
    hr_info("%s: started, pid %d", s->pub.name, pid);
    enter(s, HR_STARTING);
}

static void do_start_anew(struct hr_service *s, int arg)
{
    s->backoff_ms = 0;
    memset(s->deaths, 0, sizeof(s->deaths));
    do_start(s, arg);
}

static void do_executed(struct hr_service *s, int arg)
{
    (void)arg;
    if (s->policy.says_ready)
        return;
    s->ops->set_timer(s->ctx, s, -1);
    s->pub.reason[0] = '\0';
    enter(s, HR_UP);
}

static void do_exec_failed(struct hr_service *s, int arg)
{
    s->exec_errno = arg;
}

static void do_ready(struct hr_service *s, int arg)
{
    (void)arg;
    s->ops->set_timer(s->ctx, s, -1);
    s->pub.ready_once = 1;
    s->pub.reason[0] = '\0';
    hr_info("%s: ready after %lld ms", s->pub.name,
            (long long)(s->ops->now_ms(s->ctx) - s->pub.started_ms));
    enter(s, HR_UP);
}

/* Say in words how the process ended. */
static void describe_end(struct hr_service *s, int status)
{
    if (s->exec_errno)
        set_reason(s, "cannot run %.100s: %s", s->program, strerror(s->exec_errno));
    else if (WIFSIGNALED(status))
        set_reason(s, "killed by signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
                   WCOREDUMP(status) ? ", core dumped" : "");
    else
        set_reason(s, "ended with code %d", WEXITSTATUS(status));
}

/* Errors of exec that pass: the program itself is fine. */
static bool is_passing(int err)
{
    return err == EAGAIN || err == ENOMEM || err == ENFILE || err == EMFILE || err == EIO ||
           err == ETXTBSY;
}

/* Can another start help at all? */
static bool is_final(const struct hr_service *s, int status)
{
    int code = hr_exit_code(status);
    if (s->policy.restart == HR_RESTART_NEVER)
        return true;
    if (s->policy.restart == HR_RESTART_ALWAYS)
        return false;
    if (s->exec_errno)
        return !is_passing(s->exec_errno);
    return (WIFEXITED(status) && code == s->policy.final_code) ||
           (WIFEXITED(status) && code == s->policy.final_code_unready && !s->pub.ready_once);
}

/* Count this death; true if it was one too many. */
static bool budget_spent(struct hr_service *s, int64_t now)
{
    if (!s->policy.budget)
        return false;
    uint32_t recent = 0;
    s->deaths[s->next_death++ % HR_BUDGET] = now;
    for (int i = 0; i < HR_BUDGET; i++)
        recent += s->deaths[i] && now - s->deaths[i] <= HR_BUDGET_WINDOW_MS;
    return recent >= s->policy.budget;
}

static void forget_process(struct hr_service *s, int status)
{
    s->ops->set_timer(s->ctx, s, -1);
    s->pub.pid = 0;
    s->pub.last_status = status;
}

/* The process is gone and nobody had asked for that. */
static void do_died(struct hr_service *s, int status)
{
    int64_t now = s->ops->now_ms(s->ctx);
    int64_t lived = now - s->pub.started_ms;
    int64_t up = s->pub.state == HR_UP ? now - s->pub.state_since_ms : 0;
    forget_process(s, status);
    describe_end(s, status);
    s->pub.failures++;
    if (is_final(s, status)) {
        hr_log(s->policy.restart == HR_RESTART_NEVER && !s->exec_errno ? HR_LOG_INFO : HR_LOG_ERROR,
               "%s: %s after %lld ms; not starting it again", s->pub.name, s->pub.reason,
               (long long)lived);
        enter(s, HR_FAILED);
        return;
    }
    if (budget_spent(s, now)) {
        hr_error("%s: %s after %lld ms, the %uth failure within %d minutes: giving up", s->pub.name,
                 s->pub.reason, (long long)lived, s->policy.budget, HR_BUDGET_WINDOW_MS / 60000);
        enter(s, HR_FAILED);
        return;
    }
    if (up >= HR_BACKOFF_RESET_MS)
        s->backoff_ms = 0;
    back_off(s, up >= HR_STABLE_MS ? 0 : next_delay(s));
}

static void do_start_timeout(struct hr_service *s, int arg)
{
    (void)arg;
    hr_error("%s: not ready within %lld ms: killing pid %d", s->pub.name,
             (long long)s->policy.start_timeout_ms, s->pub.pid);
    s->ops->set_timer(s->ctx, s, HR_KILL_RETRY_MS);
    s->ops->kill(s->ctx, s, SIGKILL);
}

static void do_stop(struct hr_service *s, int arg)
{
    (void)arg;
    s->ops->set_timer(s->ctx, s, s->policy.stop_timeout_ms ? s->policy.stop_timeout_ms : -1);
    enter(s, HR_STOPPING);
    s->ops->kill(s->ctx, s, s->policy.stop_signal);
}

static void do_kill(struct hr_service *s, int arg)
{
    (void)arg;
    hr_warn("%s: pid %d has not ended: killing it", s->pub.name, s->pub.pid);
    s->ops->set_timer(s->ctx, s, HR_KILL_RETRY_MS);
    s->ops->kill(s->ctx, s, SIGKILL);
}

static void do_stopped(struct hr_service *s, int status)
{
    forget_process(s, status);
    describe_end(s, status);
    hr_info("%s: stopped: %s", s->pub.name, s->pub.reason);
    enter(s, HR_DOWN);
}

static void do_give_up(struct hr_service *s, int arg)
{
    (void)arg;
    s->ops->set_timer(s->ctx, s, -1);
    enter(s, HR_DOWN);
}

/* Late or repeated, and harmless: a ready line of a life that has just ended, say. */
static void nothing(struct hr_service *s, int arg)
{
    (void)s;
    (void)arg;
}

/* It cannot happen, so somebody is wrong; PID 1 says so and lives on. */
static void impossible(struct hr_service *s, int arg)
{
    hr_error("%s: unexpected event in state %s (argument %d): ignored; this is a bug in handrail",
             s->pub.name, hr_state_name(s->pub.state), arg);
}

static action *const actions[HR_NSTATES][HR_NEVENTS] = {
    /*               START          STOP        EXECUTED     EXEC_FAILED     READY       EXITED
       TIMER */
    [HR_DOWN] = {do_start, nothing, impossible, impossible, nothing, impossible, nothing},
    [HR_STARTING] = {nothing, do_stop, do_executed, do_exec_failed, do_ready, do_died,
                     do_start_timeout},
    [HR_UP] = {nothing, do_stop, nothing, impossible, nothing, do_died, nothing},
    [HR_STOPPING] = {nothing, nothing, nothing, do_exec_failed, nothing, do_stopped, do_kill},
    [HR_BACKOFF] = {do_start, do_give_up, impossible, impossible, nothing, impossible, do_start},
    [HR_FAILED] = {do_start_anew, do_give_up, impossible, impossible, nothing, impossible, nothing},
};

void hr_service_event(struct hr_service *s, enum hr_event event, int arg)
{
    actions[s->pub.state][event](s, arg);
}

void hr_service_init(struct hr_service *s, const char *name, enum hr_service_kind kind,
                     const struct hr_policy *policy, const struct hr_service_ops *ops, void *ctx)
{
    *s = (struct hr_service){.ops = ops, .ctx = ctx, .policy = *policy};
    s->pub.kind = (uint32_t)kind;
    s->pub.last_status = -1;
    (void)snprintf(s->pub.name, sizeof(s->pub.name), "%s", name);
    s->program = s->pub.name;
}
