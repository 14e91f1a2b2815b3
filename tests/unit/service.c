/* SPDX-License-Identifier: MIT
 * The service state machine: every cell of its table, then the policies, with a false clock and
 * false processes. */
#include "loader/supervisor/service.h"

#include "check.h"
#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    int64_t now;
    int spawn_result; /* what the next spawn answers; 0: a new pid */
    int spawns;
    int kills;
    int last_signal;
    int64_t timer; /* -1: not set */
    int changes;
    int crashes;
    uint32_t random;
    int next_pid;
};

static int64_t w_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static uint32_t w_random(void *ctx)
{
    return ((struct world *)ctx)->random;
}

static int w_spawn(void *ctx, struct hr_service *s)
{
    struct world *w = ctx;
    (void)s;
    w->spawns++;
    return w->spawn_result ? w->spawn_result : w->next_pid++;
}

static void w_kill(void *ctx, struct hr_service *s, int sig)
{
    struct world *w = ctx;
    assert_true(s->pub.pid > 0);
    w->kills++;
    w->last_signal = sig;
}

static void w_timer(void *ctx, struct hr_service *s, int64_t delay)
{
    (void)s;
    assert_true(delay >= -1);
    ((struct world *)ctx)->timer = delay;
}

static void w_changed(void *ctx, struct hr_service *s)
{
    (void)s;
    ((struct world *)ctx)->changes++;
}

static void w_crashed(void *ctx, struct hr_service *s, int status)
{
    (void)status;
    assert_true(s->pub.reason[0] && s->pub.failures);
    ((struct world *)ctx)->crashes++;
}

static const struct hr_service_ops ops = {w_now,   w_random,  w_spawn,  w_kill,
                                          w_timer, w_changed, w_crashed};

enum {
    STABLE_MS = 10000,
    RESET_MS = 30000,
    BUDGET = 10,
    WINDOW_MS = 600000,
};

static const struct hr_policy server = {
    .restart = HR_RESTART_ON_FAILURE,
    .says_ready = true,
    .final_code = -1,
    .final_code_unready = 2,
    .stop_signal = SIGTERM,
    .stable_ms = STABLE_MS,
    .backoff_ms = 500,
    .backoff_max_ms = 30000,
    .backoff_reset_ms = RESET_MS,
    .budget = BUDGET,
    .budget_window_ms = WINDOW_MS,
};
static const struct hr_policy toolhost = {
    .restart = HR_RESTART_ON_FAILURE,
    .says_ready = true,
    .final_code = 78,
    .final_code_unready = -1,
    .stop_signal = SIGTERM,
    .start_timeout_ms = 30000,
    .stop_timeout_ms = 5000,
    .stable_ms = STABLE_MS,
    .backoff_ms = 500,
    .backoff_max_ms = 30000,
    .backoff_reset_ms = RESET_MS,
};

enum { EXIT_0 = 0, EXIT_1 = 1 << 8, EXIT_2 = 2 << 8, EXIT_78 = 78 << 8, EXIT_127 = 127 << 8 };

static void make(struct hr_service *s, struct world *w, const struct hr_policy *policy)
{
    *w = (struct world){.now = 1000000, .timer = -1, .next_pid = 100};
    hr_service_init(s, "x", HR_SERVER, policy, &ops, w);
}

/* Bring a fresh service into a state by the shortest way. */
static void bring(struct hr_service *s, struct world *w, const struct hr_policy *policy,
                  enum hr_state state)
{
    make(s, w, policy);
    if (state == HR_DOWN)
        return;
    hr_service_event(s, HR_EV_START, 0);
    if (state == HR_STARTING)
        return;
    if (state == HR_BACKOFF || state == HR_FAILED) {
        hr_service_event(s, HR_EV_EXITED, state == HR_FAILED ? EXIT_78 : EXIT_1);
        return;
    }
    hr_service_event(s, HR_EV_EXECUTED, 0);
    hr_service_event(s, HR_EV_READY, 0);
    if (state == HR_STOPPING)
        hr_service_event(s, HR_EV_STOP, 0);
}

