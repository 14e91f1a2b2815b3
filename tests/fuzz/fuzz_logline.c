/* SPDX-License-Identifier: MIT
 * Any line as JSON.  The first byte says how it comes; whatever follows, what goes out must be one
 * JSON object a line that the real parser reads, with nothing of the text lost. */
#include "common/buf.h"
#include "common/utf8.h"
#include "loader/supervisor/logline.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int true_)
{
    if (!true_)
        abort();
}

/* What jansson cannot hold is no fault of ours: numbers too large for C, NUL in a key. */
static int beyond_jansson(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

static json_t *parse(const char *text, size_t n, size_t flags, json_error_t *error)
{
    return json_loadb(text, n, flags | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, error);
}

static int depth_of(const json_t *value)
{
    int deepest = 0;
    size_t n = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    void *at = json_is_object(value) ? json_object_iter((json_t *)value) : NULL;
    for (size_t i = 0; i < n; i++) {
        int depth =
            depth_of(json_is_array(value) ? json_array_get(value, i) : json_object_iter_value(at));
        deepest = depth > deepest ? depth : deepest;
        if (at)
            at = json_object_iter_next((json_t *)value, at);
    }
    return deepest + (json_is_array(value) || json_is_object(value));
}

/* The line is an object of its own: all its fields are still there, ours are beside them, and that
 * is all. */
static void must_be_merged(const json_t *in, json_t *out)
{
    static const char *const ours[] = {"time", "service", "stream"};
    const char *key = NULL;
    json_t *value = NULL;
    size_t added = 0;
    json_object_foreach ((json_t *)in, key, value)
        must(json_equal(json_object_get(out, key), value));
    for (size_t i = 0; i < 3; i++) {
        must(json_object_get(out, ours[i]) != NULL);
        added += !json_object_get(in, ours[i]);
    }
    must(json_object_size(out) == json_object_size(in) + added);
}

/* One object of the output; the message goes to all, whose text is not an object itself. */
static void check_text(const struct hr_logline *about, const char *out, size_t len, int whole,
                       struct hr_buf *all)
{
    json_t *object = parse(out, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *message = json_object_get(object, "message");
    must(message && len <= HR_LOGLINE_MAX);
    must((json_object_get(object, "partial") == NULL) == whole);
    must(!strcmp(json_string_value(json_object_get(object, "service")), about->service));
    must(hr_buf_add(all, json_string_value(message), json_string_length(message)) == 0);
    json_decref(object);
}

/* As the output module does: piece by piece, until all is taken or what is left may go on. */
static size_t feed(struct hr_logline *about, const char *text, size_t n, struct hr_buf *all)
{
    static char out[HR_LOGLINE_ROOM];
    size_t at = 0;
    do {
        size_t taken = 0;
        size_t len = hr_logline_json(out, about, text + at, n - at, &taken);
        must(len <= sizeof(out) && memchr(out, '\n', len) == out + len - 1);
        must(taken <= n - at && (taken || !about->last || at == n));
        check_text(about, out, len, about->last && at + taken == n, all);
        about->first = false;
        at += taken;
        if (!taken)
            break;
    } while (at < n);
    return at;
}

/* The text with U+FFFD for what is not UTF-8, one for several in a row. */
static void clean(struct hr_buf *b, const char *text, size_t n)
{
    struct hr_buf raw;
    hr_buf_init(&raw, (n + 1) * 3);
    must(hr_utf8_clean(&raw, text, n) == 0);
    for (size_t i = 0; i < raw.len; i++) {
        int again = i >= 3 && i + 3 <= raw.len && !memcmp(raw.data + i, "\xef\xbf\xbd", 3) &&
                    !memcmp(raw.data + i - 3, "\xef\xbf\xbd", 3);
        if (again)
            i += 2;
        else
            must(hr_buf_addc(b, raw.data[i]) == 0);
    }
    hr_buf_free(&raw);
}

/* A line of text in one part or two, the first of which ends anywhere. */
static void check_parts(const char *text, size_t n, size_t split, int in_two)
{
    struct hr_logline about = {"a\"b", "stderr", true, !in_two};
    struct hr_buf all;
    struct hr_buf got;
    struct hr_buf expected;
    hr_buf_init(&all, (n + 1) * 3);
    hr_buf_init(&got, (n + 1) * 3);
    hr_buf_init(&expected, (n + 1) * 3);
    size_t at = in_two ? feed(&about, text, split, &all) : 0;
    about.last = true;
    must(feed(&about, text + at, n - at, &all) == n - at);
    size_t end = n > 0 && text[n - 1] == '\r' ? n - 1 : n;
    clean(&expected, text, end);
    clean(&got, hr_buf_str(&all), all.len);
    size_t prefix = expected.len - got.len; /* of our own log format */
    must(got.len <= expected.len && (prefix == 0 || hr_logline_is_ours(text, n)));
    must(!memcmp(hr_buf_str(&got), hr_buf_str(&expected) + prefix, got.len));
    hr_buf_free(&all);
    hr_buf_free(&got);
    hr_buf_free(&expected);
}

/* The line is an object, of which jansson may know nothing (it cannot hold it) or little (a key is
 * there twice): it is passed on as that. */
static void check_object(const char *text, size_t n, int readable)
{
    static char out[HR_LOGLINE_ROOM];
    const struct hr_logline about = {"a\"b", "stderr", true, true};
    json_error_t error;
    size_t taken = 0;
    size_t len = hr_logline_json(out, &about, text, n, &taken);
    must(len <= sizeof(out) && (taken == n || !readable) &&
         memchr(out, '\n', len) == out + len - 1);
    json_t *in = parse(text, n, JSON_REJECT_DUPLICATES, NULL);
    json_t *object = parse(out, len, in ? JSON_REJECT_DUPLICATES : 0, &error);
    must(object || (!readable && beyond_jansson(&error)));
    if (in)
        must_be_merged(in, object);
    json_decref(object);
    json_decref(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t error = {0};
    if (size < 2 || size > HR_LOGLINE_MAX * 4)
        return 0;
    size_t n = size - 2;
    char *text = malloc(n ? n : 1); /* an exact copy, so that one byte too far is seen */
    must(text != NULL);
    for (size_t i = 0; i < n; i++) /* a line has no newline in it */
        text[i] = (char)(data[i + 2] == '\n' ? ' ' : data[i + 2]);
    json_t *in = parse(text, n, 0, &error);
    int nul = memchr(text, '\0', n) != NULL; /* jansson overlooks it behind a number */
    int beyond = !in && beyond_jansson(&error) && !nul;
    if (json_is_object(in) && !nul && depth_of(in) <= HR_LOGLINE_DEPTH && n <= HR_LOGLINE_MAX)
        check_object(text, n, 1);
    else if (!beyond)
        check_parts(text, n, 0, 0);
    else if (n <= HR_LOGLINE_MAX)
        check_object(text, n, 0);
    check_parts(text, n, n * data[1] / 256, 1);
    json_decref(in);
    free(text);
    return 0;
}
