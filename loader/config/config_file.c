/* SPDX-License-Identifier: MIT
 * A JSON file of the configuration.  See config_file.h. */
#include "config_file.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/nearest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MESSAGE_KEY = 64 }; /* bytes of a key in a pointer */

/* ---- bytes ----------------------------------------------------------------------------------- */

int hr_config_file_bytes(const char *path, struct hr_buf *text)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) /* somebody wanted what a link was to lead to */
        return errno == ENOENT && lstat(path, &st) == 0 ? -ENOLINK : -errno;
    int err = fstat(fd, &st) < 0     ? -errno
              : S_ISDIR(st.st_mode)  ? -EISDIR
              : !S_ISREG(st.st_mode) ? -ENOTSUP
                                     : hr_read_fd(fd, text);
    hr_close(&fd);
    return err;
}

void hr_config_file_unread(struct hr_config_file *f, int err)
{
    f->problems++;
    switch (err) {
    case -E2BIG:
        hr_error("%s: larger than %d KiB, which is the most that is read", f->name,
                 HR_CONFIG_FILE_MAX / 1024);
        break;
    case -EISDIR: hr_error("%s: is a folder: expected a JSON file", f->name); break;
    case -ENOTSUP:
        hr_error("%s: is no regular file (a FIFO, a socket or a device): expected a JSON file",
                 f->name);
        break;
    case -EACCES:
        hr_error("%s: cannot read it: %s: make it readable for user %u", f->name, strerror(-err),
                 (unsigned)geteuid());
        break;
    default: hr_error("%s: cannot read it: %s", f->name, strerror(-err)); break;
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

/* What an editor of another system makes of a file. */
static const char *foreign_start(const char *text, size_t len)
{
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return "begins with a byte order mark: save it as UTF-8 without one";
    if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return "is UTF-16: save it as UTF-8";
    size_t blank = 0;
    while (blank < len && text[blank] && strchr(" \t\r\n", text[blank]))
        blank++;
    if (blank == len)
        return "is empty: expected a JSON object";
    return NULL;
}

/* The end of the value that begins at `at`: where a comma or bracket of its parent stands. */
static size_t value_end(const char *text, size_t len, size_t at)
{
    int depth = 0;
    for (; at < len; at++) {
        char c = text[at];
        if (c == '"')
            for (at++; at < len && text[at] != '"'; at++)
                at += text[at] == '\\';
        else if (c == '{' || c == '[')
            depth++;
        else if (depth == 0 && (c == '}' || c == ']' || c == ','))
            break;
        else if (c == '}' || c == ']')
            depth--;
    }
    return at < len ? at : len;
}

/* Blank out the member whose key, which is not the first of its object, ends before `key_end`, with
 * the comma before it.  Lines stay where they are. */
static void blank_member(char *text, size_t len, size_t key_end)
{
    size_t end = value_end(text, len, key_end);
    size_t at = key_end > 0 ? key_end - 1 : 0; /* the quote behind it */
    bool inside = true;
    while (at > 0 && (inside || text[at] != ',')) {
        at--;
        if (inside && text[at] == '"') { /* the quote before it, unless it is an escaped one */
            size_t slashes = 0;
            while (slashes < at && text[at - 1 - slashes] == '\\')
                slashes++;
            inside = slashes % 2 != 0;
        }
    }
    for (; at < end; at++)
        if (text[at] != '\n')
            text[at] = ' ';
}

static void say_not_json(struct hr_config_file *f, const json_error_t *e)
{
    bool twice = json_error_code(e) == json_error_duplicate_key;
    const char *quoted = twice ? NULL : strstr(e->text, " near '"); /* it may be a secret */
    if (!hr_config_file_is_full(f))
        hr_error("%s: line %d, column %d: not valid JSON: %.*s", f->name, e->line, e->column,
                 quoted ? (int)(quoted - e->text) : JSON_ERROR_TEXT_LENGTH, e->text);
    f->problems++;
}

json_t *hr_config_file_parse(struct hr_config_file *f, const char *text, size_t len)
{
    json_error_t e;
    char *copy = NULL;
    const char *foreign = foreign_start(text, len);
    if (foreign) {
        f->problems++;
        hr_error("%s: %s", f->name, foreign);
        return NULL;
    }
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    while (!root) {
        say_not_json(f, &e);
        if (json_error_code(&e) != json_error_duplicate_key)
            break;
        if (!copy && (copy = malloc(len)))
            memcpy(copy, text, len);
        if (!copy || hr_config_file_is_full(f))
            break;
        blank_member(copy, len, (size_t)e.position); /* and there may be another one */
        root = json_loadb(copy, len, JSON_REJECT_DUPLICATES, &e);
    }
    if (copy) { /* with a key twice it still says much that may be wrong as well */
        json_decref(root);
        root = json_loadb(text, len, 0, &e);
    }
    free(copy);
    return root;
}

/* ---- values ---------------------------------------------------------------------------------- */

const char *hr_config_type_name(const json_t *v)
{
    if (!v)
        return "nothing";
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: break;
    }
    return "null";
}

void hr_config_problem(struct hr_config_file *f, const char *pointer, const char *expected,
                       const char *came)
{
    if (!hr_config_file_is_full(f))
        hr_error("%s: %s: expected %s, got %s", f->name, *pointer ? pointer : "(top level)",
                 expected, came);
    f->problems++;
}

int hr_config_file_done(const struct hr_config_file *f)
{
    if (f->problems > HR_CONFIG_PROBLEMS_MAX)
        hr_error("%s: and %d problems more", f->name, f->problems - HR_CONFIG_PROBLEMS_MAX);
    return f->problems ? HR_EXIT_CONFIG : 0;
}

bool hr_config_file_is_full(const struct hr_config_file *f)
{
    return f->problems >= HR_CONFIG_PROBLEMS_MAX;
}

const char *hr_config_nearest(const char *word, const char *const *known, size_t n)
{
    const char *nearest = NULL;
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < n; i++) {
        unsigned d = hr_word_distance(word, known[i]);
        if (d < least && hr_word_is_near(word, d)) {
            least = d;
            nearest = known[i];
        }
    }
    return nearest;
}

