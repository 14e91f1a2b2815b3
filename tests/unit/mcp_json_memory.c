/* SPDX-License-Identifier: MIT
 * JSON into a buffer without memory: each allocation fails once.  It is all there, or nothing. */
#include "check.h"
#include "failing_memory.h"
#include "sidecar/mcp/arguments.h"
#include "sidecar/mcp/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
    "{\"a\":[1,-2.5,\"\xc3\xbc\\u0000\\n\",{\"b\":[[],{}]}],\"c\":"
    "\"a string that is longer than the first room of a buffer, which grows\"}";

static json_t *json;

static int add(void)
{
    struct hr_buf b;
    hr_buf_init(&b, 4096);
    int err = hr_buf_adds(&b, "x");
    if (!err) {
        err = hr_mcp_json_add(&b, json, false);
        assert_string_equal(b.data + 1, err ? "" : text);
        assert_int_equal(b.len, strlen(b.data));
    }
    hr_buf_free(&b);
    return err;
}

static int set(void)
{
    struct hr_mcp_arguments a = {0};
    int err = hr_mcp_arguments_set(&a, json);
    assert_int_equal(a.text != NULL, err == 0);
    assert_int_equal(a.len, err ? 0 : strlen(text));
    hr_mcp_arguments_free(&a);
    return err;
}

static void each_allocation_fails_once(int (*run)(void))
{
    assert_int_equal(run(), 0);
    long n = 1;
    for (bool failed = true; failed; n++) {
        fail_allocation(n);
        int err = run();
        failed = allocation_has_failed();
        assert_int_equal(err, failed ? -ENOMEM : 0);
    }
    assert_true(n > 3);
}

static void test_add(void **state)
{
    (void)state;
    each_allocation_fails_once(add);
}

static void test_arguments(void **state)
{
    (void)state;
    each_allocation_fails_once(set);
}

int main(void)
{
    json = json_loads(text, JSON_ALLOW_NUL, NULL);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_add),
                                       cmocka_unit_test(test_arguments)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(json);
    return failures;
}