/* Next state of every cell, for a toolhost's policy; exits are with code 1. */
static const enum hr_state next[HR_NSTATES][HR_NEVENTS] = {
    /* clang-format off */
    /*               START        STOP         RESTART      EXECUTED     EXEC_FAILED
                     READY        HUNG         EXITED       TIMER */
    [HR_DOWN]     = {HR_STARTING, HR_DOWN,     HR_STARTING, HR_DOWN,     HR_DOWN,
                     HR_DOWN,     HR_DOWN,     HR_DOWN,     HR_DOWN},
    [HR_STARTING] = {HR_STARTING, HR_STOPPING, HR_STOPPING, HR_STARTING, HR_STARTING,
                     HR_UP,       HR_STARTING, HR_BACKOFF,  HR_STARTING},
    [HR_UP]       = {HR_UP,       HR_STOPPING, HR_STOPPING, HR_UP,       HR_UP,
                     HR_UP,       HR_UP,       HR_BACKOFF,  HR_UP},
    [HR_STOPPING] = {HR_STOPPING, HR_STOPPING, HR_STOPPING, HR_STOPPING, HR_STOPPING,
                     HR_STOPPING, HR_STOPPING, HR_DOWN,     HR_STOPPING},
    [HR_BACKOFF]  = {HR_STARTING, HR_DOWN,     HR_BACKOFF,  HR_BACKOFF,  HR_BACKOFF,
                     HR_BACKOFF,  HR_BACKOFF,  HR_BACKOFF,  HR_STARTING},
    [HR_FAILED]   = {HR_STARTING, HR_DOWN,     HR_STARTING, HR_FAILED,   HR_FAILED,
                     HR_FAILED,   HR_FAILED,   HR_FAILED,   HR_FAILED},
    /* clang-format on */
};

static void every_cell(void **state)
{
    (void)state;
    for (int st = 0; st < HR_NSTATES; st++) {
        for (int ev = 0; ev < HR_NEVENTS; ev++) {
            struct hr_service s;
            struct world w;
            bring(&s, &w, &toolhost, (enum hr_state)st);
            assert_int_equal(s.pub.state, st);
            int arg = ev == HR_EV_EXITED        ? EXIT_1
                      : ev == HR_EV_EXEC_FAILED ? ENOENT
                      : ev == HR_EV_HUNG        ? 60
                                                : 0;
            bool running = st == HR_STARTING || st == HR_UP;
            w.now += 1;
            w.changes = 0;
            hr_service_event(&s, (enum hr_event)ev, arg);
            if (s.pub.state != (uint32_t)next[st][ev])
                fail_msg("%s + %s: %s, expected %s", hr_state_name((uint32_t)st),
                         hr_event_name((enum hr_event)ev), hr_state_name(s.pub.state),
                         hr_state_name((uint32_t)next[st][ev]));
            if (s.pub.state != (uint32_t)st) { /* the board must show it, and since when */
                assert_int_not_equal(w.changes, 0);
                assert_int_equal(s.pub.state_since_ms, w.now);
            }
            if (s.pub.state == HR_UP && st != HR_UP) {
                assert_int_equal(s.pub.ready_once, 1);
                assert_string_equal(s.pub.reason, "");
            }
            /* What must hold in each state, however it was reached. */
            bool process =
                s.pub.state == HR_STARTING || s.pub.state == HR_UP || s.pub.state == HR_STOPPING;
            assert_int_equal(s.pub.pid > 0, process);
            assert_int_equal(s.pub.retry_at_ms > 0, s.pub.state == HR_BACKOFF);
            if (s.pub.state == HR_BACKOFF)
                assert_true(w.timer >= 0); /* or it would never come back */
            bool hung = ev == HR_EV_HUNG && running;
            if (s.pub.state == HR_DOWN || s.pub.state == HR_FAILED || s.pub.state == HR_UP)
                assert_int_equal(w.timer, hung ? HR_ABORT_GRACE_MS : -1);
            if (st != HR_BACKOFF && st != HR_FAILED) /* those have had their crash before */
                assert_int_equal(w.crashes, running && ev == HR_EV_EXITED);
        }
    }
}

/* The picture beside the code, made from the table itself and from where its cells lead. */
static void draw(FILE *f)
{
    fputs("# The states of a service\n\n"
          "Made from the table in `service.c`; `unit/service` fails when this page is out of date\n"
          "and writes a new one when HR_DRAW_STATES is set.\n\n```mermaid\nstateDiagram-v2\n"
          "    [*] --> down\n",
          f);
    for (int st = 0; st < HR_NSTATES; st++)
        for (int ev = 0; ev < HR_NEVENTS; ev++)
            if (next[st][ev] != (enum hr_state)st)
                fprintf(f, "    %s --> %s: %s\n", hr_state_name((uint32_t)st),
                        hr_state_name((uint32_t)next[st][ev]), hr_event_name((enum hr_event)ev));
    fputs("    starting --> up: executed, of a service that does not say when it is ready\n"
          "    starting --> failed: exited, and trying again cannot help\n"
          "    up --> failed: exited, and trying again cannot help\n"
          "    stopping --> backoff: exited, and it was a restart\n"
          "    starting --> down: exited with code 0, of a service that is to end\n"
          "    up --> down: exited with code 0, of a service that is to end\n"
          "    down --> backoff: start, and there can be no process\n"
          "    backoff --> failed: timer, and there can be no process once too often\n```\n\n| "
          "event |",
          f);
    for (int st = 0; st < HR_NSTATES; st++)
        fprintf(f, " %s |", hr_state_name((uint32_t)st));
    fputs("\n| --- | --- | --- | --- | --- | --- | --- |\n", f);
    for (int ev = 0; ev < HR_NEVENTS; ev++) {
        fprintf(f, "| %s |", hr_event_name((enum hr_event)ev));
        for (int st = 0; st < HR_NSTATES; st++)
            fprintf(f, " %s |", hr_service_action_name((enum hr_state)st, (enum hr_event)ev));
        fputc('\n', f);
    }
}

