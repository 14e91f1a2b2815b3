/* SPDX-License-Identifier: MIT
 * Runs one file of the official JSON Schema test suite: an array of groups, each with a schema and
 * tests.  Prints a line per test: "pass", "fail" or "refused", then the group, the test and, if
 * there is one, the reason, separated by tabs.  Usage: schema_runner FILE [$SCHEMA]; $SCHEMA goes
 * into each schema that is an object and has none. */
#include "common/buf.h"
#include "common/schema/schema.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void report(const char *verdict, const json_t *group, const json_t *test, const char *why)
{
    (void)printf(
        "%s\t%s\t%s\t%.*s\n", verdict, json_string_value(json_object_get(group, "description")),
        json_string_value(json_object_get(test, "description")), (int)strcspn(why, "\n"), why);
}

static void run_group(const json_t *group, const char *dialect)
{
    json_t *schema = json_object_get(group, "schema");
    const json_t *tests = json_object_get(group, "tests");
    struct hr_schema *s = NULL;
    char why[512] = "";
    if (dialect && json_is_object(schema) && !json_object_get(schema, "$schema"))
        (void)json_object_set_new(schema, "$schema", json_string(dialect));
    (void)hr_schema_compile(schema, NULL, &s, why, sizeof(why));
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *test = json_array_get(tests, i);
        struct hr_buf errors;
        hr_buf_init(&errors, 8192);
        int rc = s ? hr_schema_validate(s, json_object_get(test, "data"), &errors) : -1;
        bool good = (rc == 0) == json_is_true(json_object_get(test, "valid"));
        if (!s || rc == -E2BIG)
            report("refused", group, test, s ? hr_buf_str(&errors) : why);
        else
            report(good ? "pass" : "fail", group, test, hr_buf_str(&errors));
        hr_buf_free(&errors);
    }
    hr_schema_free(s);
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *groups =
        argc > 1 ? json_load_file(argv[1], JSON_DECODE_ANY | JSON_ALLOW_NUL, &error) : NULL;
    if (!json_is_array(groups)) {
        (void)fprintf(stderr, "usage: schema_runner FILE [$SCHEMA], FILE a file of the suite\n");
        return 2;
    }
    for (size_t i = 0; i < json_array_size(groups); i++)
        run_group(json_array_get(groups, i), argc > 2 ? argv[2] : NULL);
    json_decref(groups);
    return 0;
}
