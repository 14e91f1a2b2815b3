/* SPDX-License-Identifier: MIT
 * A toolhost of our own with one plugin, as the supervisor would start it, and our end of its
 * calls, as the sidecar has it.  What a plugin does here it does there too.
 *
 * One thread, blocking, with deadlines.  The toolhost dies with us. */
#ifndef HR_PLUGIN_TOOL_RUN_H
#define HR_PLUGIN_TOOL_RUN_H

#include "common/buf.h"
#include "common/frame.h"
#include "loader/plugin_file/why.h"
#include "target.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    HR_RUN_CONNECTIONS = 4,
    HR_RUN_LOG_MAX = 1024 * 1024,   /* bytes kept of what it writes */
    HR_RUN_START_MS = 30 * 1000,    /* to be ready */
    HR_RUN_STOP_MS = 10 * 1000,     /* to stop when it is asked to */
    HR_RUN_PATIENCE_MS = 70 * 1000, /* for what has to come */
    HR_RUN_ENDING_MAX = 96,         /* bytes of the words for how it ended */
};

struct hr_run_connection {
    int fd;
    struct hr_buf in;
    size_t used; /* bytes of `in` that the last event was made of */
};

struct hr_run {
    pid_t pid; /* 0: it has ended */
    int status;
    int listener;
    int notify;
    int output; /* its standard output and error */
    struct hr_buf log;
    char address[64]; /* abstract, without the leading NUL */
    char key[33];
    uint64_t last_id;
    struct hr_run_connection connection[HR_RUN_CONNECTIONS];
    json_t *tools; /* what it told at the first connection; the array */
    json_t *plugin;
};

struct hr_run_options {
    int host_minor; /* as which the host appears; -1: as it is */
    bool pass_log;  /* its output goes to ours instead */
};

/* Start it, wait until it is ready, connect, and tell it that the pod is active.  0, or -EINVAL
 * with *why set. */
int hr_run_start(const struct hr_target *t, const struct hr_run_options *o, struct hr_run *ret,
                 struct hr_why *why);

/* One more connection, with that number.  0 or -errno. */
int hr_run_connect(struct hr_run *r, int number);
void hr_run_disconnect(struct hr_run *r, int number);

/* An event of a phase, as handrail/phase.h has it.  from: NULL: none. */
void hr_run_phase_event(const char *phase, const char *from, char *event, size_t size);

/* The tool's place, or -1. */
int hr_run_tool(const struct hr_run *r, const char *name);

/* Send a call.  timeout_ms: not 0.  0 or -errno. */
int hr_run_call(struct hr_run *r, int number, int tool, const char *args, size_t len,
                uint32_t timeout_ms, uint64_t *ret_id);
int hr_run_cancel(struct hr_run *r, int number, uint64_t id);

struct hr_run_event {
    struct hr_frame frame;
    const char *payload; /* valid until the next event of this connection */
};

/* What comes next.  1; 0: nothing came by then; -EPIPE: it closed the connection; -errno. */
int hr_run_next(struct hr_run *r, int number, int64_t by_ms, struct hr_run_event *ret);

/* A whole call: progress and messages are passed over.  0, -ETIMEDOUT or -errno. */
int hr_run_answer(struct hr_run *r, int number, uint64_t id, int64_t by_ms,
                  struct hr_run_event *ret);

/* Ask it to stop and wait for it; what is left is killed.  Its wait status. */
int hr_run_stop(struct hr_run *r);

/* Release everything; it is killed if it still runs. */
void hr_run_free(struct hr_run *r);

/* Has it ended by itself?  Then pid is 0 and status is set. */
bool hr_run_has_ended(struct hr_run *r);

/* How it ended, to follow "its process"; waits a moment for the end of one that has closed its
 * connection. */
void hr_run_ending(struct hr_run *r, char *text, size_t size);

/* Read what it has written so far into the log. */
void hr_run_drain(struct hr_run *r);

/* What it has of these, from /proc; -1: cannot be told.  Not for root, the descriptors are those
 * that its table has room for: they grow with what is lost, in steps of 64 and more. */
long hr_run_descriptors(const struct hr_run *r);
long hr_run_threads(const struct hr_run *r);
long hr_run_rss_kib(const struct hr_run *r);

/* The entries of a folder of /proc; -1: it cannot be read. */
long hr_run_count(const char *folder);

#endif
