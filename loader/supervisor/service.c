/* SPDX-License-Identifier: MIT
 * The state machine of a supervised process.  See service.h; the table is at the end. */
#include "service.h"

#include "common/handoff.h"
#include "common/log.h"
#include "common/passing.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

typedef void action(struct hr_service *s, int arg);

const char *hr_event_name(enum hr_event event)
{
    static const char *const names[HR_NEVENTS] = {
        "start", "stop", "restart", "executed", "exec-failed", "ready", "hung", "exited", "timer"};
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
    int64_t base = s->backoff_ms ? s->backoff_ms : s->policy.backoff_ms;
    int64_t max = s->policy.backoff_max_ms;
    s->backoff_ms = base * 2 < max ? base * 2 : max;
    int64_t span = base * HR_BACKOFF_JITTER_PERCENT / 100;
    return base - span + (int64_t)(s->ops->random(s->ctx) % (uint32_t)(2 * span + 1));
}

/* Count this failure, of a start or of a life; true if it was one too many. */
static bool budget_spent(struct hr_service *s, int64_t now)
{
    if (!s->policy.budget)
        return false;
    uint32_t recent = 0;
    s->deaths[s->next_death++ % HR_BUDGET_MAX] = now;
    for (int i = 0; i < HR_BUDGET_MAX; i++)
        recent += s->deaths[i] && now - s->deaths[i] <= s->policy.budget_window_ms;
    return recent >= s->policy.budget;
}

/* There can be no process now.  When that is the end of it, it is as if one had ended. */
static void cannot_start(struct hr_service *s, int err)
{
    bool never = s->policy.restart == HR_RESTART_NEVER;
    set_reason(s, "cannot start a process: %s", strerror(err));
    if (!never && !budget_spent(s, s->ops->now_ms(s->ctx))) {
        back_off(s, next_delay(s));
        return;
    }
    if (never)
        hr_error("%s: %s", s->pub.name, s->pub.reason);
    else
        hr_error("%s: %s, failure number %u within %lld s: giving up", s->pub.name, s->pub.reason,
                 s->policy.budget, (long long)s->policy.budget_window_ms / 1000);
    s->pub.last_status = HR_EXIT_OSERR << 8;
    enter(s, HR_FAILED);
}

static void do_start(struct hr_service *s, int arg)
{
    (void)arg;
    s->exec_errno = 0;
    s->hung_s = 0;
    s->late = false;
    s->oom = false;
    int pid = s->ops->spawn(s->ctx, s);
    if (pid < 0) {
        cannot_start(s, -pid);
        return;
    }
    s->pub.pid = pid;
    s->pub.starts++;
    s->pub.started_ms = s->ops->now_ms(s->ctx);
    s->ops->set_timer(s->ctx, s, s->policy.start_timeout_ms ? s->policy.start_timeout_ms : -1);
    hr_info("%s: started, pid %d", s->pub.name, pid);
    enter(s, HR_STARTING);
}

static void forget_failures(struct hr_service *s)
{
    s->backoff_ms = 0;
    memset(s->deaths, 0, sizeof(s->deaths));
}

static void do_start_anew(struct hr_service *s, int arg)
{
    forget_failures(s);
    do_start(s, arg);
}

static void do_executed(struct hr_service *s, int arg)
{
    (void)arg;
    if (s->policy.says_ready)
        return;
    if (!s->hung_s)
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
    if (!s->hung_s) /* an abort is on its way, whatever it says now */
        s->ops->set_timer(s->ctx, s, -1);
    s->pub.ready_once = 1;
    s->pub.reason[0] = '\0';
    hr_info("%s: ready after %lld ms", s->pub.name,
            (long long)(s->ops->now_ms(s->ctx) - s->pub.started_ms));
    enter(s, HR_UP);
}

bool hr_service_is_to_end(const struct hr_service *s)
{
    return !s->hung_s && (s->policy.one_shot || s->policy.restart == HR_RESTART_NEVER);
}

static enum hr_end end_of(const struct hr_service *s, int status)
{
    if (s->pub.state == HR_STOPPING)
        return HR_END_STOPPED;
    if (status == 0 && hr_service_is_to_end(s))
        return HR_END_DONE;
    if (s->exec_errno)
        return HR_END_EXEC;
    if (s->hung_s)
        return HR_END_HUNG;
    if (s->late)
        return HR_END_LATE;
    if (!WIFSIGNALED(status))
        return HR_END_CODE;
    return s->oom && WTERMSIG(status) == SIGKILL ? HR_END_OOM : HR_END_SIGNAL;
}

