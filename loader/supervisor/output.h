/* SPDX-License-Identifier: MIT
 * The output of one service: both its pipes, always read, and passed on to our own output.
 *
 * One pair of pipes per service for as long as we live, so nothing is lost when a process ends and
 * no line is ever refused.  A reader of ours that is slow slows the service as it would without us,
 * but one that takes nothing for HR_SINK_PATIENCE_MS does not: then lines are dropped, counted and
 * said (sink.h).
 *
 * How it is passed on:
 *   - HR_OUTPUT_RAW   byte for byte.  An unfinished line is held back until its end, until it is
 *                     long, or for HR_OUTPUT_HOLD_MS, so that lines of several writers do not mix.
 *   - HR_OUTPUT_OWN   for our own programs: a line in our log format as it is, any other with our
 *                     prefix and the service's name, whatever the log's level, since it may be
 *                     its last; a long one in pieces of HR_OUTPUT_LINE.
 *   - HR_OUTPUT_JSON  each line as one JSON object (logline.h).
 * A service that writes more lines than its limit loses the rest, counted and said once a second
 * and at its end.
 * All of it, dropped or not, is in the tail, for the report of a death.
 *
 * The supervisor owns the struct and calls from its loop:
 *   - hr_output_read() when a pipe is readable, which it polls while hr_output_wants_read();
 *   - hr_output_timer() at hr_output_deadline_ms(), and after a sink has been flushed;
 *   - hr_output_drain() when the process has died.
 * An all-zero struct is an output that is not used; these do nothing with it.  Nothing is
 * allocated, and memory is not touched before there is output. */
#ifndef HR_SUPERVISOR_OUTPUT_H
#define HR_SUPERVISOR_OUTPUT_H

#include "sink.h"
#include "tail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_OUTPUT_BUFFER = 16 * 1024,  /* bytes of one read, and of a line that can be held back */
    HR_OUTPUT_READS = 16,          /* for one event, so that a flood does not starve the loop */
    HR_OUTPUT_PARTIAL = 8 * 1024,  /* RAW: bytes of an unfinished line that are passed on at once */
    HR_OUTPUT_LINE = 2048,         /* OWN: bytes; with our prefix it fits one line of the log */
    HR_OUTPUT_HOLD_MS = 100,       /* RAW: an unfinished line is held back for this long */
    HR_OUTPUT_HOLD_JSON_MS = 1000, /* JSON: longer, since what is cut is another object */
    HR_OUTPUT_BURST_MS = 5 * 1000, /* what the limit allows for this long may come at once */
    HR_OUTPUT_NOTE_MS = 1000,      /* between two lines that say what the limit has dropped */
    HR_OUTPUT_DRAIN = 1024 * 1024, /* bytes of each pipe that are read after a death, at most */
};

enum hr_output_mode { HR_OUTPUT_RAW, HR_OUTPUT_OWN, HR_OUTPUT_JSON };
enum hr_stream_id { HR_STDOUT, HR_STDERR, HR_NSTREAMS };

struct hr_output_settings {
    enum hr_output_mode mode;
    uint32_t lines_per_s;               /* 0: no limit */
    struct hr_sink *sinks[HR_NSTREAMS]; /* borrowed; may be the same one */
};

struct hr_stream {
    const char *name;     /* "stdout", "stderr" */
    struct hr_sink *sink; /* borrowed */
    int read_fd;          /* non-blocking */
    int write_fd;         /* for the children */
    bool inside;          /* the line at hand has been passed on in part */
    bool dropping;        /* the line at hand, or what is left of it, is dropped */
    int64_t held_ms;      /* since when the buffer holds what it does, or -1 */
    size_t len;
    char buffer[HR_OUTPUT_BUFFER];
};

struct hr_output {
    const char *name; /* of the service; borrowed; NULL: not used */
    enum hr_output_mode mode;
    uint32_t lines_per_s;

    /* Since we began.  What was dropped is counted in both. */
    uint64_t lines;
    uint64_t bytes;
    uint64_t dropped_lines;
    uint64_t dropped_bytes;

    int64_t now_ms;    /* of the event at hand */
    bool draining;     /* waiting is over */
    int64_t tokens;    /* thousandths of lines that may come */
    int64_t refill_ms; /* when tokens was right */
    uint64_t limited;  /* lines that the limit has dropped and nobody has been told of */
    int64_t note_ms;   /* when to tell */
    struct hr_stream streams[HR_NSTREAMS];
    struct hr_tail tail;
};

/* 0 or -errno.  name is borrowed for as long as the output lives. */
int hr_output_init(struct hr_output *o, const char *name,
                   const struct hr_output_settings *settings);
void hr_output_close(struct hr_output *o);

/* Pass on what has come on one pipe.  Never blocks. */
void hr_output_read(struct hr_output *o, enum hr_stream_id which);

/* False while our own output is too full: polling the pipe then would only keep us busy. */
bool hr_output_wants_read(const struct hr_output *o, enum hr_stream_id which);

/* When to call hr_output_timer() (hr_now_ms), -1: no need to. */
int64_t hr_output_deadline_ms(const struct hr_output *o);

/* Pass on what has been held back for long enough or was waiting for a sink. */
void hr_output_timer(struct hr_output *o);

/* The process has died: pass on what it has left in the pipes, unfinished lines too.  The tail is
 * complete after this. */
void hr_output_drain(struct hr_output *o);

#endif
