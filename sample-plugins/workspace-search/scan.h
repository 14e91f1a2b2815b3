/* SPDX-License-Identifier: MIT
 * Searches one open file, line by line. */
#ifndef WS_SCAN_H
#define WS_SCAN_H

#include "regex.h"
#include "report.h"

struct ws_scan {
    struct ws_regex *regex; /* the caller's, as the next two */
    struct ws_budget *budget;
    struct ws_report *report;
    size_t max_file_bytes;
    char *buffer; /* owned: max_file_bytes and one more, to notice a file that is larger */
};

/* 0 or -ENOMEM.  The file is read into memory rather than mapped: whoever truncates a mapped file
 * kills its reader. */
int ws_scan_start(struct ws_scan *s, struct ws_regex *regex, struct ws_report *report,
                  size_t max_file_bytes);

/* Search fd, called path.  0 (also for a file that is skipped and counted), -EINTR if the budget
 * is spent, -ENOMEM, or the -errno of read. */
int ws_scan_file(struct ws_scan *s, const char *path, int fd);

void ws_scan_free(struct ws_scan *s);

#endif
