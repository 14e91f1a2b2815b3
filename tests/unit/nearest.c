/* SPDX-License-Identifier: MIT */
#include "common/nearest.h"

#include "check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void distances(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        {"", "", 0},
        {"a", "", 1},
        {"", "abc", 3},
        {"grace", "grace", 0},
        {"graze", "grace", 1},
        {"grac", "grace", 1},
        {"ggrace", "grace", 1},
        {"garce", "grace", 1},
        {"GRACE", "grace", 0},
        {"crash_dir", "crash-dir", 0},
        {"abc", "xyz", 3},
        {"ab", "ba", 1},
        {"kitten", "sitting", 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(hr_word_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(hr_word_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void a_word_that_is_too_long_is_far(void **state)
{
    char word[50];
    (void)state;
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_int_equal(hr_word_distance(word, word), UINT_MAX);
    assert_int_equal(hr_word_distance(word, "a"), UINT_MAX);
    assert_false(hr_word_is_near(word, UINT_MAX));
    word[48] = '\0';
    assert_int_equal(hr_word_distance(word, word), 0);
    assert_int_equal(hr_word_distance(word, ""), 48);
}

/* The longer a word, the more slips of the pen. */
static void what_is_near(void **state)
{
    (void)state;
    assert_true(hr_word_is_near("abc", 1) && !hr_word_is_near("abc", 2));
    assert_true(hr_word_is_near("abcdefg", 2) && !hr_word_is_near("abcdefg", 3));
    assert_true(hr_word_is_near("abcdefgh", 3) && !hr_word_is_near("abcdefgh", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(a_word_that_is_too_long_is_far),
        cmocka_unit_test(what_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
