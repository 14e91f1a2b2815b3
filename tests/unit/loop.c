/* SPDX-License-Identifier: MIT
 * A kernel that cannot wait for a moment, made of our own poll(); and timers. */
#include "common/loop/loop.h"

#include "check.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WATCHED = 4 };

static int error; /* that poll has, `left` times */
static int left;
static int failures; /* that were told */
static int heard;
static struct ev_loop *loop;

/* libev's, which may be a shared library. */
__attribute__((visibility("default"))) int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    if (n == WATCHED && left > 0) { /* not the log's */
        left--;
        errno = error;
        return -1;
    }
    struct timespec ts = {timeout / 1000, timeout % 1000 * 1000000L};
    return (int)syscall(SYS_ppoll, fds, n, timeout < 0 ? NULL : &ts, NULL, (size_t)0);
}

static void on_failure(void)
{
    failures++;
}

static void on_byte(struct ev_loop *l, ev_io *w, int events)
{
    char byte = 0;
    assert_int_equal(events, EV_READ);
    assert_int_equal(read(w->fd, &byte, 1), 1);
    if (++heard == WATCHED)
        ev_break(l, EVBREAK_ALL);
}

static int set_up(void **state)
{
    (void)state;
    failures = heard = 0;
    loop = hr_loop_new(on_failure);
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ev_loop_destroy(loop);
    return 0;
}

static void hears_all_after(int err, int times, int told)
{
    int ends[WATCHED][2];
    ev_io io[WATCHED];
    for (int i = 0; i < WATCHED; i++) {
        assert_int_equal(pipe(ends[i]), 0);
        ev_io_init(&io[i], on_byte, ends[i][0], EV_READ);
        ev_io_start(loop, &io[i]);
        assert_int_equal(write(ends[i][1], "x", 1), 1);
    }
    error = err;
    left = times;
    (void)ev_run(loop, 0);
    assert_int_equal(heard, WATCHED);
    assert_int_equal(failures, told);
    for (int i = 0; i < WATCHED; i++) {
        ev_io_stop(loop, &io[i]);
        (void)close(ends[i][0]);
        (void)close(ends[i][1]);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    hears_all_after(ENOMEM, WATCHED + 1, WATCHED + 1); /* libev alone would give up one each time */
}

static void test_refused(void **state)
{
    (void)state;
    hears_all_after(EINVAL, 2, 2); /* libev alone would abort */
}

static void test_interrupted(void **state)
{
    (void)state;
    hears_all_after(EINTR, 3, 0);
}

enum { FIRINGS = 4 };
static ev_timer *fired[FIRINGS];
static int nfired;

static void on_timer(struct ev_loop *l, ev_timer *w, int events)
{
    assert_int_equal(events, EV_TIMER);
    assert_in_range(nfired, 0, FIRINGS - 1);
    fired[nfired++] = w;
    if (nfired == FIRINGS)
        ev_break(l, EVBREAK_ALL);
}

/* The loop still believes that it is the time it woke up at, and has one timer that is due. */
static void test_timers_begin_now(void **state)
{
    ev_timer due;
    ev_timer again;
    ev_timer at_once;
    (void)state;
    ev_timer_init(&due, on_timer, 0.04, 0.);
    ev_timer_init(&again, on_timer, 1000., 0.);
    ev_init(&at_once, on_timer);
    ev_timer_start(loop, &due);
    ev_timer_start(loop, &again);
    (void)usleep(50 * 1000);
    hr_loop_arm(loop, &again, 10, 1);
    (void)ev_run(loop, EVRUN_ONCE);
    assert_ptr_equal(fired[0], &due);
    hr_loop_arm(loop, &at_once, -5, 0);
    (void)ev_run(loop, 0);
    int times = 0;
    for (int i = 0; i < FIRINGS; i++)
        times += fired[i] == &again;
    assert_int_equal(times, FIRINGS - 2); /* and each of the others once */
    ev_timer_stop(loop, &again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timers_begin_now, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