static void the_picture_is_up_to_date(void **state)
{
    static char want[16384];
    static char have[16384];
    (void)state;
    FILE *f = fmemopen(want, sizeof(want), "w");
    assert_non_null(f);
    draw(f);
    assert_int_equal(fclose(f), 0);
    if (getenv("HR_DRAW_STATES")) {
        f = fopen(HR_STATES_MD, "w");
        assert_non_null(f);
        draw(f);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(HR_STATES_MD, "r");
    assert_non_null(f);
    size_t n = fread(have, 1, sizeof(have) - 1, f);
    have[n] = '\0';
    (void)fclose(f);
    assert_string_equal(have, want);
}

static void without_a_ready_line_running_is_up(void **state)
{
    struct hr_service s;
    struct world w;
    struct hr_policy plain = server;
    (void)state;
    plain.says_ready = false;
    plain.start_timeout_ms = 1000;
    bring(&s, &w, &plain, HR_BACKOFF);
    hr_service_event(&s, HR_EV_TIMER, 0);
    assert_int_equal(w.timer, 1000);
    hr_service_event(&s, HR_EV_EXECUTED, 0);
    assert_int_equal(s.pub.state, HR_UP);
    assert_int_equal(s.pub.ready_once, 0);
    assert_int_equal(w.timer, -1);
    assert_string_equal(s.pub.reason, ""); /* why the last life ended is history */
    bring(&s, &w, &plain, HR_STARTING);
    hr_service_event(&s, HR_EV_HUNG, 60);
    hr_service_event(&s, HR_EV_EXECUTED, 0);
    assert_int_equal(w.timer, HR_ABORT_GRACE_MS); /* an abort is on its way */
}

static void a_service_begins_without_a_past(void **state)
{
    struct hr_service s;
    struct world w = {.now = 1, .timer = -1};
    (void)state;
    hr_service_init(&s, "toolhost/x", HR_TOOLHOST, &toolhost, &ops, &w);
    assert_string_equal(s.pub.name, "toolhost/x");
    assert_ptr_equal(s.program, s.pub.name);
    assert_int_equal(s.pub.kind, HR_TOOLHOST);
    assert_int_equal(s.pub.last_status, -1);
    bring(&s, &w, &toolhost, HR_UP);
    hr_service_event(&s, HR_EV_EXITED, EXIT_78);
    w.changes = 0;
    hr_service_rename(&s, "toolhost/y");
    assert_string_equal(s.pub.name, "toolhost/y");
    assert_int_equal(s.pub.last_status, -1);
    assert_int_equal(s.pub.failures, 0);
    assert_int_equal(s.pub.ready_once, 0);
    assert_string_equal(s.pub.reason, "");
    assert_int_equal(s.pub.starts, 1); /* so that its first life is not taken for the other's */
    assert_int_equal(w.changes, 1);
}

static void backoff_doubles_to_its_cap_and_starts_over(void **state)
{
    static const int64_t want[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    struct hr_service s;
    struct world w;
    struct hr_policy p = server;
    (void)state;
    p.budget = 0;
    make(&s, &w, &p);
    w.random = 0; /* the lower end of the jitter */
    hr_service_event(&s, HR_EV_START, 0);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        hr_service_event(&s, HR_EV_EXITED, EXIT_1);
        assert_int_equal(w.timer, want[i] - want[i] / 10);
        assert_int_equal(s.pub.retry_at_ms, w.now + w.timer);
        w.now += w.timer;
        hr_service_event(&s, HR_EV_TIMER, 0);
        assert_int_equal(s.pub.state, HR_STARTING);
    }
    hr_service_event(&s, HR_EV_READY, 0);
    w.now += STABLE_MS - 1;
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(w.timer, 27000);
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_READY, 0);
    w.now += STABLE_MS; /* long enough for a restart at once, not for forgetting */
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(w.timer, 0);
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(w.timer, 27000);
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_READY, 0);
    w.now += RESET_MS;
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(w.timer, 0);
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(w.timer, 450);
}

static void jitter_stays_within_its_bounds(void **state)
{
    bool seen[101] = {false};
    (void)state;
    for (uint32_t r = 0; r < 2000; r += 7) {
        struct hr_service s;
        struct world w;
        bring(&s, &w, &server, HR_STARTING);
        w.random = r;
        hr_service_event(&s, HR_EV_EXITED, EXIT_1);
        assert_in_range(w.timer, 450, 550);
        seen[w.timer - 450] = true;
    }
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
        assert_true(seen[i]); /* or the pods of a node would still start in step */
}

