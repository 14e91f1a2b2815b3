/* SPDX-License-Identifier: MIT */
#include "functions.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* An argument's bytes: of a blob as they are, else as UTF-8. */
struct bytes {
    const char *data;
    size_t len;
    bool blob;
};

/* false: NULL, or there is no memory for its text. */
static bool take(sqlite3_value *value, struct bytes *ret)
{
    int type = sqlite3_value_type(value);

    if (type == SQLITE_NULL)
        return false;
    ret->blob = type == SQLITE_BLOB;
    ret->data = ret->blob ? sqlite3_value_blob(value) : (const char *)sqlite3_value_text(value);
    ret->len = (size_t)sqlite3_value_bytes(value);
    if (!ret->data && ret->len == 0)
        ret->data = "";
    return ret->data != NULL;
}

static bool take_text(sqlite3_value *value, struct bytes *ret)
{
    if (sqlite3_value_type(value) == SQLITE_NULL)
        return false;
    ret->data = (const char *)sqlite3_value_text(value);
    ret->len = (size_t)sqlite3_value_bytes(value);
    ret->blob = false;
    return ret->data != NULL;
}

/* memmem() is the two-way algorithm: the worst case takes as long as both together. */
static const char *find(const char *in, size_t len, const struct bytes *what)
{
    return memmem(in, len, what->data, what->len);
}

static size_t characters(const char *text, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void sq_instr(sqlite3_context *context, int n, sqlite3_value **args)
{
    struct bytes in, what;
    bool blobs =
        sqlite3_value_type(args[0]) == SQLITE_BLOB && sqlite3_value_type(args[1]) == SQLITE_BLOB;

    (void)n;
    if (!(blobs ? take(args[0], &in) && take(args[1], &what)
                : take_text(args[0], &in) && take_text(args[1], &what)))
        return;
    const char *at = find(in.data, in.len, &what);
    size_t before = at ? (size_t)(at - in.data) : 0;
    sqlite3_result_int64(
        context, !at ? 0 : (sqlite3_int64)(1 + (blobs ? before : characters(in.data, before))));
}

/* The result's length, as far as it goes into the connection's limit; else 0 and an error. */
static size_t replaced_length(sqlite3_context *context, const struct bytes *in,
                              const struct bytes *what, const struct bytes *with)
{
    size_t max = (size_t)sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1);
    const char *end = in->data + in->len;
    size_t length = in->len;

    for (const char *p = in->data; (p = find(p, (size_t)(end - p), what)); p += what->len) {
        length = length - what->len + with->len;
        if (length > max) {
            sqlite3_result_error_toobig(context);
            return 0;
        }
    }
    return length;
}

static void sq_replace(sqlite3_context *context, int n, sqlite3_value **args)
{
    struct bytes in, what, with;

    (void)n;
    if (!take_text(args[0], &in) || !take_text(args[1], &what) || !take_text(args[2], &with))
        return;
    if (what.len == 0) {
        sqlite3_result_value(context, args[0]);
        return;
    }
    size_t length = replaced_length(context, &in, &what, &with);
    if (length == 0) {
        if (in.len == 0 || with.len == 0)
            sqlite3_result_text(context, "", 0, SQLITE_STATIC);
        return;
    }
    char *out = sqlite3_malloc64(length);
    if (!out) {
        sqlite3_result_error_nomem(context);
        return;
    }
    char *to = out;
    const char *end = in.data + in.len;
    const char *from = in.data;
    for (const char *p = NULL; (p = find(from, (size_t)(end - from), &what)); from = p + what.len) {
        memcpy(to, from, (size_t)(p - from));
        to += p - from;
        memcpy(to, with.data, with.len);
        to += with.len;
    }
    memcpy(to, from, (size_t)(end - from));
    sqlite3_result_text(context, out, (int)length, sqlite3_free);
}

/* The characters to take away, each a piece of the argument. */
struct set {
    struct bytes one[SQ_TRIM_MAX];
    size_t n;
};

static bool take_set(const struct bytes *from, struct set *ret)
{
    ret->n = 0;
    for (size_t i = 0; i < from->len;) {
        size_t len = 1;
        while (i + len < from->len && ((unsigned char)from->data[i + len] & 0xc0) == 0x80)
            len++;
        if (ret->n == SQ_TRIM_MAX)
            return false;
        ret->one[ret->n++] = (struct bytes){.data = from->data + i, .len = len};
        i += len;
    }
    return true;
}

/* How many bytes at that end are one of them; 0: none. */
static size_t at_end(const struct set *set, const char *data, size_t len, bool left)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->one[i].len <= len && memcmp(left ? data : data + len - set->one[i].len,
                                             set->one[i].data, set->one[i].len) == 0)
            return set->one[i].len;
    return 0;
}

enum { LEFT = 1, RIGHT = 2 };

static void sq_trim(sqlite3_context *context, int n, sqlite3_value **args)
{
    static const struct bytes space = {.data = " ", .len = 1};
    uintptr_t ends = (uintptr_t)sqlite3_user_data(context);
    struct bytes in, what = space;
    struct set set;
    size_t taken = 0;

    if (!take_text(args[0], &in) || (n > 1 && !take_text(args[1], &what)))
        return;
    if (!take_set(&what, &set)) {
        sqlite3_result_error(context, "trim() takes away at most 64 different characters here", -1);
        return;
    }
    while ((ends & LEFT) && (taken = at_end(&set, in.data, in.len, true)) > 0) {
        in.data += taken;
        in.len -= taken;
    }
    while ((ends & RIGHT) && (taken = at_end(&set, in.data, in.len, false)) > 0)
        in.len -= taken;
    sqlite3_result_text(context, in.data, (int)in.len, SQLITE_TRANSIENT);
}

int sq_functions_set(sqlite3 *handle)
{
    static const struct {
        const char *name;
        int arguments;
        uintptr_t data;
        void (*function)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"instr", 2, 0, sq_instr},          {"replace", 3, 0, sq_replace},
        {"trim", 1, LEFT | RIGHT, sq_trim}, {"trim", 2, LEFT | RIGHT, sq_trim},
        {"ltrim", 1, LEFT, sq_trim},        {"ltrim", 2, LEFT, sq_trim},
        {"rtrim", 1, RIGHT, sq_trim},       {"rtrim", 2, RIGHT, sq_trim},
    };
    int rc = SQLITE_OK;

    for (size_t i = 0; rc == SQLITE_OK && i < sizeof(functions) / sizeof(functions[0]); i++)
        rc = sqlite3_create_function_v2(handle, functions[i].name, functions[i].arguments,
                                        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                        (void *)functions[i].data, functions[i].function, NULL,
                                        NULL, NULL);
    return rc;
}
