/* SPDX-License-Identifier: MIT */
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BINARY_PROBE = 8 * 1024, /* bytes; a NUL among them makes a file binary */
    READ_CHUNK = 256 * 1024  /* bytes between two looks at the budget */
};

int ws_scan_start(struct ws_scan *s, struct ws_regex *regex, struct ws_report *report,
                  size_t max_file_bytes)
{
    *s = (struct ws_scan){.regex = regex,
                          .budget = report->budget,
                          .report = report,
                          .max_file_bytes = max_file_bytes,
                          .buffer = malloc(max_file_bytes + 1)};
    return s->buffer ? 0 : -ENOMEM;
}

/* Up to n bytes to at.  Bytes, 0 at the end, or -errno. */
static ssize_t read_some(int fd, char *at, size_t n)
{
    ssize_t got;

    do
        got = read(fd, at, n);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* Read the whole file.  1 and its length; 0 if it is skipped and counted; -EINTR or -errno. */
static int load(struct ws_scan *s, int fd, size_t *ret_len)
{
    const size_t room = s->max_file_bytes + 1;
    size_t have = 0;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size > (off_t)s->max_file_bytes) {
        s->report->files_large++;
        return 0;
    }
    if (st.st_size > s->budget->bytes_left) {
        s->budget->stop = WS_STOP_BYTES;
        return -EINTR;
    }
    while (have < room) {
        size_t chunk = have == 0 ? BINARY_PROBE : READ_CHUNK;
        ssize_t got = read_some(fd, s->buffer + have, chunk < room - have ? chunk : room - have);
        if (got < 0)
            return (int)got;
        if (got == 0)
            break;
        s->budget->bytes_left -= got;
        if (have == 0 && memchr(s->buffer, '\0', (size_t)got)) {
            s->report->files_binary++;
            return 0;
        }
        have += (size_t)got;
        if (ws_budget_spent(s->budget))
            return -EINTR;
    }
    if (have == room) { /* it has grown, or its size was not known */
        s->report->files_large++;
        return 0;
    }
    *ret_len = have;
    return 1;
}

static int search_lines(struct ws_scan *s, const char *path, size_t total)
{
    const char *end = s->buffer + total;
    int64_t number = 0;

    for (const char *line = s->buffer; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((stop ? stop : end) - line);
        size_t from = 0, to = 0;

        number++;
        if (ws_budget_tick(s->budget))
            return -EINTR;
        int rc = ws_regex_match(s->regex, line, len, &from, &to);
        if (rc > 0)
            rc = ws_report_match(s->report, path, number, line, len, from, to);
        if (rc == -ERANGE)
            ws_report_given_up(s->report, path, number);
        else if (rc < 0)
            return rc;
        line += len + 1;
    }
    return 0;
}

int ws_scan_file(struct ws_scan *s, const char *path, int fd)
{
    int64_t before = s->report->match_count;
    size_t len = 0;
    int rc = load(s, fd, &len);

    if (rc <= 0)
        return rc;
    s->report->files_searched++;
    rc = search_lines(s, path, len);
    if (s->report->match_count > before)
        s->report->files_matched++;
    return rc;
}

void ws_scan_free(struct ws_scan *s)
{
    free(s->buffer);
    s->buffer = NULL;
}
