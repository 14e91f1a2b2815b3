/* SPDX-License-Identifier: MIT
 * The notification socket.  See notify.h. */
#include "notify.h"

#include "common/fd.h"
#include "control_listen.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    NAME_RANDOM = 12, /* random bytes in our socket's name */
    WATCHDOG_MAX_MS = 86400000,
};

/* The value of `line` if its name is `name`, else NULL. */
static const char *value_of(const char *line, const char *name)
{
    size_t n = strlen(name);
    return strncmp(line, name, n) == 0 && line[n] == '=' ? line + n + 1 : NULL;
}

static void take_number(const char *value, int64_t max, int64_t divisor, int64_t *ret)
{
    int64_t number = 0;
    if (hr_parse_int(value, 0, INT64_MAX, &number) == 0)
        *ret = number / divisor < max ? number / divisor : max;
}

static void take_line(const char *line, struct hr_notice *n)
{
    const char *v = NULL;
    if ((v = value_of(line, "READY")))
        n->ready = strcmp(v, "1") == 0;
    else if ((v = value_of(line, "STOPPING")))
        n->stopping = strcmp(v, "1") == 0;
    else if ((v = value_of(line, "STATUS")))
        n->status = v;
    else if ((v = value_of(line, "WATCHDOG"))) {
        n->beat = n->beat || strcmp(v, "1") == 0;
        n->trigger = n->trigger || strcmp(v, "trigger") == 0;
    } else if ((v = value_of(line, "WATCHDOG_USEC")))
        take_number(v, WATCHDOG_MAX_MS, 1000, &n->watchdog_ms);
    else if ((v = value_of(line, "X_HANDRAIL_LAG_MS")))
        take_number(v, WATCHDOG_MAX_MS, 1, &n->lag_ms);
    else if ((v = value_of(line, "X_HANDRAIL_AGENT")))
        n->agent_ok = strcmp(v, "ok") == 0;
    else if ((v = value_of(line, "X_HANDRAIL_ACTIVITY")))
        n->activity = strcmp(v, "1") == 0;
    else if ((v = value_of(line, "X_HANDRAIL_AGENT_ERROR")))
        n->agent_error = v;
    else if ((v = value_of(line, "X_HANDRAIL_INIT")))
        take_number(v, INT64_MAX, 1, &n->init_bytes);
}

void hr_notice_parse(char *text, struct hr_notice *ret)
{
    struct hr_notice n = {.watchdog_ms = -1, .lag_ms = -1, .init_bytes = -1};
    while (*text) {
        char *end = text + strcspn(text, "\n");
        char *next = *end ? end + 1 : end;
        *end = '\0';
        take_line(text, &n);
        text = next;
    }
    *ret = n;
}

int hr_notify_open(char name[HR_NOTIFY_NAME_MAX], int *ret_fd)
{
    static const int on = 1;
    char random[2 * NAME_RANDOM + 1];
    struct sockaddr_un sa;
    int err = hr_random_hex(random, NAME_RANDOM);
    if (err)
        return err;
    (void)snprintf(name, HR_NOTIFY_NAME_MAX, "@handrail/notify/%s", random);
    socklen_t len = 0;
    if ((err = hr_control_address(name, &sa, &len)))
        return err;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&sa, len) < 0) {
        err = -errno;
        hr_close(&fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int hr_notify_upwards(const char *name, const char *text)
{
    struct sockaddr_un sa;
    socklen_t len = 0;
    int err = hr_control_address(name, &sa, &len);
    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&sa, (socklen_t)len) <
        0)
        err = -errno;
    hr_close(&fd);
    return err;
}
