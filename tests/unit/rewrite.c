/* SPDX-License-Identifier: MIT */
#include "loader/config/rewrite.h"

#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int parse(const char *text)
{
    return hr_signal_parse(text, strlen(text));
}

static void names_and_numbers(void **state)
{
    (void)state;
    assert_int_equal(parse("TERM"), SIGTERM);
    assert_int_equal(parse("SIGTERM"), SIGTERM);
    assert_int_equal(parse("sigterm"), SIGTERM);
    assert_int_equal(parse("Usr1"), SIGUSR1);
    assert_int_equal(parse("SIGIO"), SIGIO);
    assert_int_equal(parse("POLL"), SIGIO);
    assert_int_equal(parse("1"), 1);
    assert_int_equal(parse("09"), 9);
    assert_int_equal(parse("64"), 64);
    assert_int_equal(hr_signal_parse("TERMINATE", 4), SIGTERM);
    static const char *const wrong[] = {"",           "0",     "00",    "65",  "-1",
                                        "100",        "SIG",   "SIG15", "TER", "TERMX",
                                        "SIGSIGTERM", " TERM", "1 "};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (parse(wrong[i]) != -EINVAL)
            fail_msg("taken: \"%s\"", wrong[i]);
}

/* Every signal that the system has a name for is known by that name, in the way of kill -l. */
static void every_name_of_the_system(void **state)
{
    (void)state;
    for (int sig = 1; sig < 32; sig++) {
        const char *name = sigabbrev_np(sig);
        assert_non_null(name);
        assert_int_equal(parse(name), sig);
    }
}

static void pairs(void **state)
{
    unsigned char r[65];
    (void)state;
    hr_rewrite_none(r);
    for (int i = 0; i < 65; i++)
        assert_int_equal(r[i], i);
    assert_int_equal(hr_rewrite_parse("TERM:INT,1:31,31:1,USR1:0,34:SIGKILL", r), 0);
    for (int i = 0; i < 65; i++) {
        int wanted = i == SIGTERM ? SIGINT : i == 1 ? 31 : i == 31 ? 1 : i == SIGUSR1 ? 0 : i;
        assert_int_equal(r[i], i == 34 ? SIGKILL : wanted);
    }
    assert_int_equal(hr_rewrite_parse("TERM:TERM", r), 0); /* back again */
    assert_int_equal(r[SIGTERM], SIGTERM);
}

static void wrong_pairs_change_nothing(void **state)
{
    static const struct {
        const char *text;
        int err;
    } wrong[] = {
        {"", -EINVAL},
        {",", -EINVAL},
        {"TERM", -EINVAL},
        {"TERM:", -EINVAL},
        {":TERM", -EINVAL},
        {"TERM:INT,", -EINVAL},
        {"TERM:INT,,", -EINVAL},
        {"TERM:INT:HUP", -EINVAL},
        {"TERM=INT", -EINVAL},
        {"0:TERM", -EINVAL},
        {"TERM:65", -EINVAL},
        {"TERM: INT", -EINVAL},
        {"TERM:INT,KILL:HUP", -EPERM},
        {"STOP:0", -EPERM},
        {"SIGCHLD:TERM", -EPERM},
        {"9:1", -EPERM},
    };
    unsigned char r[65];
    unsigned char before[65];
    (void)state;
    hr_rewrite_none(r);
    assert_int_equal(hr_rewrite_parse("HUP:USR1", r), 0);
    memcpy(before, r, sizeof(before));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(hr_rewrite_parse(wrong[i].text, r), wrong[i].err);
        assert_memory_equal(r, before, sizeof(before));
    }
}

static void written_out_and_read_again(void **state)
{
    unsigned char r[65];
    unsigned char again[65];
    char text[HR_REWRITE_TEXT];
    (void)state;
    hr_rewrite_none(r);
    hr_rewrite_format(r, text);
    assert_string_equal(text, "");
    for (int i = 1; i < 65; i++) /* as much as can be written */
        if (i != SIGKILL && i != SIGSTOP && i != SIGCHLD)
            r[i] = i == 64 ? 63 : 64;
    hr_rewrite_format(r, text);
    assert_true(strlen(text) < sizeof(text) - 1);
    hr_rewrite_none(again);
    assert_int_equal(hr_rewrite_parse(text, again), 0);
    assert_memory_equal(r, again, sizeof(r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers),
        cmocka_unit_test(every_name_of_the_system),
        cmocka_unit_test(pairs),
        cmocka_unit_test(wrong_pairs_change_nothing),
        cmocka_unit_test(written_out_and_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
