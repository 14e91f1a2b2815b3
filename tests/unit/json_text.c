/* SPDX-License-Identifier: MIT
 * JSON strings of text that need not be UTF-8. */
#include "common/json_text.h"

#include "check.h"

#include <string.h>

static void is(json_t *text, const char *expected, size_t n)
{
    assert_true(json_is_string(text));
    assert_int_equal(json_string_length(text), n);
    assert_memory_equal(json_string_value(text), expected, n);
    json_decref(text);
}

static void any_bytes_are_a_string(void **state)
{
    (void)state;
    is(hr_json_text("", 0), "", 0);
    is(hr_json_text("caf\xc3\xa9", 5), "caf\xc3\xa9", 5);
    is(hr_json_text("a\0b", 3), "a\0b", 3);
    is(hr_json_text("caf\xc3", 4), "caf\xef\xbf\xbd", 6);
    is(hr_json_text("\xff\xfe\xc3", 3), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
       9); /* as long as it gets */
}

static void a_field_ends_with_its_size_or_before(void **state)
{
    static const char field[4] = {'f', 'u', 'l', 'l'};
    (void)state;
    is(hr_json_field(field, sizeof(field)), "full", 4);
    is(hr_json_field("half\0over", 9), "half", 4);
    json_t *none = hr_json_field("", 1);
    assert_true(json_is_null(none));
    json_decref(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes_are_a_string),
        cmocka_unit_test(a_field_ends_with_its_size_or_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
