/* SPDX-License-Identifier: MIT
 * Our own messages.  See log.h. */
#include "log.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *our_name = "handrail";
static enum hr_log_level threshold = HR_LOG_INFO;
static int out = STDERR_FILENO;
static atomic_uint dropped; /* lines since the last one that was written */

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* A pipe, opened once more without blocking: the flag belongs to the open file, so those who share
 * the old one do not get it.  Where it cannot be opened (no /proc, another user's) the old one
 * serves, and a second writer that takes the last room between poll() and write() can delay us. */
static void open_own(void)
{
    struct stat st;
    if (out != STDERR_FILENO || fstat(STDERR_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
        return;
    int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        out = fd;
}

void hr_log_init(const char *program, enum hr_log_level level)
{
    our_name = program;
    threshold = level;
    open_own();
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

/* Write if it will not block.  poll() promises room for PIPE_BUF bytes in a pipe. */
static int try_write(const char *data, size_t n)
{
    struct pollfd p = {.fd = out, .events = POLLOUT};
    if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
        return -EAGAIN;
    ssize_t w = write(out, data, n);
    return w < 0 ? -errno : 0;
}

/* "<time>Z <program>[<pid>] <level>: " into line; its length. */
static size_t prefix(char *line, size_t size, enum hr_log_level level)
{
    int64_t now = hr_wall_ms();
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    char stamp[32];
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    int n = snprintf(line, size, "%s.%03dZ %s[%d] %s: ", stamp, (int)(now % 1000), our_name,
                     (int)getpid(), level_names[level]);
    return n < 0 ? 0 : (size_t)n;
}

/* Say how many lines were lost, if any were; nonzero if there is still no room. */
static int report_dropped(void)
{
    unsigned lost = atomic_load(&dropped);
    if (!lost)
        return 0;
    char line[160];
    size_t n = prefix(line, sizeof(line), HR_LOG_WARNING);
    int m = snprintf(line + n, sizeof(line) - n,
                     "%u log lines were dropped: standard error was not being read\n", lost);
    if (m < 0 || try_write(line, n + (size_t)m))
        return -EAGAIN;
    atomic_fetch_sub(&dropped, lost);
    return 0;
}

void hr_log_raw(const char *data, size_t n)
{
    int saved = errno;
    if (report_dropped() || try_write(data, n))
        atomic_fetch_add(&dropped, 1);
    errno = saved;
}

void hr_log(enum hr_log_level level, const char *fmt, ...)
{
    if ((int)level > (int)threshold)
        return;
    int saved = errno;
    char line[PIPE_BUF];
    size_t n = prefix(line, sizeof(line), level);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
    va_end(ap);
    if (m < 0)
        m = 0;
    size_t room = sizeof(line) - n - 2;
    n += (size_t)m < room ? (size_t)m : room;
    for (size_t i = 0; i < n; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' '; /* one message is one line, whatever a stranger put into it */
    line[n++] = '\n';
    hr_log_raw(line, n);
    errno = saved;
}