/* "one of a, b, c", as far as it fits. */
static void one_of(const char *const *known, size_t n, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < n && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "one of ", known[i]);
}

void hr_config_unknown_key(struct hr_config_file *f, const char *pointer, const char *expected,
                           const char *nearest)
{
    char came[128];
    (void)snprintf(came, sizeof(came),
                   nearest ? "an unknown key: did you mean \"%s\"?" : "an unknown key",
                   nearest ? nearest : "");
    hr_config_problem(f, pointer, expected, came);
}

void hr_config_unknown_keys(struct hr_config_file *f, const char *pointer, const json_t *object,
                            const char *const *known, size_t n)
{
    struct hr_pointer p;
    char expected[512];
    const char *key = NULL;
    json_t *v = NULL;
    one_of(known, n, expected, sizeof(expected));
    /* jansson's iteration takes no const object, and changes nothing */
    json_object_foreach ((json_t *)(uintptr_t)object, key, v) {
        bool ok = false;
        for (size_t i = 0; i < n; i++)
            ok = ok || strcmp(key, known[i]) == 0;
        if (!ok)
            hr_config_unknown_key(f, hr_pointer_key(&p, pointer, key), expected,
                                  hr_config_file_is_full(f) ? NULL
                                                            : hr_config_nearest(key, known, n));
    }
}

const char *hr_config_string(struct hr_config_file *f, const char *pointer, const json_t *object,
                             const char *key, const char *expected)
{
    struct hr_pointer p;
    const json_t *v = json_object_get(object, key);
    if (v && !json_is_string(v))
        hr_config_problem(f, hr_pointer_key(&p, pointer, key), expected, hr_config_type_name(v));
    return json_string_value(v); /* holds no NUL: the parser refuses them */
}

/* ---- pointers -------------------------------------------------------------------------------- */

const char *hr_pointer_key(struct hr_pointer *p, const char *base, const char *key)
{
    char escaped[2 * MESSAGE_KEY + 4];
    size_t n = 0;
    size_t i = 0;
    for (; key[i] && i < MESSAGE_KEY; i++) {
        if (key[i] == '~' || key[i] == '/')
            escaped[n++] = '~';
        escaped[n++] = (char)(key[i] == '~' ? '0' : key[i] == '/' ? '1' : key[i]);
    }
    (void)snprintf(escaped + n, sizeof(escaped) - n, "%s", key[i] ? "..." : "");
    (void)snprintf(p->text, sizeof(p->text), "%s/%s", base, escaped);
    return p->text;
}

const char *hr_pointer_index(struct hr_pointer *p, const char *base, size_t index)
{
    (void)snprintf(p->text, sizeof(p->text), "%s/%zu", base, index);
    return p->text;
}
