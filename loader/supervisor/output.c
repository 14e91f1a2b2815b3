/* SPDX-License-Identifier: MIT
 * The output of our own children.  See output.h. */
#include "output.h"

#include "common/fd.h"
#include "common/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int hr_output_init(struct hr_output *o, const char *name)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    o->name = name;
    o->read_fd = fds[0];
    o->write_fd = fds[1];
    o->len = 0;
    return 0;
}

void hr_output_close(struct hr_output *o)
{
    hr_close(&o->read_fd);
    hr_close(&o->write_fd);
}

/* "2026-11-21T09:30:00.123Z handrail": written with our own log already? */
static int is_ours(const char *line, size_t n)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ handrail";
    if (n < sizeof(shape) - 1)
        return 0;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'd' && i < 24 ? !isdigit((unsigned char)line[i]) : line[i] != shape[i])
            return 0;
    return 1;
}

/* One line, without its newline. */
static void pass_on(const struct hr_output *o, const char *line, size_t n)
{
    if (!is_ours(line, n)) {
        hr_info("%s: %.*s", o->name, (int)n, line);
        return;
    }
    char whole[HR_OUTPUT_LINE + 1];
    memcpy(whole, line, n);
    whole[n] = '\n';
    hr_log_raw(whole, n + 1);
}

static void split(struct hr_output *o)
{
    size_t start = 0;
    for (;;) {
        const char *end = memchr(o->line + start, '\n', o->len - start);
        if (!end)
            break;
        size_t n = (size_t)(end - (o->line + start));
        pass_on(o, o->line + start, n);
        start += n + 1;
    }
    if (start == 0 && o->len == sizeof(o->line)) {
        pass_on(o, o->line, o->len);
        start = o->len;
    }
    o->len -= start;
    memmove(o->line, o->line + start, o->len);
}

void hr_output_read(struct hr_output *o)
{
    for (int i = 0; i < HR_OUTPUT_READS; i++) {
        ssize_t n = read(o->read_fd, o->line + o->len, sizeof(o->line) - o->len);
        if (n <= 0)
            return; /* nothing more for now; end of file cannot come, we hold the other end */
        o->len += (size_t)n;
        split(o);
    }
}
