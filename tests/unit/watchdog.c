/* SPDX-License-Identifier: MIT
 * The watchdog, with a false clock. */
#include "loader/supervisor/watchdog.h"

#include "check.h"

enum { LIMIT = 60000 };

/* Let the timer fire `late` ms after it is due, until something is told or `until` is reached. */
static enum hr_watch run(struct hr_watchdog *w, int64_t *now, int64_t until, int64_t late,
                         int *ret_looks)
{
    *ret_looks = 0;
    for (;;) {
        int64_t delay = hr_watchdog_next(w, *now);
        if (delay < 0 || *now + delay > until)
            return HR_WATCH_FINE;
        *now += delay + late;
        (*ret_looks)++;
        enum hr_watch seen = hr_watchdog_look(w, *now);
        if (seen != HR_WATCH_FINE)
            return seen;
    }
}

static void off_until_the_first_heartbeat(void **state)
{
    struct hr_watchdog w;
    (void)state;
    hr_watchdog_reset(&w, LIMIT);
    assert_int_equal(hr_watchdog_next(&w, 1000), -1);
    assert_int_equal(hr_watchdog_look(&w, 1000000), HR_WATCH_FINE);
    hr_watchdog_beat(&w, 1000);
    assert_int_equal(hr_watchdog_next(&w, 1000), LIMIT / 4);
    hr_watchdog_reset(&w, LIMIT);
    assert_int_equal(hr_watchdog_next(&w, 1000), -1);
    hr_watchdog_reset(&w, 0); /* switched off */
    hr_watchdog_beat(&w, 1000);
    assert_int_equal(hr_watchdog_next(&w, 1000), -1);
}

static void silence_is_late_and_then_a_hang(void **state)
{
    struct hr_watchdog w;
    int64_t now = 1000;
    int looks = 0;
    (void)state;
    hr_watchdog_reset(&w, LIMIT);
    hr_watchdog_beat(&w, now);
    assert_int_equal(run(&w, &now, 1000000, 0, &looks), HR_WATCH_LATE);
    assert_int_equal(now, 1000 + LIMIT * 3 / 4);
    assert_int_equal(run(&w, &now, 1000000, 0, &looks), HR_WATCH_HUNG);
    assert_int_equal(now, 1000 + LIMIT);
    assert_int_equal(hr_watchdog_silence(&w, now), LIMIT);
}

static void heartbeats_in_time_cost_no_look(void **state)
{
    struct hr_watchdog w;
    int64_t now = 1000;
    int looks = 0;
    (void)state;
    hr_watchdog_reset(&w, LIMIT);
    for (int i = 0; i < 100; i++) {
        hr_watchdog_beat(&w, now);
        assert_int_equal(run(&w, &now, now + 10000, 0, &looks), HR_WATCH_FINE);
        assert_int_equal(looks, 0);
        now += 10000;
    }
}

/* The machine is paused for an hour: our timer comes late by that hour, and the server, which was
 * paused as well, gets its time back. */
static void what_we_slept_through_does_not_count(void **state)
{
    struct hr_watchdog w;
    int64_t now = 1000;
    (void)state;
    hr_watchdog_reset(&w, LIMIT);
    hr_watchdog_beat(&w, now);
    now += hr_watchdog_next(&w, now) + INT64_C(3600) * 1000;
    assert_int_equal(hr_watchdog_look(&w, now), HR_WATCH_FINE);
    assert_int_equal(hr_watchdog_silence(&w, now), LIMIT / 4);
    assert_in_range(hr_watchdog_next(&w, now), 1, LIMIT / 12);
}