static void budget_ends_a_crash_loop(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &server, HR_STARTING);
    for (int i = 1; i < BUDGET; i++) {
        hr_service_event(&s, HR_EV_EXITED, EXIT_1);
        assert_int_equal(s.pub.state, HR_BACKOFF);
        hr_service_event(&s, HR_EV_TIMER, 0);
    }
    hr_service_event(&s, HR_EV_EXITED, 3 << 8);
    assert_int_equal(s.pub.state, HR_FAILED);
    assert_int_equal(hr_exit_code(s.pub.last_status), 3);
    assert_int_equal(s.pub.failures, BUDGET);
    /* An order starts it anew, with a fresh budget. */
    hr_service_event(&s, HR_EV_START, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(s.pub.state, HR_BACKOFF);
}

/* The same end means success to one that is to end. */
static void one_shot(void **state)
{
    struct hr_policy once = toolhost;
    struct hr_service s;
    struct world w;
    (void)state;
    once.one_shot = true;
    once.budget = 3;
    once.budget_window_ms = WINDOW_MS;
    bring(&s, &w, &once, HR_STARTING);
    assert_int_equal(w.timer, once.start_timeout_ms); /* it has that long for all of it */
    hr_service_event(&s, HR_EV_EXECUTED, 0);
    assert_int_equal(s.pub.state, HR_STARTING);
    hr_service_event(&s, HR_EV_EXITED, 0);
    assert_int_equal(s.pub.state, HR_DOWN);
    assert_int_equal(w.timer, -1);
    assert_int_equal(w.crashes, 0);
    assert_int_equal(s.pub.failures, 0);
    assert_int_equal(s.pub.last_status, 0);
    assert_string_equal(s.pub.reason, "");
    bring(&s, &w, &once, HR_STARTING);
    for (int i = 0; i < 2; i++) {
        hr_service_event(&s, HR_EV_EXITED, EXIT_1);
        assert_int_equal(s.pub.state, HR_BACKOFF);
        hr_service_event(&s, HR_EV_TIMER, 0);
    }
    hr_service_event(&s, HR_EV_TIMER, 0); /* too long */
    assert_int_equal(w.timer, HR_KILL_RETRY_MS);
    hr_service_event(&s, HR_EV_EXITED, SIGKILL);
    assert_int_equal(s.pub.state, HR_FAILED);
    assert_int_equal(w.crashes, 3);
    /* Ordered to end, it is no failure whatever its code. */
    bring(&s, &w, &once, HR_STARTING);
    hr_service_event(&s, HR_EV_STOP, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(s.pub.state, HR_DOWN);
    assert_int_equal(w.crashes, 0);
}

static void slow_failures_do_not_spend_the_budget(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &server, HR_STARTING);
    for (int i = 0; i < 5 * BUDGET; i++) {
        w.now += WINDOW_MS / (BUDGET - 1) + 1;
        hr_service_event(&s, HR_EV_EXITED, EXIT_1);
        assert_int_equal(s.pub.state, HR_BACKOFF);
        hr_service_event(&s, HR_EV_TIMER, 0);
    }
    make(&s, &w, &server); /* the same number just within the window does */
    hr_service_event(&s, HR_EV_START, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    w.now += WINDOW_MS;
    for (int i = 1; i < BUDGET; i++) {
        assert_int_equal(s.pub.state, HR_BACKOFF);
        hr_service_event(&s, HR_EV_TIMER, 0);
        hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    }
    assert_int_equal(s.pub.state, HR_FAILED);
}

static void what_cannot_get_better_is_not_tried_again(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &toolhost, HR_UP);
    hr_service_event(&s, HR_EV_EXITED, EXIT_78);
    assert_int_equal(s.pub.state, HR_FAILED);

    bring(&s, &w, &server, HR_STARTING); /* its usage error, before it was ever ready */
    hr_service_event(&s, HR_EV_EXITED, EXIT_2);
    assert_int_equal(s.pub.state, HR_FAILED);

    bring(&s, &w, &server, HR_UP); /* the same code from one that has worked */
    hr_service_event(&s, HR_EV_EXITED, EXIT_2);
    assert_int_equal(s.pub.state, HR_BACKOFF);

    bring(&s, &w, &server, HR_STARTING);
    hr_service_event(&s, HR_EV_EXEC_FAILED, ENOENT);
    hr_service_event(&s, HR_EV_EXITED, EXIT_127);
    assert_int_equal(s.pub.state, HR_FAILED);
    assert_non_null(strstr(s.pub.reason, "No such file"));

    bring(&s, &w, &server, HR_STARTING); /* a program that itself ends with 127 is another thing */
    hr_service_event(&s, HR_EV_EXITED, EXIT_127);
    assert_int_equal(s.pub.state, HR_BACKOFF);
}

