/* SPDX-License-Identifier: MIT
 * The values of a text of JSON are counted before it is read. */
#include "common/json_values.h"

#include "check.h"

#include <string.h>

static void counted(void **state)
{
    static const struct {
        const char *json;
        size_t values;
    } cases[] = {
        {"1                  ", 1}, {"[]                 ", 2}, {"{}                 ", 2},
        {"[1,2,3]            ", 4}, {"{\"a\":1,\"b\":[2]}", 4}, {"[\"[{,\",\"\\\",,,\"]", 3},
        {"[\"\\\\\",1]       ", 3}, {"\"[[[[[[[[", 1}, /* it never ends */
        {"\"[[[[[[[\\", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t n = strlen(cases[i].json);
        if (hr_json_has_more(cases[i].json, n, cases[i].values))
            fail_msg("more than %zu: %s", cases[i].values, cases[i].json);
        if (!hr_json_has_more(cases[i].json, n, cases[i].values - 1))
            fail_msg("not more than %zu: %s", cases[i].values - 1, cases[i].json);
    }
    assert_false(hr_json_has_more(NULL, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
