/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "kit/root.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUMMARY_MAX = 48 * 1024, /* bytes: three paths of bad bytes, and some words */
    BEFORE_MATCH = 60        /* bytes of a long line shown before the match */
};

static const char ellipsis[] = "\xe2\x80\xa6";

int ws_report_start(struct ws_report *r, struct ws_budget *b, int64_t max_results)
{
    *r = (struct ws_report){.budget = b,
                            .max_results = max_results,
                            .text = {.max = WS_ANSWER_MAX + SUMMARY_MAX},
                            .matches = json_array()};
    return r->matches ? 0 : -ENOMEM;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Add the part of the line that shows the match, cut between characters. */
static void add_excerpt(struct kit_text *t, const char *line, size_t len, size_t start, size_t end)
{
    size_t from = 0, to;

    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len > WS_LINE_MAX && end > WS_LINE_MAX) {
        from = start > BEFORE_MATCH ? start - BEFORE_MATCH : 0;
        from = from > len - WS_LINE_MAX ? len - WS_LINE_MAX : from;
    }
    to = len - from > WS_LINE_MAX ? from + WS_LINE_MAX : len;
    /* A character has at most three bytes after its first; more of them are no UTF-8 anyway. */
    for (int i = 0; i < 3 && from > 0 && from < to && continues(line[from]); i++)
        from++;
    for (int i = 0; i < 3 && to < len && to > from && continues(line[to]); i++)
        to--;
    kit_text_add(t, ellipsis, from > 0 ? sizeof(ellipsis) - 1 : 0);
    kit_text_add_clean(t, line + from, to - from);
    kit_text_add(t, ellipsis, to < len ? sizeof(ellipsis) - 1 : 0);
}

static int add_json(struct ws_report *r, const struct kit_text *path, int64_t line_number,
                    const struct kit_text *line)
{
    json_t *match =
        json_pack("{s:s%,s:I,s:s%}", "file", path->data, path->len, "line", (json_int_t)line_number,
                  "text", line->len ? line->data : "", line->len);

    return match && json_array_append_new(r->matches, match) == 0 ? 0 : -ENOMEM;
}

int ws_report_match(struct ws_report *r, const char *path, int64_t line_number, const char *line,
                    size_t len, size_t start, size_t end)
{
    struct kit_text name = {.max = (size_t)3 * KIT_PATH_MAX}; /* a bad byte becomes three */
    struct kit_text shown = {.max = (size_t)4 * WS_LINE_MAX};
    char number[32];
    int rc = 0;

    if (r->match_count == r->max_results) {
        r->budget->stop = WS_STOP_RESULTS;
        return -EINTR;
    }
    kit_text_add_clean(&name, path, strlen(path));
    add_excerpt(&shown, line, len, start, end);
    (void)snprintf(number, sizeof(number), ":%lld: ", (long long)line_number);
    if (name.error || shown.error) {
        rc = -ENOMEM;
    } else if (r->text.len + name.len + strlen(number) + shown.len + 1 > WS_ANSWER_MAX) {
        r->budget->stop = WS_STOP_ANSWER;
        rc = -EINTR;
    } else {
        kit_text_add(&r->text, name.data, name.len);
        kit_text_add(&r->text, number, strlen(number));
        kit_text_add(&r->text, shown.data, shown.len);
        kit_text_add(&r->text, "\n", 1);
        r->match_count++;
        rc = r->text.error ? r->text.error : add_json(r, &name, line_number, &shown);
    }
    kit_text_free(&name);
    kit_text_free(&shown);
    return rc;
}

void ws_report_given_up(struct ws_report *r, const char *path, int64_t line_number)
{
    if (r->lines_given_up++ == 0)
        (void)snprintf(r->first_given_up, sizeof(r->first_given_up), "%.400s:%lld", path,
                       (long long)line_number);
}

static void add_quoted(struct kit_text *t, const char *before, const char *text)
{
    kit_text_add(t, before, strlen(before));
    kit_text_add_clean(t, text, strlen(text));
}