static void a_lack_of_resources_at_exec_is_tried_again(void **state)
{
    static const int passing[] = {EAGAIN, ENOMEM, EMFILE, ENFILE, EIO, ETXTBSY};
    struct hr_service s;
    struct world w;
    (void)state;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        bring(&s, &w, &toolhost, HR_STARTING);
        hr_service_event(&s, HR_EV_EXEC_FAILED, passing[i]);
        hr_service_event(&s, HR_EV_EXITED, 126 << 8);
        assert_int_equal(s.pub.state, HR_BACKOFF);
    }
}

static void restart_policies(void **state)
{
    struct hr_service s;
    struct world w;
    struct hr_policy p = server;
    (void)state;
    p.restart = HR_RESTART_NEVER;
    bring(&s, &w, &p, HR_UP);
    hr_service_event(&s, HR_EV_EXITED, SIGSEGV);
    assert_int_equal(s.pub.state, HR_FAILED);
    assert_int_equal(hr_exit_code(s.pub.last_status), 128 + SIGSEGV);

    for (int from = HR_STARTING; from <= HR_UP; from++) {
        bring(&s, &w, &p, (enum hr_state)from); /* its end is ours, and with code 0 no failure */
        hr_service_event(&s, HR_EV_EXITED, EXIT_0);
        assert_int_equal(s.pub.state, HR_DOWN);
        assert_int_equal(s.pub.last_status, EXIT_0);
        assert_int_equal(s.pub.ends[HR_END_DONE], 1);
        assert_int_equal(w.crashes, 0);
        assert_int_equal(s.pub.failures, 0);
    }
    bring(&s, &w, &p, HR_UP); /* unless that is how it takes an abort */
    hr_service_event(&s, HR_EV_HUNG, 60);
    hr_service_event(&s, HR_EV_EXITED, EXIT_0);
    assert_int_equal(s.pub.state, HR_FAILED);
    assert_int_equal(s.pub.ends[HR_END_HUNG], 1);
    assert_int_equal(w.crashes, 1);

    bring(&s, &w, &server, HR_UP); /* an exit nobody asked for is a failure, 0 included */
    hr_service_event(&s, HR_EV_EXITED, EXIT_0);
    assert_int_equal(s.pub.state, HR_BACKOFF);

    p.restart = HR_RESTART_ALWAYS;
    bring(&s, &w, &p, HR_STARTING);
    hr_service_event(&s, HR_EV_EXITED, EXIT_2);
    assert_int_equal(s.pub.state, HR_BACKOFF);
}

static void a_failed_fork_is_one_more_backoff(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    make(&s, &w, &toolhost); /* without a budget */
    w.spawn_result = -EAGAIN;
    hr_service_event(&s, HR_EV_START, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(s.pub.state, HR_BACKOFF);
        assert_true(w.timer > 0);
        w.now += w.timer;
        hr_service_event(&s, HR_EV_TIMER, 0);
    }
    assert_int_equal(w.spawns, 101);
    assert_int_equal(s.pub.starts, 0);
    w.spawn_result = 0;
    hr_service_event(&s, HR_EV_TIMER, 0);
    assert_int_equal(s.pub.state, HR_STARTING);
}

/* It spends the same budget as a death does, or a limit of processes would be waited for for ever.
 */
static void failed_forks_spend_the_budget(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &server, HR_BACKOFF); /* one failure */
    w.spawn_result = -EAGAIN;
    for (int i = 2; i < BUDGET; i++) {
        w.now += w.timer;
        hr_service_event(&s, HR_EV_TIMER, 0);
        assert_int_equal(s.pub.state, HR_BACKOFF);
        assert_true(w.timer > 0);
    }
    w.now += w.timer;
    w.timer = -1; /* it has fired */
    hr_service_event(&s, HR_EV_TIMER, 0);
    assert_int_equal(s.pub.state, HR_FAILED);
    assert_int_equal(hr_exit_code(s.pub.last_status), 71);
    assert_int_equal(s.pub.starts, 1);
    assert_int_equal(s.pub.failures, 1); /* of its processes */
    assert_int_equal(w.timer, -1);
    assert_string_equal(s.pub.reason, "cannot start a process: Resource temporarily unavailable");
    /* Spread over more time than the budget is for, they do not. */
    bring(&s, &w, &server, HR_BACKOFF);
    w.spawn_result = -EAGAIN;
    for (int i = 0; i < 100; i++) {
        w.now += WINDOW_MS / (BUDGET - 1) + 1;
        hr_service_event(&s, HR_EV_TIMER, 0);
        assert_int_equal(s.pub.state, HR_BACKOFF);
    }
}

static void a_failed_fork_ends_what_is_never_restarted(void **state)
{
    struct hr_service s;
    struct world w;
    struct hr_policy p = server;
    (void)state;
    p.restart = HR_RESTART_NEVER;
    make(&s, &w, &p);
    w.spawn_result = -EAGAIN;
    hr_service_event(&s, HR_EV_START, 0);
    assert_int_equal(s.pub.state, HR_FAILED);
    assert_int_equal(hr_exit_code(s.pub.last_status), 71);
    assert_int_equal(w.timer, -1);
}

