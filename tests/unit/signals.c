/* SPDX-License-Identifier: MIT
 * Which signal means what, and what the server gets in its stead. */
#include "loader/supervisor/signals.h"

#include "check.h"
#include "loader/config/rewrite.h"

static void rewriting(void **state)
{
    unsigned char table[65];
    (void)state;
    hr_rewrite_none(table);
    for (int sig = 1; sig <= 64; sig++)
        assert_int_equal(hr_signal_rewrite(table, sig), sig);
    assert_int_equal(hr_rewrite_parse("TERM:QUIT,HUP:0,USR1:USR2,USR2:USR1", table), 0);
    assert_int_equal(hr_signal_rewrite(table, SIGTERM), SIGQUIT);
    assert_int_equal(hr_signal_rewrite(table, SIGHUP), 0);
    assert_int_equal(hr_signal_rewrite(table, SIGUSR1), SIGUSR2); /* once, not through both */
    assert_int_equal(hr_signal_rewrite(table, SIGUSR2), SIGUSR1);
    assert_int_equal(hr_signal_rewrite(table, SIGINT), SIGINT);
}

static void children_are_always_heard_of(void **state)
{
    unsigned char table[65] = {0}; /* drops everything */
    (void)state;
    assert_int_equal(hr_signal_rewrite(table, SIGCHLD), SIGCHLD);
    assert_int_equal(hr_signal_rewrite(table, SIGTERM), 0);
    assert_int_equal(hr_signal_rewrite(table, 64), 0);
    assert_int_equal(hr_signal_rewrite(table, 65), 65); /* outside: not looked up */
    assert_int_equal(hr_signal_rewrite(table, 0), 0);
    assert_int_equal(hr_signal_rewrite(table, -1), -1);
}

static void meanings(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        assert_int_equal(hr_signal_meaning(SIGCHLD, plain), HR_SIGNAL_CHILD);
        assert_int_equal(hr_signal_meaning(SIGTERM, plain), HR_SIGNAL_SHUTDOWN);
        assert_int_equal(hr_signal_meaning(SIGINT, plain), HR_SIGNAL_SHUTDOWN);
        assert_int_equal(hr_signal_meaning(SIGQUIT, plain), HR_SIGNAL_SHUTDOWN);
        assert_int_equal(hr_signal_meaning(SIGPIPE, plain), HR_SIGNAL_IGNORE);
        assert_int_equal(hr_signal_meaning(SIGUSR1, plain), HR_SIGNAL_FORWARD);
    }
    assert_int_equal(hr_signal_meaning(SIGHUP, true), HR_SIGNAL_FORWARD);
    assert_int_equal(hr_signal_meaning(SIGHUP, false), HR_SIGNAL_RELOAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewriting),
        cmocka_unit_test(children_are_always_heard_of),
        cmocka_unit_test(meanings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
