/* SPDX-License-Identifier: MIT
 * Lines as JSON.  See logline.h. */
#include "logline.h"

#include "common/json_escape.h"
#include "common/log.h"
#include "scan.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char partial_end[] = "\",\"partial\":true}\n";

_Static_assert(HR_LOGLINE_ROOM - HR_LOGLINE_MAX >
                   HR_LOGLINE_SERVICE * HR_JSON_ESCAPE_MAX + HR_LOG_STAMP + 200,
               "our fields have room beside the largest object");

/* ---- what a line says ---------------------------------------------------------------------- */

bool hr_logline_is_ours(const char *line, size_t n)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ handrail";
    if (n < sizeof(shape) - 1)
        return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'd' && i < HR_LOG_STAMP ? !isdigit((unsigned char)line[i])
                                                : line[i] != shape[i])
            return false;
    return true;
}

struct level {
    const char *word;
    const char *name;
};

static const struct level words[] = {
    {"CRITICAL", "critical"}, {"FATAL", "critical"}, {"ERROR", "error"}, {"WARNING", "warning"},
    {"WARN", "warning"},      {"INFO", "info"},      {"DEBUG", "debug"},
};

static const struct level beginnings[] = {
    {"Traceback (most recent call last)", "error"},
    {"Fatal Python error", "critical"},
};

static bool begins(const char *line, size_t n, const char *with)
{
    size_t len = strlen(with);
    return n >= len && memcmp(line, with, len) == 0;
}

/* The level of a plain line, or NULL. */
static const char *find_level(const char *line, size_t n)
{
    bool bracket = n > 0 && line[0] == '[';
    const char *word = line + bracket;
    size_t len = 0;
    while (len < n - bracket && (isalnum((unsigned char)word[len]) || word[len] == '_'))
        len++;
    bool closed = bracket && len < n - 1 && word[len] == ']';
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *w = words[i].word;
        if (len == strlen(w) &&
            (bracket ? closed && strncasecmp(word, w, len) == 0 : memcmp(word, w, len) == 0))
            return words[i].name;
    }
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (begins(line, n, beginnings[i].word))
            return beginnings[i].name;
    return NULL;
}

/* A line of our own: "<time> <program>[<pid>] <level>: <message>".  Its level, or NULL if it is not
 * one; *ret_prefix: what stands before the message. */
static const char *find_own_level(const char *line, size_t n, size_t *ret_prefix)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (!hr_logline_is_ours(line, n))
        return NULL;
    const char *program = line + HR_LOG_STAMP + 1;
    const char *space = memchr(program, ' ', n - HR_LOG_STAMP - 1);
    if (!space)
        return NULL;
    const char *level = space + 1;
    size_t left = n - (size_t)(level - line);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (begins(level, left, names[i]) && begins(level + len, left - len, ": ")) {
            *ret_prefix = (size_t)(level - line) + len + 2;
            return names[i];
        }
    }
    return NULL;
}

/* ---- writing ------------------------------------------------------------------------------- */

struct object {
    char *out;
    size_t len;
};

static void add(struct object *o, const char *text, size_t n)
{
    memcpy(o->out + o->len, text, n);
    o->len += n;
}

static void adds(struct object *o, const char *text)
{
    add(o, text, strlen(text));
}

/* "name":"value" behind what is there; of value, at most HR_LOGLINE_SERVICE bytes. */
static void add_field(struct object *o, const char *name, const char *value)
{
    size_t taken = 0;
    adds(o, o->len > 1 ? ",\"" : "\"");
    adds(o, name);
    adds(o, "\":\"");
    o->len += hr_json_escape(o->out + o->len, (size_t)HR_LOGLINE_SERVICE * HR_JSON_ESCAPE_MAX,
                             value, strnlen(value, HR_LOGLINE_SERVICE), &taken);
    adds(o, "\"");
}

static void add_time(struct object *o)
{
    char stamp[HR_LOG_STAMP + 1];
    hr_log_stamp(stamp);
    add_field(o, "time", stamp);
}

/* Our fields, then the object's own text. */
static size_t merge(char *out, const struct hr_logline *about, const char *text,
                    const struct hr_scan_object *found)
{
    struct object o = {out, 0};
    adds(&o, "{");
    if (!found->has[HR_SCAN_TIME])
        add_time(&o);
    if (!found->has[HR_SCAN_SERVICE])
        add_field(&o, "service", about->service);
    if (!found->has[HR_SCAN_STREAM])
        add_field(&o, "stream", about->stream);
    if (o.len > 1 && found->members)
        adds(&o, ",");
    add(&o, text + found->begin, found->end - found->begin);
    adds(&o, "\n");
    return o.len;
}

static void add_head(struct object *o, const struct hr_logline *about, const char *text, size_t n,
                     size_t *ret_prefix)
{
    const char *level = NULL;
    adds(o, "{");
    if (about->first)
        level = find_own_level(text, n, ret_prefix);
    if (level) {
        char stamp[HR_LOG_STAMP + 1] = "";
        memcpy(stamp, text, HR_LOG_STAMP);
        add_field(o, "time", stamp);
    } else {
        add_time(o);
        level = about->first ? find_level(text, n) : NULL;
    }
    add_field(o, "service", about->service);
    add_field(o, "stream", about->stream);
    if (level)
        add_field(o, "level", level);
}

size_t hr_logline_json(char out[HR_LOGLINE_ROOM], const struct hr_logline *about, const char *text,
                       size_t n, size_t *ret_taken)
{
    struct hr_scan_object found;
    if (about->first && about->last && n <= HR_LOGLINE_MAX && hr_scan_object(text, n, &found)) {
        *ret_taken = n;
        return merge(out, about, text, &found);
    }
    struct object o = {out, 0};
    size_t at = 0;
    add_head(&o, about, text, n, &at);
    adds(&o, ",\"message\":\"");
    size_t end = about->last ? n : hr_json_whole(text, n);
    if (about->last && end > at && text[end - 1] == '\r')
        end--; /* of the line's end */
    size_t taken = 0;
    size_t room = HR_LOGLINE_MAX - o.len - (sizeof(partial_end) - 1);
    if (end > at)
        o.len += hr_json_escape(out + o.len, room, text + at, end - at, &taken);
    bool whole = about->last && at + taken == end;
    adds(&o, whole ? "\"}\n" : partial_end);
    *ret_taken = whole ? n : at + taken;
    return o.len;
}