static void a_start_that_takes_too_long_is_killed(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &toolhost, HR_STARTING);
    assert_int_equal(w.timer, 30000);
    hr_service_event(&s, HR_EV_TIMER, 0);
    assert_int_equal(w.last_signal, SIGKILL);
    assert_true(w.timer > 0); /* and again, should that not help */
    hr_service_event(&s, HR_EV_EXITED, SIGKILL);
    assert_int_equal(s.pub.state, HR_BACKOFF);
}

static void a_stop_that_takes_too_long_is_killed_until_it_is_over(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &toolhost, HR_STOPPING);
    assert_int_equal(w.last_signal, SIGTERM);
    for (int i = 0; i < 3; i++) {
        assert_true(w.timer > 0);
        hr_service_event(&s, HR_EV_TIMER, 0);
        assert_int_equal(w.last_signal, SIGKILL);
    }
    hr_service_event(&s, HR_EV_EXITED, SIGKILL);
    assert_int_equal(s.pub.state, HR_DOWN);
    assert_int_equal(s.pub.failures, 0);
}

static void a_hang_is_aborted_and_then_killed(void **state)
{
    static const enum hr_state where[] = {HR_STARTING, HR_UP};
    struct hr_service s;
    struct world w;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bring(&s, &w, &server, where[i]);
        hr_service_event(&s, HR_EV_HUNG, 60);
        assert_int_equal(w.last_signal, SIGABRT);
        assert_int_equal(w.timer, HR_ABORT_GRACE_MS);
        hr_service_event(&s, HR_EV_HUNG, 61); /* once is enough */
        hr_service_event(&s, HR_EV_READY, 0); /* too late */
        assert_int_equal(w.kills, 1);
        assert_int_equal(w.timer, HR_ABORT_GRACE_MS);
        hr_service_event(&s, HR_EV_TIMER, 0);
        assert_int_equal(w.last_signal, SIGKILL);
        hr_service_event(&s, HR_EV_TIMER, 0);
        assert_int_equal(w.kills, 3);
        hr_service_event(&s, HR_EV_EXITED, SIGKILL);
        assert_int_equal(s.pub.state, HR_BACKOFF);
        assert_string_equal(s.pub.reason,
                            "hung, no heartbeat for 60 s: killed by signal 9 (Killed)");
        assert_true(hr_exit_code(s.pub.last_status) == 137);
        hr_service_event(&s, HR_EV_TIMER, 0); /* the next life is not hung */
        hr_service_event(&s, HR_EV_READY, 0);
        assert_int_equal(w.timer, -1);
        hr_service_event(&s, HR_EV_EXITED, EXIT_1);
        assert_string_equal(s.pub.reason, "ended with code 1");
    }
}

static void a_hang_that_it_tells_of_itself(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &server, HR_UP);
    hr_service_event(&s, HR_EV_HUNG, 0);
    assert_int_equal(w.last_signal, SIGABRT);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_string_equal(s.pub.reason, "hung, as it said itself: ended with code 1");
}

static void what_it_complained_of_explains_an_end_before_it_was_ready(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &server, HR_STARTING);
    s.hint = "";
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_string_equal(s.pub.reason, "ended with code 1");
    hr_service_event(&s, HR_EV_TIMER, 0);
    s.hint = "module m: no such file";
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_string_equal(s.pub.reason, "ended with code 1: module m: no such file");
    hr_service_event(&s, HR_EV_TIMER, 0);
    assert_string_equal(s.pub.reason, "ended with code 1: module m: no such file");
    hr_service_event(&s, HR_EV_READY, 0);
    hr_service_event(&s, HR_EV_EXITED, SIGKILL);
    assert_string_equal(s.pub.reason, "killed by signal 9 (Killed)");
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_STOP, 0);
    hr_service_event(&s, HR_EV_EXITED, SIGTERM);
    assert_string_equal(s.pub.reason, "killed by signal 15 (Terminated)");
}

static void what_a_toolhost_complained_of_explains_any_end(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &server, HR_UP);
    s.pub.kind = HR_TOOLHOST;
    s.hint = "its tool hang did not return";
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_string_equal(s.pub.reason, "ended with code 1: its tool hang did not return");
}

