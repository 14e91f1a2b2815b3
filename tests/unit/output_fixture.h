/* SPDX-License-Identifier: MIT
 * What the tests of the supervisor's output share: an output whose service they are, two sinks on
 * pipes whose readers they are, and the time. */
#ifndef HR_TESTS_UNIT_OUTPUT_FIXTURE_H
#define HR_TESTS_UNIT_OUTPUT_FIXTURE_H

#include "loader/supervisor/output.h"

struct reader {
    int ends[2];
    size_t len;
    char text[12 * 1024 * 1024];
};

extern int64_t now; /* stands still until a test moves it */
extern struct hr_output out;
extern struct hr_sink sinks[HR_NSTREAMS];
extern struct reader readers[HR_NSTREAMS];

void begin(enum hr_output_mode mode, uint32_t lines_per_s);
void end(void);

/* What the service writes, into its pipe, which must have room. */
void say(enum hr_stream_id which, const char *text, size_t n);

/* What has arrived at a reader, at most max bytes of it now. */
const char *take_some(enum hr_stream_id which, size_t max);

/* All that can arrive, with the turns of the loop that it takes. */
const char *take(enum hr_stream_id which);

/* Forget what has arrived. */
void forget(void);

/* Feed text in small pieces, as it comes; what reaches the reader, and how many lines of it. */
const char *pass(enum hr_stream_id which, const char *text, size_t n, int *ret_lines);

/* The tail as a C string in text, of HR_TAIL_BYTES + 1.  Its length. */
size_t tail_text(char *text);

#endif
