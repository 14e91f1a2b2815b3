/* SPDX-License-Identifier: MIT
 * How workspace-search judges a pattern: what may run without counting its steps. */
#include "samples.h"

#include "check.h"
#include "effort.h"

#include <math.h>
#include <stddef.h>

static void loops_and_choices_are_counted(void **state)
{
    static const struct {
        const char *pattern;
        unsigned loops, choices;
    } cases[] = {
        {"", 0, 1},        {"foo_bar", 0, 1},      {"\\w+_zoo", 1, 1}, {"a.*b?c{2,3}", 3, 1},
        {"a|b|c", 0, 4},   {"(a|b)(?:c|d)", 0, 4}, {"(?i)x+", 1, 1},   {"\\(\\?\\*\\+\\{", 0, 1},
        {"\\(?:", 1, 1},   {"\\\\+", 1, 1},        {"[+|]", 1, 2},     {"a*?b", 2, 1},
        {"(?:)x*y", 1, 1}, {"\\++", 1, 1},         {"(a*|b)c", 1, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ws_effort e = ws_effort_of(cases[i].pattern);
        if (!e.bounded || e.loops != cases[i].loops || e.choices != cases[i].choices)
            fail_msg("%s: %d %u %g", cases[i].pattern, e.bounded, e.loops, e.choices);
    }
}

static void what_can_explode_is_never_called_bounded(void **state)
{
    static const char *const patterns[] = {
        "(a+)+$",  "(a|a)*", "(?:a*)*",  "(a){2}",   "(?=a+)b", "(?<=a)b", "(?>a)",
        "(a+)\\1", "\\g{1}", "\\k<x>",   "(?1)",     "(?R)",    "(?<x>a)", "(*ACCEPT)",
        "(?x) a",  "(?#c)+", "\\Q+\\E+", "\\X+",     "(?|a|b)", "(?im)a",  "\\c(?:+",
        "\\",      "(?",     "(a)?",     "(?i:a+)+",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct ws_effort e = ws_effort_of(patterns[i]);
        if (e.bounded)
            fail_msg("%s is called bounded", patterns[i]);
        assert_true(ws_effort_tries(&e, 1) == HUGE_VAL);
    }
}

static void tries_grow_with_line_and_loops(void **state)
{
    struct ws_effort none = ws_effort_of("abc"), two = ws_effort_of("a+b+|c");

    (void)state;
    assert_true(ws_effort_tries(&none, 99) == 100);
    assert_true(ws_effort_tries(&two, 99) == 2e6);
    assert_true(ws_effort_tries(&two, 0) == 2);
}

int samples_effort(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(loops_and_choices_are_counted),
        cmocka_unit_test(what_can_explode_is_never_called_bounded),
        cmocka_unit_test(tries_grow_with_line_and_loops),
    };

    return cmocka_run_group_tests_name("samples/search effort", all, NULL, NULL);
}
