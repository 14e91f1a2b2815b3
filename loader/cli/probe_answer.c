/* SPDX-License-Identifier: MIT
 * See probe_answer.h. */
#include "probe_answer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK", of which n bytes are there: the status, -EAGAIN or -EPROTO. */
static int read_status(const char *line, size_t n)
{
    static const char shape[] = "HTTP/1.# ### ";
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (i == n)
            return -EAGAIN;
        if (shape[i] == '#' ? !is_digit(line[i]) : line[i] != shape[i])
            return -EPROTO;
    }
    int status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    return status >= 100 ? status : -EPROTO;
}

/* A number, with blanks around it, that the whole text is.  0, -EPROTO or -E2BIG. */
static int read_length(const char *text, size_t n, size_t max, size_t *ret)
{
    size_t length = 0;
    size_t digits = 0;
    for (; n && (*text == ' ' || *text == '\t'); n--)
        text++;
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    for (; digits < n && is_digit(text[digits]); digits++) {
        length = length * 10 + (size_t)(text[digits] - '0');
        if (length > max)
            return -E2BIG;
    }
    if (!digits || digits != n)
        return -EPROTO;
    *ret = length;
    return 0;
}

/* The one Content-Length among the lines from `at` up to `end`.  0, -EPROTO or -E2BIG. */
static int find_length(const char *at, const char *end, size_t max, size_t *ret)
{
    static const char name[] = "Content-Length:";
    bool found = false;
    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((next ? next : end) - at);
        if (n && at[n - 1] == '\r')
            n--;
        if (n >= sizeof(name) - 1 && strncasecmp(at, name, sizeof(name) - 1) == 0) {
            int err = found ? -EPROTO
                            : read_length(at + sizeof(name) - 1, n - (sizeof(name) - 1), max, ret);
            if (err)
                return err;
            found = true;
        }
        at = next ? next + 1 : end;
    }
    return found ? 0 : -EPROTO;
}

int hr_probe_answer_read(const char *data, size_t n, size_t max, struct hr_probe_answer *ret)
{
    static const char gap[] = "\r\n\r\n";
    size_t length = 0;
    int status = read_status(data, n);
    if (status < 0)
        return status;
    const char *head_end = memmem(data, n, gap, sizeof(gap) - 1);
    if (!head_end)
        return n < max ? -EAGAIN : -E2BIG;
    const char *body = head_end + sizeof(gap) - 1;
    size_t there = n - (size_t)(body - data);
    int err = find_length(data, head_end, max, &length);
    if (!err && (size_t)(body - data) + length > max)
        err = -E2BIG;
    if (!err && there < length)
        err = -EAGAIN;
    if (err)
        return err;
    *ret = (struct hr_probe_answer){.status = status, .body = body, .len = length};
    return 0;
}
