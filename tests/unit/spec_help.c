/* SPDX-License-Identifier: MIT
 * See spec_help.h. */
#include "spec_help.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

json_t *spec_findings(const char *text, size_t n)
{
    return spec_findings_at(text, n, NULL);
}

json_t *spec_findings_at(const char *text, size_t n, const struct hr_spec_place *place)
{
    struct hr_report r;
    hr_report_init(&r, "check");
    char *copy = n ? malloc(n) : NULL; /* so that a sanitizer sees what is read beyond it */
    if (n)
        memcpy(copy, text, n);
    assert_int_equal(hr_spec_check("spec.yaml", copy, n, place, &r), 0);
    free(copy);
    json_t *findings = json_incref(r.findings);
    hr_report_free(&r);
    return findings;
}

static int number(const json_t *f, const char *key)
{
    return (int)json_integer_value(json_object_get(f, key));
}

static const char *string(const json_t *f, const char *key)
{
    const char *s = json_string_value(json_object_get(f, key));
    return s ? s : "";
}

const char *spec_lines(const json_t *findings)
{
    static char text[64 * 1024];
    size_t at = 0;
    size_t i;
    json_t *f;
    text[0] = '\0';
    json_array_foreach (findings, i, f) {
        int n = snprintf(text + at, sizeof(text) - at, "%d:%d %s %s: %s\n", number(f, "line"),
                         number(f, "column"), string(f, "rule"), string(f, "pointer"),
                         string(f, "message"));
        if (n > 0 && at + (size_t)n < sizeof(text))
            at += (size_t)n;
    }
    return text;
}

size_t spec_count(const json_t *findings, const char *rule, int line, int column)
{
    size_t n = 0;
    size_t i;
    json_t *f;
    json_array_foreach (findings, i, f)
        n += strcmp(string(f, "rule"), rule) == 0 && (!line || number(f, "line") == line) &&
             (!column || number(f, "column") == column);
    return n;
}
