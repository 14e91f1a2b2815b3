/* SPDX-License-Identifier: MIT
 * One of our own two outputs, 1 or 2: where everything that PID 1 passes on or says itself ends up.
 *
 * Writing never blocks (common/outlet.h).  What the kernel has no room for waits here, in order;
 * what the queue has no room for is dropped and counted, and a line with the count comes before the
 * next that fits, or when the queue is empty.  An output that fails (nobody there any more, disk
 * full) loses what is written to it, counted in the same way, until it works again.
 *
 * Several write to one sink, each under an address of its own (`from`).  Who writes while another
 * one's line is unfinished begins a new line, so nobody's line ever begins inside another; as long
 * as only one writes, the output is byte for byte what he wrote.
 *
 * Memory is inside the struct, and the queue is not touched before it is needed.  Nothing is
 * allocated.  SIGPIPE must be ignored or blocked. */
#ifndef HR_SUPERVISOR_SINK_H
#define HR_SUPERVISOR_SINK_H

#include "common/outlet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With more than HR_SINK_HIGH waiting, who can wait shall: the rest of the queue is for what
 * cannot. That is over when no more than HR_SINK_LOW is left, or when nothing has been taken for
 * HR_SINK_PATIENCE_MS: a burst waits for its reader, however slow he is, and a reader that has
 * stopped stops nobody. */
enum {
    HR_SINK_QUEUE = 256 * 1024, /* bytes */
    HR_SINK_HIGH = 64 * 1024,   /* bytes */
    HR_SINK_LOW = 32 * 1024,    /* bytes */
    HR_SINK_PATIENCE_MS = 200,
    HR_SINK_HELD = 16 * 1024, /* bytes of pieces in a row that one write is made of */
};

struct hr_sink {
    const char *name; /* for messages */
    struct hr_outlet outlet;

    uint64_t dropped_lines;
    uint64_t dropped_bytes;
    uint64_t errors; /* failed writes */

    uint64_t lost;    /* lines dropped since the last count was written */
    int error;        /* errno of the latest failed write, 0 when it works */
    const void *from; /* who wrote last; the sink itself: somebody who has ended */
    bool inside;      /* the last byte was not a newline */
    char written;     /* the last byte that left us */
    int64_t full_ms;  /* since when there is too much in the queue and none taken, or -1 */
    bool held;        /* pieces in a row are coming */
    bool blocked;     /* the kernel had no room for what waits */
    size_t start;     /* of what waits in the queue */
    size_t len;       /* of what waits in the queue */
    char queue[HR_SINK_QUEUE];
};

/* Begin to write to fd, which stays the caller's. */
void hr_sink_init(struct hr_sink *s, int fd);
void hr_sink_close(struct hr_sink *s);

/* Write now or queue, whole or not at all; false: dropped, and counted.  A piece is lines, or part
 * of one.  from: the writer, NULL for our own messages. */
bool hr_sink_put(struct hr_sink *s, const void *from, const char *data, size_t n);

/* Between these, pieces may wait for others, so that many small ones become few writes. */
void hr_sink_hold(struct hr_sink *s);
void hr_sink_release(struct hr_sink *s);

/* Whether a piece of n bytes would not be dropped for want of room. */
bool hr_sink_fits(const struct hr_sink *s, const void *from, size_t n);

/* `from` has ended: if his last line is not, the next one begins a line of its own all the same. */
void hr_sink_forget(struct hr_sink *s, const void *from);

/* The descriptor to poll for POLLOUT while hr_sink_wants_write(), and then to flush. */
int hr_sink_fd(const struct hr_sink *s);
bool hr_sink_wants_write(const struct hr_sink *s);
void hr_sink_flush(struct hr_sink *s);

/* The time (hr_now_ms) until which those who can wait should not write; -1 or past: no need. */
int64_t hr_sink_full_until_ms(const struct hr_sink *s);

/* At our own end: drop what is still queued, and say in the log, which must go elsewhere, how much
 * has been dropped that the reader does not know of. */
void hr_sink_give_up(struct hr_sink *s);

/* Whether two descriptors lead to the same place, so that one sink must serve both. */
bool hr_sink_same(int fd, int other);

#endif