/* Say in words how the process ended. */
static void describe_end(struct hr_service *s, int status)
{
    char hung[64] = "";
    if (s->hung_s > 0)
        (void)snprintf(hung, sizeof(hung), "hung, no heartbeat for %d s: ", s->hung_s);
    else if (s->hung_s)
        (void)snprintf(hung, sizeof(hung), "hung, as it said itself: ");
    if (s->exec_errno)
        set_reason(s, "cannot run %.100s: %s", s->program, strerror(s->exec_errno));
    else if (WIFSIGNALED(status))
        set_reason(s, "%skilled by signal %d (%s)%s%s", hung, WTERMSIG(status),
                   strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "",
                   end_of(s, status) == HR_END_OOM ? ", out of memory" : "");
    else
        set_reason(s, "%sended with code %d", hung, WEXITSTATUS(status));
    /* What it complained of explains an end before it was ready, and no later one, except that a
     * toolhost complains only when it ends. */
    bool explains = s->pub.state == HR_STARTING || s->pub.kind == HR_TOOLHOST;
    if (explains && s->hint && *s->hint && !s->exec_errno) {
        char end[64];
        (void)snprintf(end, sizeof(end), "%.63s", s->pub.reason);
        set_reason(s, "%s: %s", end, s->hint);
    }
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
        return !hr_error_passes(s->exec_errno);
    return (WIFEXITED(status) && code == s->policy.final_code) ||
           (WIFEXITED(status) && code == s->policy.final_code_unready && !s->pub.ready_once);
}

static void forget_process(struct hr_service *s, int status)
{
    s->ops->set_timer(s->ctx, s, -1);
    s->pub.ends[end_of(s, status)]++;
    s->pub.pid = 0;
    s->pub.last_status = status;
}

/* It has done what it was started for. */
static void do_done(struct hr_service *s, int64_t lived)
{
    forget_process(s, 0);
    s->pub.reason[0] = '\0';
    hr_info("%s: done after %lld ms", s->pub.name, (long long)lived);
    enter(s, HR_DOWN);
}

/* The process is gone and nobody had asked for that. */
static void do_died(struct hr_service *s, int status)
{
    int64_t now = s->ops->now_ms(s->ctx);
    int64_t lived = now - s->pub.started_ms;
    int64_t up = s->pub.state == HR_UP ? now - s->pub.state_since_ms : -1;
    if (end_of(s, status) == HR_END_DONE) {
        do_done(s, lived);
        return;
    }
    forget_process(s, status);
    describe_end(s, status);
    s->pub.failures++;
    s->ops->crashed(s->ctx, s, status);
    if (is_final(s, status)) {
        bool is_its_own = s->policy.restart == HR_RESTART_NEVER && !s->exec_errno &&
                          end_of(s, status) != HR_END_OOM;
        hr_log(is_its_own ? HR_LOG_INFO : HR_LOG_ERROR,
               "%s: %s after %lld ms; not starting it again", s->pub.name, s->pub.reason,
               (long long)lived);
        enter(s, HR_FAILED);
        return;
    }
    if (budget_spent(s, now)) {
        hr_error("%s: %s after %lld ms, failure number %u within %lld s: giving up", s->pub.name,
                 s->pub.reason, (long long)lived, s->policy.budget,
                 (long long)s->policy.budget_window_ms / 1000);
        enter(s, HR_FAILED);
        return;
    }
    if (lived >= s->policy.backoff_reset_ms) /* ready or not: that is no tight loop */
        s->backoff_ms = 0;
    back_off(s, up >= s->policy.stable_ms ? 0 : next_delay(s));
}

/* The server's own handler may print where it hangs before it dies of this. */
static void do_hung(struct hr_service *s, int arg)
{
    if (s->hung_s)
        return;
    s->hung_s = arg ? arg : -1;
    if (arg)
        hr_error("%s: no heartbeat for %d s: aborting pid %d", s->pub.name, arg, s->pub.pid);
    else
        hr_error("%s: it asks to be treated as hung: aborting pid %d", s->pub.name, s->pub.pid);
    s->ops->set_timer(s->ctx, s, HR_ABORT_GRACE_MS);
    s->ops->kill(s->ctx, s, SIGABRT);
}

static void kill_now(struct hr_service *s)
{
    s->ops->set_timer(s->ctx, s, HR_KILL_RETRY_MS);
    s->ops->kill(s->ctx, s, SIGKILL);
}

/* The time for becoming ready is over, or the time after an abort. */
static void do_start_timeout(struct hr_service *s, int arg)
{
    (void)arg;
    if (s->hung_s)
        hr_error("%s: pid %d has survived its abort: killing it", s->pub.name, s->pub.pid);
    else
        hr_error("%s: not %s within %lld ms: killing pid %d", s->pub.name,
                 s->policy.one_shot ? "done" : "ready", (long long)s->policy.start_timeout_ms,
                 s->pub.pid);
    s->late = true;
    kill_now(s);
}

