/* SPDX-License-Identifier: MIT
 * Lines of a file.  See file_lines.h. */
#include "file_lines.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int hr_file_lines_open(struct hr_file_lines *l, const char *path, size_t budget)
{
    l->at = l->len = 0;
    l->budget = budget;
    l->fd = open(path, O_RDONLY | O_CLOEXEC);
    return l->fd < 0 ? -errno : 0;
}

/* Read more behind what is there.  False at the end. */
static bool refill(struct hr_file_lines *l)
{
    size_t room = sizeof(l->buf) - l->len;
    ssize_t n = -1;
    if (room > l->budget)
        room = l->budget;
    do
        n = room ? read(l->fd, l->buf + l->len, room) : 0;
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    l->len += (size_t)n;
    l->budget -= (size_t)n;
    return true;
}

const char *hr_file_lines_next(struct hr_file_lines *l, size_t *ret_n)
{
    bool too_long = false;
    for (;;) {
        const char *line = l->buf + l->at;
        const char *end = memchr(line, '\n', l->len - l->at);
        if (end) {
            l->at += (size_t)(end - line) + 1;
            *ret_n = (size_t)(end - line);
            if (!too_long)
                return line;
            too_long = false;
            continue;
        }
        if (l->at == 0 && l->len == sizeof(l->buf)) {
            too_long = true;
            l->len = 0;
        }
        memmove(l->buf, line, l->len - l->at);
        l->len -= l->at;
        l->at = 0;
        if (!refill(l)) /* a last line without its end is one that was cut */
            return NULL;
    }
}

void hr_file_lines_close(struct hr_file_lines *l)
{
    hr_close(&l->fd);
}
