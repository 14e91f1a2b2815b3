/* SPDX-License-Identifier: MIT
 * Our own messages.  See log.h. */
#include "log.h"

#include "clock.h"
#include "fd.h"
#include "json_escape.h"
#include "utf8.h"
#include "wall_text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *our_name = "handrail";
static enum hr_log_level threshold = HR_LOG_INFO;
static enum hr_log_format written_as = HR_LOG_TEXT;
static bool (*divert)(const char *line, size_t n);
static int out = STDERR_FILENO;
static atomic_uint dropped; /* lines since the last one that was written */
static atomic_bool cut;     /* the last one that was written has no end */

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* A pipe or a terminal, opened once more without blocking.  Where it cannot be opened (no /proc,
 * another user's) the old one serves: on a pipe, a second writer that takes the last room between
 * poll() and write() can delay us. */
static void open_own(void)
{
    struct stat st;
    if (out != STDERR_FILENO || fstat(STDERR_FILENO, &st) < 0 ||
        !(S_ISFIFO(st.st_mode) || isatty(STDERR_FILENO)))
        return;
    int fd = hr_open_again(STDERR_FILENO);
    if (fd >= 0)
        out = fd;
}

void hr_log_init(const char *program, enum hr_log_level level)
{
    our_name = program;
    threshold = level;
    open_own();
}

void hr_log_set_format(enum hr_log_format format)
{
    written_as = format;
}

void hr_log_divert(bool (*put)(const char *line, size_t n))
{
    divert = put;
}

int hr_log_level_parse(const char *name, enum hr_log_level *ret)
{
    for (int i = 0; i <= HR_LOG_DEBUG; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum hr_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

enum hr_log_level hr_log_level_from_env(void)
{
    const char *name = getenv("HANDRAIL_LOG_LEVEL");
    enum hr_log_level level = HR_LOG_INFO;
    if (name && *name && hr_log_level_parse(name, &level))
        hr_warn("HANDRAIL_LOG_LEVEL is \"%.32s\", expected error, warning, info or debug: using "
                "info",
                name);
    return level;
}

enum hr_log_level hr_log_level_get(void)
{
    return threshold;
}

static ssize_t put(const char *data, size_t n)
{
    if (out == STDERR_FILENO && isatty(out))
        return hr_write_now(out, data, n);
    ssize_t w = write(out, data, n);
    return w < 0 ? -errno : w;
}

/* Write if it will not block.  poll() promises room for PIPE_BUF bytes in a pipe; a terminal may
 * take the beginning of a line only, which is then as lost as a whole one, and ended before the
 * next. */
static int try_write(const char *data, size_t n)
{
    struct pollfd p = {.fd = out, .events = POLLOUT};
    if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
        return -EAGAIN;
    if (atomic_load(&cut) && put("\n", 1) != 1)
        return -EAGAIN;
    ssize_t w = put(data, n);
    atomic_store(&cut, w > 0 && (size_t)w < n);
    return w == (ssize_t)n ? 0 : -EAGAIN;
}

_Static_assert(HR_LOG_STAMP + 1 == HR_WALL_TEXT, "a stamp is a time as text");

void hr_log_stamp(char stamp[HR_LOG_STAMP + 1])
{
    hr_wall_text(hr_wall_ms(), stamp);
}

/* What stands before the message.  Its length; size if it does not fit. */
static size_t prefix(char *line, size_t size, enum hr_log_level level)
{
    char stamp[HR_LOG_STAMP + 1];
    hr_log_stamp(stamp);
    const char *name = level_names[level];
    int pid = (int)getpid();
    int n = 0;
    if (written_as == HR_LOG_JSON)
        n = snprintf(
            line, size,
            "{\"time\":\"%s\",\"level\":\"%s\",\"service\":\"%s\",\"pid\":%d,\"message\":\"", stamp,
            name, our_name, pid);
    else
        n = snprintf(line, size, "%s %s[%d] %s: ", stamp, our_name, pid, name);
    return n < 0 || (size_t)n > size ? size : (size_t)n;
}

size_t hr_log_line(char *line, size_t size, enum hr_log_level level, const char *message, size_t n)
{
    const char *end = written_as == HR_LOG_JSON ? "\"}\n" : "\n";
    size_t len = prefix(line, size, level);
    size_t taken = 0;
    if (len + strlen(end) > size)
        return 0;
    size_t room = size - len - strlen(end);
    if (written_as == HR_LOG_JSON) {
        len += hr_json_escape(line + len, room, message, n, &taken);
    } else {
        /* One line, whatever a stranger put into it, and read from left to right. */
        for (size_t i = 0; i < n && room; room--) {
            size_t steers = message[i] == '\t' ? 0 : hr_utf8_steers(message + i, n - i);
            line[len++] = (char)(steers ? ' ' : message[i]);
            i += steers ? steers : 1;
        }
    }
    while (*end)
        line[len++] = *end++;
    return len;
}

/* Say how many lines were lost, if any were; nonzero if there is still no room. */
static int report_dropped(void)
{
    unsigned lost = atomic_load(&dropped);
    if (!lost)
        return 0;
    char message[80];
    char line[256];
    int m = snprintf(message, sizeof(message),
                     "%u log lines were dropped: standard error was not being read", lost);
    if (m < 0 ||
        try_write(line, hr_log_line(line, sizeof(line), HR_LOG_WARNING, message, (size_t)m)))
        return -EAGAIN;
    atomic_fetch_sub(&dropped, lost);
    return 0;
}

void hr_log_raw(const char *data, size_t n)
{
    int saved = errno;
    if (divert)
        (void)divert(data, n);
    else if (report_dropped() || try_write(data, n))
        atomic_fetch_add(&dropped, 1);
    errno = saved;
}

void hr_log(enum hr_log_level level, const char *fmt, ...)
{
    if ((int)level > (int)threshold)
        return;
    int saved = errno;
    char message[HR_LOG_LINE];
    char line[HR_LOG_LINE];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(message) ? (size_t)n : sizeof(message) - 1;
    hr_log_raw(line, hr_log_line(line, sizeof(line), level, message, len));
    errno = saved;
}
