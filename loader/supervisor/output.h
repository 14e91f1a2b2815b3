/* SPDX-License-Identifier: MIT
 * The output of our own children (sidecar and toolhosts), line by line into our log.
 *
 * One pipe per service for as long as we live, so nothing is lost when a process ends and no line
 * is ever refused.  A line that is not in our format already gets our prefix and the service's
 * name; a line longer than HR_OUTPUT_LINE is passed on in pieces. */
#ifndef HR_SUPERVISOR_OUTPUT_H
#define HR_SUPERVISOR_OUTPUT_H

#include <stddef.h>

enum {
    HR_OUTPUT_LINE = 2048, /* bytes; with our prefix it fits one atomic write */
    HR_OUTPUT_READS = 16,  /* reads for one event, so that a flood does not starve the loop */
};

struct hr_output {
    const char *name; /* of the service; borrowed */
    int read_fd;      /* non-blocking */
    int write_fd;     /* for the children */
    size_t len;
    char line[HR_OUTPUT_LINE];
};

/* 0 or -errno. */
int hr_output_init(struct hr_output *o, const char *name);
void hr_output_close(struct hr_output *o);

/* Pass on what has come.  Never blocks. */
void hr_output_read(struct hr_output *o);

#endif
