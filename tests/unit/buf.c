/* SPDX-License-Identifier: MIT */
#include "common/buf.h"

#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void grows_up_to_its_maximum_and_no_further(void **state)
{
    struct hr_buf b;
    (void)state;
    hr_buf_init(&b, 1000);
    assert_string_equal(hr_buf_str(&b), "");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(hr_buf_addc(&b, (char)('a' + i % 26)), 0);
    assert_int_equal(hr_buf_addc(&b, 'x'), -E2BIG);
    assert_int_equal(hr_buf_addf(&b, "%d", 1), -E2BIG);
    assert_int_equal(b.len, 1000);
    assert_int_equal(strlen(hr_buf_str(&b)), 1000);
    assert_true(b.cap <= 1001);
    hr_buf_free(&b);
    assert_int_equal(hr_buf_adds(&b, "again"), 0);
    hr_buf_free(&b);
}

static void a_refused_piece_changes_nothing(void **state)
{
    struct hr_buf b;
    (void)state;
    hr_buf_init(&b, 8);
    assert_int_equal(hr_buf_adds(&b, "abcd"), 0);
    assert_int_equal(hr_buf_adds(&b, "efghi"), -E2BIG);
    assert_int_equal(hr_buf_reserve(&b, SIZE_MAX), -E2BIG);
    assert_string_equal(hr_buf_str(&b), "abcd");
    assert_int_equal(hr_buf_adds(&b, "efgh"), 0);
    hr_buf_free(&b);
}

static void holds_bytes_of_any_value(void **state)
{
    struct hr_buf b;
    (void)state;
    hr_buf_init(&b, 100);
    assert_int_equal(hr_buf_add(&b, "a\0b", 3), 0);
    assert_int_equal(hr_buf_add(&b, NULL, 0), 0);
    assert_int_equal(b.len, 3);
    hr_buf_consume(&b, 2);
    assert_string_equal(hr_buf_str(&b), "b");
    hr_buf_consume(&b, 1);
    assert_int_equal(b.len, 0);
    hr_buf_free(&b);
}

static void take_hands_the_memory_over(void **state)
{
    struct hr_buf b;
    (void)state;
    hr_buf_init(&b, 100);
    assert_null(hr_buf_take(&b));
    assert_int_equal(hr_buf_addf(&b, "%s-%d", "x", 7), 0);
    char *p = hr_buf_take(&b);
    assert_string_equal(p, "x-7");
    assert_int_equal(b.len, 0);
    free(p);
    hr_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_maximum_and_no_further),
        cmocka_unit_test(a_refused_piece_changes_nothing),
        cmocka_unit_test(holds_bytes_of_any_value),
        cmocka_unit_test(take_hands_the_memory_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
