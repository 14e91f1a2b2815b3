/* SPDX-License-Identifier: MIT
 * See schema_help.h. */
#include "schema_help.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char report[8192];

json_t *quoted(const char *text)
{
    json_error_t error;
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *json = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!json)
        fail_msg("%s: %s", copy, error.text);
    free(copy);
    return json;
}

struct hr_schema *compiled(const char *schema, const struct hr_schema_limits *limits)
{
    struct hr_schema *s = NULL;
    char why[512] = "";
    json_t *json = quoted(schema);
    int err = hr_schema_compile(json, limits, &s, why, sizeof(why));
    json_decref(json);
    if (err)
        fail_msg("%s: %d: %s", schema, err, why);
    return s;
}

int check_json(const char *schema, const json_t *instance)
{
    struct hr_schema *s = compiled(schema, NULL);
    struct hr_buf errors;
    hr_buf_init(&errors, sizeof(report) - 1);
    int rc = hr_schema_validate(s, instance, &errors);
    (void)snprintf(report, sizeof(report), "%s", hr_buf_str(&errors));
    if ((rc == 0) != (errors.len == 0))
        fail_msg("%d, and \"%s\"", rc, report);
    hr_buf_free(&errors);
    hr_schema_free(s);
    return rc;
}

int check_text(const char *schema, const char *instance)
{
    json_t *json = quoted(instance);
    int rc = check_json(schema, json);
    json_decref(json);
    return rc;
}

json_t *long_string(size_t n, char c, const char *tail)
{
    size_t len = n + strlen(tail);
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, c, n);
    memcpy(text + n, tail, len - n + 1);
    json_t *json = json_stringn(text, len);
    free(text);
    assert_non_null(json);
    return json;
}