static void do_up_timeout(struct hr_service *s, int arg)
{
    if (s->hung_s) /* nothing else sets a timer for a service that is up */
        do_start_timeout(s, arg);
}

static void do_stop(struct hr_service *s, int arg)
{
    (void)arg;
    s->again = false;
    s->ops->set_timer(s->ctx, s, s->policy.stop_timeout_ms ? s->policy.stop_timeout_ms : -1);
    enter(s, HR_STOPPING);
    s->ops->kill(s->ctx, s, s->policy.stop_signal);
}

static void do_kill(struct hr_service *s, int arg)
{
    (void)arg;
    hr_warn("%s: pid %d has not ended: killing it", s->pub.name, s->pub.pid);
    kill_now(s);
}

/* The order to restart: a stop that remembers to go on. */
static void do_restart(struct hr_service *s, int arg)
{
    do_stop(s, arg);
    s->again = true;
}

static void do_again(struct hr_service *s, int arg)
{
    (void)arg;
    s->again = true;
}

static void do_not_again(struct hr_service *s, int arg)
{
    (void)arg;
    s->again = false;
}

/* By a pause of no length: what it has left behind is dealt with in it. */
static void retry_at_once(struct hr_service *s, int arg)
{
    (void)arg;
    forget_failures(s);
    s->pub.retry_at_ms = s->ops->now_ms(s->ctx);
    s->ops->set_timer(s->ctx, s, 0);
    enter(s, HR_BACKOFF);
}

static void do_stopped(struct hr_service *s, int status)
{
    forget_process(s, status);
    describe_end(s, status);
    hr_info("%s: stopped: %s", s->pub.name, s->pub.reason);
    if (!s->again) {
        enter(s, HR_DOWN);
        return;
    }
    retry_at_once(s, 0);
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
    /* clang-format off */
    /*               START          STOP          RESTART        EXECUTED     EXEC_FAILED
                     READY          HUNG          EXITED         TIMER */
    [HR_DOWN]     = {do_start,      nothing,      do_start_anew, impossible,  impossible,
                     nothing,       nothing,      impossible,    nothing},
    [HR_STARTING] = {nothing,       do_stop,      do_restart,    do_executed, do_exec_failed,
                     do_ready,      do_hung,      do_died,       do_start_timeout},
    [HR_UP]       = {nothing,       do_stop,      do_restart,    nothing,     impossible,
                     nothing,       do_hung,      do_died,       do_up_timeout},
    [HR_STOPPING] = {do_again,      do_not_again, do_again,      nothing,     do_exec_failed,
                     nothing,       nothing,      do_stopped,    do_kill},
    [HR_BACKOFF]  = {do_start,      do_give_up,   retry_at_once, impossible,  impossible,
                     nothing,       nothing,      impossible,    do_start},
    [HR_FAILED]   = {do_start_anew, do_give_up,   do_start_anew, impossible,  impossible,
                     nothing,       nothing,      impossible,    nothing},
    /* clang-format on */
};

const char *hr_service_action_name(enum hr_state state, enum hr_event event)
{
    static const struct {
        action *does;
        const char *name;
    } names[] = {
        {do_start, "start"},
        {do_start_anew, "start, with a fresh budget"},
        {do_executed, "up, unless it says so itself"},
        {do_exec_failed, "note why"},
        {do_ready, "up"},
        {do_died, "count, report; backoff or failed"},
        {do_hung, "abort"},
        {do_start_timeout, "kill"},
        {do_up_timeout, "kill, if it was aborted"},
        {do_stop, "ask to end"},
        {do_restart, "ask to end, then start"},
        {do_again, "start afterwards"},
        {do_not_again, "stay down afterwards"},
        {do_kill, "kill"},
        {do_stopped, "down, or backoff of no length"},
        {retry_at_once, "backoff of no length"},
        {do_give_up, "down"},
        {nothing, "-"},
        {impossible, "impossible: say so"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].does == actions[state][event])
            return names[i].name;
    return "?";
}

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

void hr_service_rename(struct hr_service *s, const char *name)
{
    s->pub.failures = 0;
    memset(s->pub.ends, 0, sizeof(s->pub.ends));
    s->pub.ready_once = 0;
    s->pub.last_status = -1;
    s->pub.reason[0] = '\0';
    (void)snprintf(s->pub.name, sizeof(s->pub.name), "%s", name);
    s->ops->changed(s->ctx, s);
}
