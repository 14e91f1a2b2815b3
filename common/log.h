/* SPDX-License-Identifier: MIT
 * Our own messages: one line each to standard error, in one format for every program:
 *
 *     2026-11-21T09:30:00.123Z handrail[1] warning: server: ended with code 3, again in 500 ms
 *
 * A line is written with one write() of at most PIPE_BUF bytes, and only when the kernel says that
 * it will not block: a reader of our output that has stopped reading, or a terminal on which
 * somebody has pressed ^S, must never stop PID 1.  Lines that did not fit are counted, and the next
 * line that does fit is preceded by that count. Thread-safe; allocates nothing.
 *
 * PID 1 passes on the output of others too.  There, what is written here goes the same way as that
 * (hr_log_divert), and may be JSON, one object a line (hr_log_set_format):
 *
 *     {"time":"...Z","level":"warning","service":"handrail","pid":1,"message":"server: ended ..."}
 */
#ifndef HR_COMMON_LOG_H
#define HR_COMMON_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum hr_log_level { HR_LOG_ERROR, HR_LOG_WARNING, HR_LOG_INFO, HR_LOG_DEBUG };
enum hr_log_format { HR_LOG_TEXT, HR_LOG_JSON };

enum {
    HR_LOG_LINE = PIPE_BUF, /* bytes of the longest line, with its newline */
    HR_LOG_STAMP = 24,      /* bytes of a time: "2026-11-21T09:30:00.123Z" */
};

/* Set the program's name (borrowed for ever) and the level above which lines are dropped;
 * HR_LOG_NONE drops all.  To be called when standard error is what it is going to be, and before
 * there are threads. */
void hr_log_init(const char *program, enum hr_log_level level);

/* "error", "warning", "info", "debug" -> level.  0 or -EINVAL, *ret untouched. */
int hr_log_level_parse(const char *name, enum hr_log_level *ret);

/* The level in HANDRAIL_LOG_LEVEL, HR_LOG_INFO if it is unset; a bad value is said in one line. */
enum hr_log_level hr_log_level_from_env(void);

enum hr_log_level hr_log_level_get(void);

/* How messages look from now on.  Before there are threads. */
void hr_log_set_format(enum hr_log_format format);

/* Hand every line to put(), which says whether it took it and counts what it did not; NULL: write
 * to standard error, as before.  Before there are threads, and for programs that have none. */
void hr_log_divert(bool (*put)(const char *line, size_t n));

void hr_log(enum hr_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A message as hr_log() would write it, with its newline, for who writes it somewhere else.  At
 * most size bytes, of which HR_LOG_LINE are always enough: a message that is too long is cut.  The
 * bytes written; there is no NUL. */
size_t hr_log_line(char *line, size_t size, enum hr_log_level level, const char *message, size_t n);

/* The time now, as in a line of the log; with a NUL. */
void hr_log_stamp(char stamp[HR_LOG_STAMP + 1]);

#define HR_LOG_NONE ((enum hr_log_level) - 1)

#define hr_error(...) hr_log(HR_LOG_ERROR, __VA_ARGS__)
#define hr_warn(...)  hr_log(HR_LOG_WARNING, __VA_ARGS__)
#define hr_info(...)  hr_log(HR_LOG_INFO, __VA_ARGS__)
#define hr_debug(...) hr_log(HR_LOG_DEBUG, __VA_ARGS__)

/* Write bytes to standard error as they are, under the same rule: now, whole, or dropped and
 * counted.  n <= PIPE_BUF.  Used to pass on the lines of a child. */
void hr_log_raw(const char *data, size_t n);

#endif
