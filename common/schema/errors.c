/* SPDX-License-Identifier: MIT
 * Words for what is wrong, short enough to be read by whoever sent the value, and quoting no more
 * of it than shows which part is meant. */
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_MAX = 700, /* bytes of a message */
    POINTER_MAX = 800, /* bytes of a pointer, beyond which only its beginning is shown */
    TEXT_MAX = 60,     /* bytes of a string that are shown */
    ESCAPED_MAX = 6 * TEXT_MAX + 32, /* of these, when each becomes \uXXXX */
    LINE_BYTES = POINTER_MAX + 2 * ESCAPED_MAX + MESSAGE_MAX + 64,
    JSON_MAX = 160,    /* bytes of JSON that are shown */
    FAULT_STEPS = 100, /* what a message costs, about */
};

/* Bytes of text that fit into max without cutting a character. */
static size_t cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

/* One line stays one line, whatever is in it. */
static void add_escaped(struct hr_buf *out, const char *text, size_t len, bool quote)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            (void)hr_buf_adds(out, "\\n");
        else if (c < ' ' || c == 0x7f)
            (void)hr_buf_addf(out, "\\u%04x", c);
        else if (quote && (c == '"' || c == '\\'))
            (void)hr_buf_addf(out, "\\%c", c);
        else
            (void)hr_buf_addc(out, (char)c);
    }
}

void hr_schema_say_text(struct hr_buf *out, const char *text, size_t len)
{
    size_t shown = cut(text, len, TEXT_MAX);
    (void)hr_buf_addc(out, '"');
    add_escaped(out, text, shown, true);
    (void)hr_buf_addc(out, '"');
    if (shown < len)
        (void)hr_buf_addf(out, "... (%zu bytes)", len);
}

static void say_number(struct hr_buf *out, const json_t *v)
{
    char text[40];
    if (json_is_integer(v)) {
        (void)hr_buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof(text), "%.*g", precision, json_real_value(v));
        if (strtod(text, NULL) == json_real_value(v)) // NOLINT(cert-err33-c): it was just written
            break;
    }
    (void)hr_buf_adds(out, text);
    if (!strpbrk(text, ".en"))
        (void)hr_buf_adds(out, ".0");
}

/* Has it few enough values to be worth writing out? */
static bool is_small(const json_t *v, size_t *left)
{
    if (!*left || json_string_length(v) > JSON_MAX)
        return false;
    --*left;
    bool small = json_array_size(v) <= *left && json_object_size(v) <= *left;
    for (size_t i = 0; small && i < json_array_size(v); i++)
        small = is_small(json_array_get(v, i), left);
    for (void *it = json_object_iter((json_t *)v); small && it;
         it = json_object_iter_next((json_t *)v, it))
        small = is_small(json_object_iter_value(it), left);
    return small;
}

void hr_schema_say_json(struct hr_buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        hr_schema_say_text(out, json_string_value(value), json_string_length(value));
        return;
    }
    if (json_is_number(value)) {
        say_number(out, value);
        return;
    }
    char text[JSON_MAX];
    size_t left = JSON_MAX / 2;
    size_t len = is_small(value, &left)
                     ? json_dumpb(value, text, JSON_MAX, JSON_COMPACT | JSON_ENCODE_ANY)
                     : JSON_MAX + 1;
    if (len > JSON_MAX)
        (void)hr_buf_adds(out, json_is_object(value) ? "{...}" : "[...]");
    else
        (void)hr_buf_add(out, text, len);
}

void hr_schema_say_value(struct hr_buf *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        (void)hr_buf_adds(out, json_object_size(value) ? "an object" : "an empty object");
        return;
    case JSON_ARRAY:
        (void)hr_buf_addf(out, "an array of %zu item%s", json_array_size(value),
                          json_array_size(value) == 1 ? "" : "s");
        return;
    case JSON_NULL: (void)hr_buf_adds(out, "null"); return;
    case JSON_STRING: (void)hr_buf_adds(out, "string "); break;
    case JSON_INTEGER: (void)hr_buf_adds(out, "integer "); break;
    case JSON_REAL: (void)hr_buf_adds(out, "number "); break;
    default: (void)hr_buf_adds(out, "boolean ");
    }
    hr_schema_say_json(out, value);
}

void hr_schema_say_types(struct hr_buf *out, unsigned types)
{
    static const struct {
        unsigned types;
        const char *name;
    } names[] = {
        {HR_TYPE_OBJECT, "object"}, {HR_TYPE_ARRAY, "array"},      {HR_TYPE_STRING, "string"},
        {HR_TYPE_NUMBER, "number"}, {HR_TYPE_INTEGRAL, "integer"}, {HR_TYPE_BOOLEAN, "boolean"},
        {HR_TYPE_NULL, "null"},
    };
    bool first = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((types & names[i].types) != names[i].types)
            continue;
        if (names[i].types == HR_TYPE_INTEGRAL && (types & HR_TYPE_NUMBER) == HR_TYPE_NUMBER)
            continue;
        (void)hr_buf_addf(out, "%s%s", first ? "" : " or ", names[i].name);
        first = false;
    }
}

static void say_token(struct hr_buf *out, const char *key)
{
    size_t len = cut(key, strlen(key), TEXT_MAX);
    (void)hr_buf_addc(out, '/');
    for (size_t i = 0; i < len; i++) {
        if (key[i] == '~' || key[i] == '/')
            (void)hr_buf_adds(out, key[i] == '~' ? "~0" : "~1");
        else
            add_escaped(out, key + i, 1, false);
    }
    if (key[len])
        (void)hr_buf_adds(out, "...");
}

/* Of a property's name, the object it is in.  False: it was too long, and is cut. */
static bool say_at(struct hr_buf *out, const struct hr_schema_at *at)
{
    if (!at)
        return true;
    if (!say_at(out, at->up))
        return false;
    if (out->len > POINTER_MAX) {
        (void)hr_buf_adds(out, "/...");
        return false;
    }
    if (!at->key)
        (void)hr_buf_addf(out, "/%zu", at->index);
    else if (!at->name)
        say_token(out, at->key);
    return true;
}

int hr_schema_fault(struct hr_schema_run *r, const struct hr_schema_at *at, const char *fmt, ...)
{
    if (hr_schema_enough(r))
        return 1;
    r->steps -= r->steps < FAULT_STEPS ? r->steps : FAULT_STEPS;
    struct hr_buf line;
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t len = cut(text, n < 0 ? 0 : (size_t)n, sizeof(text) - 1);

    hr_buf_init(&line, LINE_BYTES);
    if (hr_buf_reserve(&line, LINE_BYTES)) /* from here on all of it fits */
        return 1;
    (void)say_at(&line, at);
    if (!line.len)
        (void)hr_buf_adds(&line, "(top level)");
    (void)hr_buf_adds(&line, ": ");
    if (at && at->name) {
        (void)hr_buf_adds(&line, "property name ");
        hr_schema_say_text(&line, at->key, strlen(at->key));
        (void)hr_buf_adds(&line, ": ");
    }
    (void)hr_buf_add(&line, text, len);
    (void)hr_buf_addc(&line, '\n');
    if (hr_buf_add(r->sink->out, hr_buf_str(&line), line.len) == 0)
        r->sink->lines++;
    else
        r->sink->lines = r->sink->most; /* the buffer is full */
    hr_buf_free(&line);
    return 1;
}