static void add_stop(struct kit_text *t, const struct ws_report *r, const struct ws_report_end *end)
{
    switch (r->budget->stop) {
    case WS_STOP_NOT:
    case WS_STOP_CANCELLED: return;
    case WS_STOP_TIME:
        kit_text_addf(t, "; stopped: out of time");
        if (end->stopped_in)
            add_quoted(t, " in ", end->stopped_in);
        break;
    case WS_STOP_BYTES:
        kit_text_addf(t, "; stopped: one call reads at most %lld bytes",
                      (long long)end->settings->max_total_bytes);
        break;
    case WS_STOP_RESULTS:
        kit_text_addf(t, "; stopped: there are more than max_results (%lld)",
                      (long long)r->max_results);
        break;
    case WS_STOP_ANSWER:
        kit_text_addf(t, "; stopped: one answer holds at most %d bytes", WS_ANSWER_MAX);
        break;
    case WS_STOP_PENDING: kit_text_addf(t, "; stopped: too many files in one folder"); break;
    }
    kit_text_addf(t, ": narrow path, glob or pattern");
}

static void add_skipped(struct kit_text *t, const struct ws_report *r,
                        const struct ws_report_end *end)
{
    const char *sep = "; skipped ";

    if (r->files_binary) {
        kit_text_addf(t, "%s%zu binary", sep, r->files_binary);
        sep = ", ";
    }
    if (r->files_large) {
        kit_text_addf(t, "%s%zu larger than %lld bytes", sep, r->files_large,
                      (long long)end->settings->max_file_bytes);
        sep = ", ";
    }
    if (end->unreadable) {
        kit_text_addf(t, "%s%zu unreadable", sep, end->unreadable);
        add_quoted(t, " (first: ", end->first_error);
        kit_text_add(t, ")", 1);
    }
    if (r->lines_given_up) {
        kit_text_addf(t, "; passed over %zu line%s where the pattern is too expensive",
                      r->lines_given_up, r->lines_given_up == 1 ? "" : "s");
        add_quoted(t, " (first: ", r->first_given_up);
        kit_text_addf(t, "): use a simpler pattern");
    }
}

static void add_summary(struct ws_report *r, const struct ws_report_end *end)
{
    struct kit_text *t = &r->text;
    const char *root = end->settings->root;

    kit_text_addf(t, "%lld match%s in %zu of %zu file%s", (long long)r->match_count,
                  r->match_count == 1 ? "" : "es", r->files_matched, r->files_searched,
                  r->files_searched == 1 ? "" : "s");
    add_quoted(t, " below ", root);
    if (strcmp(end->path, ".") != 0)
        add_quoted(t, strcmp(root, "/") == 0 ? "" : "/", end->path);
    add_skipped(t, r, end);
    add_stop(t, r, end);
    if (r->budget->stop == WS_STOP_NOT && r->files_searched == 0)
        kit_text_addf(t, "; no file was searched: check path and glob");
    if (r->match_count == 0 && end->line_break)
        kit_text_addf(t, "; each line is searched by itself, so a line break never matches");
}

/* Best effort: the text says the same, and the host may take less JSON than this. */
static void send_json(struct ws_report *r)
{
    const struct kit_call *c = &r->budget->call;
    bool partial = r->budget->stop != WS_STOP_NOT || r->lines_given_up > 0;
    json_t *all = json_pack("{s:O,s:b,s:I}", "matches", r->matches, "truncated", (int)partial,
                            "files_searched", (json_int_t)r->files_searched);
    char *json = all ? json_dumps(all, JSON_COMPACT) : NULL;

    if (json)
        (void)c->host->set_json(c->host, c->call, json, strlen(json));
    free(json);
    json_decref(all);
}

handrail_status ws_report_send(struct ws_report *r, const struct ws_report_end *end)
{
    const struct kit_call *c = &r->budget->call;

    add_summary(r, end);
    if (r->text.error)
        return kit_fail(c, HANDRAIL_E_NOMEM, "out of memory after %zu files", r->files_searched);
    handrail_status status = c->host->add_text(c->host, c->call, r->text.data, r->text.len);
    if (status == HANDRAIL_E_LIMIT)
        return kit_fail(c, status,
                        "the answer of %zu bytes is more than the host takes: lower max_results",
                        r->text.len);
    if (status == HANDRAIL_OK)
        send_json(r);
    return status;
}

void ws_report_free(struct ws_report *r)
{
    kit_text_free(&r->text);
    json_decref(r->matches);
    r->matches = NULL;
}