static void what_counts_is_exact(void **state)
{
    struct hr_watchdog w;
    (void)state;
    hr_watchdog_reset(&w, LIMIT);
    assert_int_equal(hr_watchdog_silence(&w, 1000), 0); /* it has said nothing yet */
    for (int late = 200; late <= 201; late++) {
        hr_watchdog_beat(&w, 1000);
        assert_int_equal(hr_watchdog_next(&w, 1000), 15000);
        assert_int_equal(hr_watchdog_look(&w, 16000 + late), HR_WATCH_FINE);
        assert_int_equal(hr_watchdog_silence(&w, 16000 + late), late <= 200 ? 15000 + late : 15000);
    }
    /* Nothing was due: nothing was slept through. */
    assert_int_equal(hr_watchdog_look(&w, 16201 + 1000), HR_WATCH_FINE);
    assert_int_equal(hr_watchdog_silence(&w, 16201 + 1000), 16000);
    hr_watchdog_beat(&w, 20000); /* what was slept through before it has gone with the silence */
    assert_int_equal(hr_watchdog_silence(&w, 20010), 10);
    assert_int_equal(hr_watchdog_next(&w, 20000 + 14999), 1);
    assert_int_equal(hr_watchdog_next(&w, 20000 + 15000), 5000);
    assert_int_equal(hr_watchdog_next(&w, 20000 + 57000), 3000); /* a twelfth would be too late */
    assert_int_equal(hr_watchdog_next(&w, 20000 + 60000), 1);
    hr_watchdog_reset(&w, 2); /* shares of next to nothing are not 0 */
    hr_watchdog_beat(&w, 1000);
    assert_int_equal(hr_watchdog_next(&w, 1001), 1);
    hr_watchdog_reset(&w, LIMIT);
    assert_int_equal(hr_watchdog_next(&w, 1000), -1);
    assert_int_equal(hr_watchdog_look(&w, 500000), HR_WATCH_FINE);
    hr_watchdog_reset(&w, 0);
    hr_watchdog_beat(&w, 1000);
    assert_int_equal(hr_watchdog_look(&w, 500000), HR_WATCH_FINE); /* off */
}

static void a_slow_machine_puts_it_off(void **state)
{
    struct hr_watchdog w;
    int64_t now = 1000;
    int looks = 0;
    (void)state;
    hr_watchdog_reset(&w, LIMIT);
    hr_watchdog_beat(&w, now);
    assert_int_equal(run(&w, &now, 10000000, 5000, &looks), HR_WATCH_LATE);
    assert_int_equal(run(&w, &now, 10000000, 5000, &looks), HR_WATCH_HUNG);
    assert_in_range(now, 1000 + LIMIT + 40000, 1000 + LIMIT * 3);
}

static void a_heartbeat_ends_the_silence(void **state)
{
    struct hr_watchdog w;
    int64_t now = 1000;
    int looks = 0;
    (void)state;
    hr_watchdog_reset(&w, LIMIT);
    hr_watchdog_beat(&w, now);
    for (int i = 0; i < 3; i++) { /* each silence is told of once */
        assert_int_equal(run(&w, &now, 10000000, 0, &looks), HR_WATCH_LATE);
        now += 100;
        hr_watchdog_beat(&w, now);
    }
}

static void a_process_that_is_stopped_is_excused(void **state)
{
    struct hr_watchdog w;
    int64_t now = 1000;
    int looks = 0;
    (void)state;
    hr_watchdog_reset(&w, LIMIT);
    hr_watchdog_beat(&w, now);
    (void)run(&w, &now, 10000000, 0, &looks);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(run(&w, &now, 10000000, 0, &looks), HR_WATCH_HUNG);
        hr_watchdog_excuse(&w, now);
        assert_int_equal(hr_watchdog_silence(&w, now), LIMIT / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_until_the_first_heartbeat),
        cmocka_unit_test(silence_is_late_and_then_a_hang),
        cmocka_unit_test(heartbeats_in_time_cost_no_look),
        cmocka_unit_test(what_we_slept_through_does_not_count),
        cmocka_unit_test(what_counts_is_exact),
        cmocka_unit_test(a_slow_machine_puts_it_off),
        cmocka_unit_test(a_heartbeat_ends_the_silence),
        cmocka_unit_test(a_process_that_is_stopped_is_excused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
