/* SPDX-License-Identifier: MIT
 * Checks of single values: type, const and enum, numbers, strings. */
#include "common/utf8.h"
#include "keywords.h"
#include "regex.h"

#include <string.h>

enum {
    TEXT_MAX = 600,         /* bytes of a message */
    LIST_MAX = 300,         /* bytes of alternatives in a message */
    BYTES_PER_STEP = 256,   /* of strings whose characters are counted */
    STEPS_OF_DECIMALS = 32, /* to write numbers out and read them back */
};

/* What came.  as: how a value that is neither object nor array is said. */
static void say_got(const struct hr_schema_run *r, struct hr_buf *out, const json_t *value,
                    void (*as)(struct hr_buf *out, const json_t *value))
{
    if (json_is_string(value) && r->s->limits.hide_text)
        (void)hr_buf_adds(out, "a string");
    else if (json_is_object(value) || json_is_array(value))
        hr_schema_say_value(out, value);
    else
        as(out, value);
}

HR_CHECK(type)
{
    unsigned type = HR_TYPE(json_typeof(f->value));
    if (rule->types & type)
        return 0;
    if (json_is_real(f->value) && rule->types & HR_TYPE_INTEGRAL &&
        hr_schema_number_integral(f->value))
        return 0;
    if (hr_schema_enough(r))
        return 1;
    struct hr_buf want;
    struct hr_buf got;
    hr_buf_init(&want, LIST_MAX);
    hr_buf_init(&got, LIST_MAX);
    hr_schema_say_types(&want, rule->types);
    say_got(r, &got, f->value, hr_schema_say_value);
    (void)hr_schema_fault(r, f->at, "expected %s, got %s", hr_buf_str(&want), hr_buf_str(&got));
    hr_buf_free(&want);
    hr_buf_free(&got);
    return 1;
}

/* "WHAT WANTED, got VALUE", both as JSON. */
static int expected(struct hr_schema_run *r, const struct hr_schema_frame *f, const char *what,
                    const json_t *wanted)
{
    if (hr_schema_enough(r))
        return 1;
    struct hr_buf text;
    hr_buf_init(&text, TEXT_MAX);
    hr_schema_say_json(&text, wanted);
    (void)hr_buf_adds(&text, ", got ");
    say_got(r, &text, f->value, hr_schema_say_json);
    (void)hr_schema_fault(r, f->at, "expected %s%s", what, hr_buf_str(&text));
    hr_buf_free(&text);
    return 1;
}

HR_CHECK(const)
{
    int rc = hr_schema_equal(r, f->value, rule->value);
    return rc == 1 ? expected(r, f, "", rule->value) : rc;
}

HR_CHECK(enum)
{
    size_t n = json_array_size(rule->value);
    int rc = 1;
    for (size_t i = 0; rc == 1 && i < n; i++)
        rc = hr_schema_equal(r, f->value, json_array_get(rule->value, i));
    if (rc != 1 || hr_schema_enough(r))
        return rc;
    if (n == 1)
        return expected(r, f, "", json_array_get(rule->value, 0));

    struct hr_buf list;
    struct hr_buf got;
    hr_buf_init(&list, TEXT_MAX);
    hr_buf_init(&got, LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        if (list.len > LIST_MAX) {
            (void)hr_buf_addf(&list, ", ... (%zu in all)", n);
            break;
        }
        (void)hr_buf_adds(&list, i ? ", " : "");
        hr_schema_say_json(&list, json_array_get(rule->value, i));
    }
    say_got(r, &got, f->value, hr_schema_say_json);
    (void)hr_schema_fault(r, f->at, "expected one of %s, got %s", hr_buf_str(&list),
                          hr_buf_str(&got));
    hr_buf_free(&list);
    hr_buf_free(&got);
    return 1;
}

/* --- numbers -------------------------------------------------------------------------------------
 */

HR_CHECK(minimum)
{
    return hr_schema_number_cmp(f->value, rule->value) >= 0
               ? 0
               : expected(r, f, "at least ", rule->value);
}

HR_CHECK(maximum)
{
    return hr_schema_number_cmp(f->value, rule->value) <= 0
               ? 0
               : expected(r, f, "at most ", rule->value);
}

HR_CHECK(above)
{
    return hr_schema_number_cmp(f->value, rule->value) > 0
               ? 0
               : expected(r, f, "more than ", rule->value);
}

HR_CHECK(below)
{
    return hr_schema_number_cmp(f->value, rule->value) < 0
               ? 0
               : expected(r, f, "less than ", rule->value);
}

HR_CHECK(multiple)
{
    bool real = json_is_real(f->value) || json_is_real(rule->value);
    int err = hr_schema_spend(r, real ? STEPS_OF_DECIMALS : 0);
    if (err || hr_schema_number_multiple(f->value, rule->value))
        return err;
    return expected(r, f, "a multiple of ", rule->value);
}

/* --- strings -------------------------------------------------------------------------------------
 */

/* Length in characters, which are code points. */
static int count_characters(struct hr_schema_run *r, const json_t *v, size_t *ret)
{
    size_t bytes = json_string_length(v);
    *ret = hr_utf8_count(json_string_value(v), bytes);
    return hr_schema_spend(r, bytes / BYTES_PER_STEP);
}

HR_CHECK(min_length)
{
    size_t n = 0;
    int err = count_characters(r, f->value, &n);
    if (err || n >= rule->count)
        return err;
    return hr_schema_fault(r, f->at, "expected at least %zu character%s, got %zu", rule->count,
                           rule->count == 1 ? "" : "s", n);
}

HR_CHECK(max_length)
{
    size_t n = 0;
    int err = count_characters(r, f->value, &n);
    if (err || n <= rule->count)
        return err;
    return hr_schema_fault(r, f->at, "expected at most %zu character%s, got %zu", rule->count,
                           rule->count == 1 ? "" : "s", n);
}

HR_CHECK(pattern)
{
    int rc = hr_schema_regex_search(r, rule->regex, json_string_value(f->value),
                                    json_string_length(f->value));
    if (rc != 1 || hr_schema_enough(r))
        return rc;
    struct hr_buf got;
    hr_buf_init(&got, LIST_MAX);
    say_got(r, &got, f->value, hr_schema_say_json);
    (void)hr_schema_fault(r, f->at, "expected a string matching the pattern %.*s, got %s", LIST_MAX,
                          json_string_value(rule->value), hr_buf_str(&got));
    hr_buf_free(&got);
    return 1;
}
