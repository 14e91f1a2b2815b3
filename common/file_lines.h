/* SPDX-License-Identifier: MIT
 * A file of /proc or /sys, line by line, without allocating: for PID 1 too. */
#ifndef HR_COMMON_FILE_LINES_H
#define HR_COMMON_FILE_LINES_H

#include <stddef.h>

enum { HR_FILE_LINE = 4096 }; /* bytes; longer lines are left out */

struct hr_file_lines {
    int fd;
    size_t at;
    size_t len;
    size_t budget; /* bytes that may still be read */
    char buf[HR_FILE_LINE];
};

/* budget: bytes read at most, for files that can be long.  0 or -errno. */
int hr_file_lines_open(struct hr_file_lines *l, const char *path, size_t budget);
/* The next line, without its newline and not NUL-terminated, in memory that the next call uses
 * again; NULL at the end. */
const char *hr_file_lines_next(struct hr_file_lines *l, size_t *ret_n);
void hr_file_lines_close(struct hr_file_lines *l);

#endif