static void an_order_to_restart(void **state)
{
    struct hr_service s;
    struct world w;
    (void)state;
    bring(&s, &w, &toolhost, HR_UP);
    hr_service_event(&s, HR_EV_RESTART, 0);
    assert_int_equal(w.last_signal, SIGTERM);
    assert_int_equal(w.timer, 5000);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(s.pub.state, HR_BACKOFF);
    assert_int_equal(w.timer, 0);
    hr_service_event(&s, HR_EV_TIMER, 0);
    assert_int_equal(s.pub.state, HR_STARTING);
    assert_int_equal(s.pub.starts, 2);
    assert_int_equal(s.pub.failures, 0); /* it was asked for */
    assert_int_equal(w.crashes, 0);

    hr_service_event(&s, HR_EV_RESTART, 0); /* the later order counts */
    hr_service_event(&s, HR_EV_STOP, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(s.pub.state, HR_DOWN);

    bring(&s, &w, &toolhost, HR_STOPPING);
    hr_service_event(&s, HR_EV_START, 0);
    hr_service_event(&s, HR_EV_EXITED, SIGTERM);
    assert_int_equal(s.pub.state, HR_BACKOFF);
    assert_int_equal(w.timer, 0);
    assert_int_equal(s.pub.retry_at_ms, w.now);
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_STOP, 0); /* that order was for the last life */
    hr_service_event(&s, HR_EV_EXITED, SIGTERM);
    assert_int_equal(s.pub.state, HR_DOWN);

    bring(&s, &w, &server, HR_BACKOFF); /* one that waits need not, and its delays start over */
    hr_service_event(&s, HR_EV_RESTART, 0);
    assert_int_equal(w.timer, 0);
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(w.timer, 450);

    bring(&s, &w, &server, HR_STARTING); /* it gives a server that was given up its budget back */
    for (int i = 0; i < BUDGET; i++) {
        hr_service_event(&s, HR_EV_EXITED, EXIT_1);
        hr_service_event(&s, HR_EV_TIMER, 0);
    }
    assert_int_equal(s.pub.state, HR_FAILED);
    hr_service_event(&s, HR_EV_RESTART, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(s.pub.state, HR_BACKOFF);
}

static void the_numbers_are_the_policys(void **state)
{
    struct hr_service s;
    struct world w;
    struct hr_policy p = server;
    (void)state;
    p.backoff_ms = 10;
    p.backoff_max_ms = 40;
    p.stable_ms = 1000;
    p.backoff_reset_ms = 2000;
    p.budget = 3;
    p.budget_window_ms = 5000;
    bring(&s, &w, &p, HR_STARTING);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_in_range(w.timer, 9, 11);
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_READY, 0);
    w.now += 1000;
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(w.timer, 0);
    hr_service_event(&s, HR_EV_TIMER, 0);
    w.now += 4001; /* the first failure is out of the window */
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(s.pub.state, HR_BACKOFF);
    hr_service_event(&s, HR_EV_TIMER, 0);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(s.pub.state, HR_FAILED);
    p.stable_ms = 0; /* at once if it has been up at all */
    bring(&s, &w, &p, HR_STARTING);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_in_range(w.timer, 9, 11);
    bring(&s, &w, &p, HR_UP);
    hr_service_event(&s, HR_EV_EXITED, EXIT_1);
    assert_int_equal(w.timer, 0);
}

