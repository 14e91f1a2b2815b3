/* SPDX-License-Identifier: MIT
 * Collects what one call found, as text for the model and as JSON for programs. */
#ifndef WS_REPORT_H
#define WS_REPORT_H

#include "budget.h"
#include "kit/text.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    /* Bytes of matching lines: clients cut a tool's answer at about 50000 characters, and would
     * cut the summary away. */
    WS_ANSWER_MAX = 48 * 1024,
    WS_LINE_MAX = 300, /* bytes of one line that are shown */
    WS_PLACE_MAX = 512 /* bytes of "path:line" */
};

struct ws_report {
    struct ws_budget *budget;
    int64_t max_results;
    struct kit_text text;
    json_t *matches; /* owned */
    int64_t match_count;
    size_t files_searched, files_matched, files_binary, files_large;
    size_t lines_given_up;
    char first_given_up[WS_PLACE_MAX];
};

/* What the summary needs to know besides. */
struct ws_report_end {
    const struct ws_settings *settings;
    const char *path;        /* that was searched, below the root */
    const char *stopped_in;  /* the file or folder at work when the budget was spent, or NULL */
    const char *first_error; /* "path: reason" of the first unreadable one */
    size_t unreadable;
    bool line_break; /* the pattern asks for one */
};

/* 0 or -ENOMEM.  End with ws_report_free in any case. */
int ws_report_start(struct ws_report *r, struct ws_budget *b, int64_t max_results);

/* Add one line of path; the match lies from start to end in it.  0, -EINTR if a limit on results
 * is reached (told to the budget) or -ENOMEM. */
int ws_report_match(struct ws_report *r, const char *path, int64_t line_number, const char *line,
                    size_t len, size_t start, size_t end);

/* Note that the pattern was too expensive for this line, which is passed over. */
void ws_report_given_up(struct ws_report *r, const char *path, int64_t line_number);

/* Add the summary and hand everything to the host. */
handrail_status ws_report_send(struct ws_report *r, const struct ws_report_end *end);

void ws_report_free(struct ws_report *r);

#endif
