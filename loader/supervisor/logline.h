/* SPDX-License-Identifier: MIT
 * A line of a service's output as one JSON object, for those who collect logs as JSON:
 *
 *     {"time":"2026-11-21T09:30:00.123Z","service":"server","stream":"stderr","level":"error",
 *      "message":"ERROR: no such file"}
 *
 * "level" (critical, error, warning, info, debug) is there only if the line says it, in one of:
 *   - our own log format, whose time and message are then taken over too;
 *   - CRITICAL, FATAL, ERROR, WARNING, WARN, INFO or DEBUG as the first word, or the same in any
 * case in brackets: "[error]";
 *   - "Traceback (most recent call last)" and "Fatal Python error".
 * Control characters are escaped, and what is not UTF-8 becomes U+FFFD.
 *
 * A line that is a JSON object itself keeps all it has, as it has it; "time", "service" and
 * "stream" are put in front where it has no such key of its own.  An object that is larger than
 * HR_LOGLINE_MAX, nested deeper than HR_LOGLINE_DEPTH, or not valid is text like any other.
 *
 * A line whose object would be larger than HR_LOGLINE_MAX, where log collectors cut, becomes
 * several, each with "partial":true but the last, and "level" in the first.
 *
 * The supervisor's output module calls this.  No state, no allocation. */
#ifndef HR_SUPERVISOR_LOGLINE_H
#define HR_SUPERVISOR_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HR_LOGLINE_MAX = 16 * 1024, /* bytes */
    HR_LOGLINE_DEPTH = 64,
    HR_LOGLINE_SERVICE = 80,                 /* bytes of a service's name that are used */
    HR_LOGLINE_ROOM = HR_LOGLINE_MAX + 1024, /* an object of the largest size, and our fields */
};

struct hr_logline {
    const char *service;
    const char *stream;
    bool first; /* the text begins the line, */
    bool last;  /* and ends it */
};

/* Write one object and a newline to out, for as much of text as fits.  The bytes written;
 * *ret_taken: the bytes of text that it stands for.  Unless it is the last, a character that may go
 * on in what follows is not taken; that can be all there is. */
size_t hr_logline_json(char out[HR_LOGLINE_ROOM], const struct hr_logline *about, const char *text,
                       size_t n, size_t *ret_taken);

/* Whether a line is in our own log format: "2026-11-21T09:30:00.123Z handrail". */
bool hr_logline_is_ours(const char *line, size_t n);

#endif