/* Each way a process can end is counted as what it is, and as nothing else. */
static void ends_are_counted_by_how(void **state)
{
    static const struct {
        enum hr_state from;
        enum hr_event before; /* HR_NEVENTS: nothing comes before the end */
        int arg;
        bool oom;
        int status;
        enum hr_end end;
    } ways[] = {
        {HR_STARTING, HR_EV_EXEC_FAILED, ENOENT, false, 127 << 8, HR_END_EXEC},
        {HR_UP, HR_EV_HUNG, 60, false, SIGABRT, HR_END_HUNG},
        {HR_UP, HR_EV_HUNG, 60, true, SIGKILL, HR_END_HUNG},
        {HR_STARTING, HR_EV_TIMER, 0, false, SIGKILL, HR_END_LATE},
        {HR_STARTING, HR_EV_TIMER, 0, false, EXIT_1, HR_END_LATE},
        {HR_UP, HR_NEVENTS, 0, true, SIGKILL, HR_END_OOM},
        {HR_UP, HR_NEVENTS, 0, true, SIGSEGV, HR_END_SIGNAL}, /* it was another one's end */
        {HR_UP, HR_NEVENTS, 0, true, EXIT_1, HR_END_CODE},
        {HR_UP, HR_NEVENTS, 0, false, SIGKILL, HR_END_SIGNAL},
        {HR_UP, HR_NEVENTS, 0, false, 0, HR_END_CODE},
        {HR_UP, HR_EV_STOP, 0, false, 0, HR_END_STOPPED},
        {HR_UP, HR_EV_RESTART, 0, true, SIGKILL, HR_END_STOPPED},
        {HR_STOPPING, HR_EV_TIMER, 0, false, SIGKILL, HR_END_STOPPED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct hr_service s;
        struct world w;
        uint32_t want[HR_NENDS] = {0};
        bring(&s, &w, &toolhost, ways[i].from);
        if (ways[i].before != HR_NEVENTS)
            hr_service_event(&s, ways[i].before, ways[i].arg);
        s.oom = ways[i].oom;
        hr_service_event(&s, HR_EV_EXITED, ways[i].status);
        want[ways[i].end] = 1;
        assert_memory_equal(s.pub.ends, want, sizeof(want));
        assert_int_equal(strstr(s.pub.reason, "out of memory") != NULL, ways[i].end == HR_END_OOM);
        hr_service_event(&s, HR_EV_RESTART, 0);
        if (s.pub.state == HR_BACKOFF)
            hr_service_event(&s, HR_EV_TIMER, 0);
        if (s.pub.pid) { /* nothing of one life counts for the next */
            want[HR_END_SIGNAL]++;
            hr_service_event(&s, HR_EV_EXITED, SIGKILL);
            assert_memory_equal(s.pub.ends, want, sizeof(want));
        }
    }
    struct hr_service s;
    struct world w;
    struct hr_policy once = toolhost;
    once.one_shot = true;
    bring(&s, &w, &once, HR_UP);
    hr_service_event(&s, HR_EV_EXITED, 0);
    assert_int_equal(s.pub.ends[HR_END_DONE], 1);
    hr_service_rename(&s, "another");
    assert_int_equal(s.pub.ends[HR_END_DONE], 0);
}

static uint32_t all_ends(const struct hr_service *s)
{
    uint32_t n = 0;
    for (int i = 0; i < HR_NENDS; i++)
        n += s->pub.ends[i];
    return n;
}

/* Random events for ever: the machine keeps its promises and never loses a timer it needs. */
static void random_walks(void **state)
{
    uint32_t x = 12345;
    (void)state;
    hr_log_init("test", HR_LOG_NONE);
    for (int walk = 0; walk < 200; walk++) {
        struct hr_service s;
        struct world w;
        make(&s, &w, walk % 2 ? &server : &toolhost);
        for (int step = 0; step < 500; step++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            enum hr_event ev = (enum hr_event)(x % HR_NEVENTS);
            bool process = s.pub.pid > 0;
            /* what the world does not do: end what does not run, fire a timer that is not set */
            if ((ev == HR_EV_EXITED || ev == HR_EV_EXECUTED || ev == HR_EV_EXEC_FAILED) && !process)
                continue;
            if (ev == HR_EV_EXEC_FAILED && s.pub.state == HR_UP)
                continue;
            if (ev == HR_EV_TIMER) {
                if (w.timer < 0)
                    continue;
                w.now += w.timer;
                w.timer = -1;
            }
            w.spawn_result = (x >> 8) % 16 == 0 ? -EAGAIN : 0;
            w.now += (x >> 16) % 1000;
            hr_service_event(&s, ev, ev == HR_EV_EXEC_FAILED ? ENOENT : (int)(x >> 20) % 4 << 8);
            process = s.pub.pid > 0;
            assert_int_equal(process, s.pub.state == HR_STARTING || s.pub.state == HR_UP ||
                                          s.pub.state == HR_STOPPING);
            assert_int_equal(all_ends(&s) + process, s.pub.starts);
            if (s.pub.state == HR_BACKOFF)
                assert_true(w.timer >= 0);
            if (s.pub.state == HR_STOPPING && s.policy.stop_timeout_ms)
                assert_true(w.timer >= 0);
            if (s.hung_s && (s.pub.state == HR_UP || s.pub.state == HR_STARTING))
                assert_true(w.timer >= 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(the_picture_is_up_to_date),
        cmocka_unit_test(ends_are_counted_by_how),
        cmocka_unit_test(without_a_ready_line_running_is_up),
        cmocka_unit_test(a_service_begins_without_a_past),
        cmocka_unit_test(backoff_doubles_to_its_cap_and_starts_over),
        cmocka_unit_test(jitter_stays_within_its_bounds),
        cmocka_unit_test(budget_ends_a_crash_loop),
        cmocka_unit_test(slow_failures_do_not_spend_the_budget),
        cmocka_unit_test(what_cannot_get_better_is_not_tried_again),
        cmocka_unit_test(a_lack_of_resources_at_exec_is_tried_again),
        cmocka_unit_test(restart_policies),
        cmocka_unit_test(a_failed_fork_is_one_more_backoff),
        cmocka_unit_test(failed_forks_spend_the_budget),
        cmocka_unit_test(a_failed_fork_ends_what_is_never_restarted),
        cmocka_unit_test(a_start_that_takes_too_long_is_killed),
        cmocka_unit_test(a_stop_that_takes_too_long_is_killed_until_it_is_over),
        cmocka_unit_test(a_hang_is_aborted_and_then_killed),
        cmocka_unit_test(a_hang_that_it_tells_of_itself),
        cmocka_unit_test(what_it_complained_of_explains_an_end_before_it_was_ready),
        cmocka_unit_test(what_a_toolhost_complained_of_explains_any_end),
        cmocka_unit_test(an_order_to_restart),
        cmocka_unit_test(one_shot),
        cmocka_unit_test(the_numbers_are_the_policys),
        cmocka_unit_test(random_walks),
    };
    hr_log_init("test", HR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
