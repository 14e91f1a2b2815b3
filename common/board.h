/* SPDX-License-Identifier: MIT
 * The board: what PID 1 knows, in shared memory, for the sidecar to read.
 *
 * One writer (the supervisor), any number of readers, no protocol: each record is guarded by a
 * sequence lock, so the writer never waits and a reader never sees half a record.  The memory is an
 * anonymous file whose size is sealed and which, once the supervisor has mapped it, nobody else can
 * map for writing.  It survives the restart of every reader.
 */
#ifndef HR_COMMON_BOARD_H
#define HR_COMMON_BOARD_H

#include "phase.h"
#include "plugin_id.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HR_MAX_PLUGINS = 32,                  /* one toolhost each */
    HR_MAX_SERVICES = HR_MAX_PLUGINS + 3, /* and the server, the sidecar and the hook */
    HR_SERVICE_NAME_MAX = HR_PLUGIN_ID_MAX + 16,
    HR_REASON_MAX = 200,
    HR_CRASHES_MAX = 16, /* the latest ones are kept */
};

/* States of a supervised service; loader/supervisor/service.h says what each means. */
enum hr_state { HR_DOWN, HR_STARTING, HR_UP, HR_STOPPING, HR_BACKOFF, HR_FAILED, HR_NSTATES };

/* "down", "starting", ...; never NULL. */
const char *hr_state_name(uint32_t state);

/* How a process of a service has ended; the first of these that is true. */
enum hr_end {
    HR_END_DONE,    /* "done": it was to end, and has, with code 0 */
    HR_END_STOPPED, /* "stopped": by order */
    HR_END_EXEC,    /* "exec": it could not become the program */
    HR_END_HUNG,    /* "hung": aborted, because it was silent or asked for it */
    HR_END_LATE,    /* "late": killed, because it took too long to become ready */
    HR_END_OOM,     /* "oom": killed by the kernel for want of memory */
    HR_END_SIGNAL,  /* "signal": killed by a signal */
    HR_END_CODE,    /* "code": by itself, whatever the code */
    HR_NENDS
};

/* "done", "stopped", ...; never NULL. */
const char *hr_end_name(uint32_t end);

enum hr_service_kind { HR_SERVER, HR_SIDECAR, HR_TOOLHOST, HR_HOOK };

/* One service.  Times are CLOCK_MONOTONIC milliseconds, 0 for "never". */
struct hr_board_service {
    /* "server", "sidecar", "on-claim", "toolhost/<plugin id>"; "" for a place that nobody has any
     * more */
    char name[HR_SERVICE_NAME_MAX];
    uint32_t kind;       /* enum hr_service_kind */
    uint32_t state;      /* enum hr_state */
    int32_t pid;         /* 0: no process */
    uint32_t starts;     /* processes started since handrail began; identifies a life */
    uint32_t failures;   /* deaths nobody asked for */
    uint32_t ready_once; /* it has been ready at least once */
    int32_t last_status; /* wait status of the last death, -1 before the first */
    uint32_t ends[HR_NENDS];
    int64_t state_since_ms;
    int64_t started_ms;         /* start of the current or last process */
    int64_t retry_at_ms;        /* BACKOFF: when it will be started again */
    char reason[HR_REASON_MAX]; /* why it is not up, for people; "" if there is nothing to say */
};

enum hr_draining {
    HR_DRAINING_STOP = 1, /* a stop has begun: off for good */
    HR_DRAINING_ORDER,    /* `handrail drain` */
};

struct hr_board_head {
    int32_t supervisor_pid;
    uint32_t nservices;
    uint32_t draining;       /* enum hr_draining: if not 0, readiness is off */
    uint32_t beats;          /* heartbeats of sidecars that the supervisor has taken */
    int64_t started_ms;      /* CLOCK_MONOTONIC */
    int64_t started_wall_ms; /* since 1970 */
};

/* What the server tells about itself, and what it has been told.  Of its present life, but for the
 * two counters. */
struct hr_board_server {
    int64_t beat_ms;        /* last heartbeat, CLOCK_MONOTONIC; 0: none yet */
    int64_t lag_ms;         /* worst lag of its event loop before that heartbeat; -1: not told */
    uint32_t replay_life;   /* life that has to be initialised again before it is ready; 0: none */
    uint32_t recorded;      /* 1: an accepted initialisation is kept, to be replayed */
    uint32_t replays;       /* that succeeded, in all lives */
    uint32_t replay_errors; /* that did not */
    uint32_t agent;         /* enum hr_agent_state */
    uint32_t activity;      /* how often it has said that it may have been used */
    char agent_error[HR_REASON_MAX]; /* agent is HR_AGENT_WRONG: why */
    char status[HR_REASON_MAX];      /* its own words (STATUS=); "" for none */
};

/* What is known of the custom agent class. */
enum hr_agent_state { HR_AGENT_UNKNOWN, HR_AGENT_OK, HR_AGENT_WRONG };

/* What one service has written, since handrail began. */
struct hr_board_output {
    uint64_t lines;
    uint64_t bytes;
    uint64_t dropped_lines; /* over the rate limit, or our own output was not being read */
    uint64_t dropped_bytes;
};

/* A death nobody asked for, without its output, which is for the control socket alone. */
struct hr_board_crash {
    uint64_t number; /* counts from 1; 0: an empty slot */
    char service[HR_SERVICE_NAME_MAX];
    char reason[HR_REASON_MAX];
    int32_t status; /* wait status */
    uint32_t life;  /* its `starts` */
    int32_t pid;
    uint32_t core;     /* 1: a core was dumped */
    int64_t wall_ms;   /* when; since 1970, for people: that clock may be set */
    int64_t mono_ms;   /* the same, CLOCK_MONOTONIC */
    int64_t uptime_ms; /* of the process */
    int64_t user_ms;   /* processor time, with that of its children it had waited for */
    int64_t system_ms;
    int64_t maxrss_kb;
    int64_t oom_kills; /* of the cgroup while it lived; -1: not known */
};

struct hr_board; /* the mapping; opaque */

/* Writer: make the board and map it.  ret_fd is close-on-exec, the caller's, and read-only for
 * whoever inherits it where the kernel can do that (5.1 and newer).  0 or -errno. */
int hr_board_create(struct hr_board **ret_board, int *ret_fd);
void hr_board_put_head(struct hr_board *b, const struct hr_board_head *head);
void hr_board_put_service(struct hr_board *b, uint32_t index, const struct hr_board_service *s);
void hr_board_put_output(struct hr_board *b, uint32_t index, const struct hr_board_output *o);
void hr_board_put_phase(struct hr_board *b, const struct hr_board_phase *p);
void hr_board_put_server(struct hr_board *b, const struct hr_board_server *s);
/* Takes the slot number % HR_CRASHES_MAX. */
void hr_board_put_crash(struct hr_board *b, const struct hr_board_crash *c);

/* Reader: map an inherited board.  0, -EPROTO if it is not one of this version, or -errno. */
int hr_board_open(int fd, const struct hr_board **ret_board);

/* A consistent copy.  0, -ENOENT for an index that is not in use (any more), or -EAGAIN if the
 * writer was in the middle of it for longer than a reader waits, which is some 10 ms. */
int hr_board_get_head(const struct hr_board *b, struct hr_board_head *ret);
int hr_board_get_service(const struct hr_board *b, uint32_t index, struct hr_board_service *ret);

int hr_board_get_output(const struct hr_board *b, uint32_t index, struct hr_board_output *ret);
int hr_board_get_server(const struct hr_board *b, struct hr_board_server *ret);
int hr_board_get_phase(const struct hr_board *b, struct hr_board_phase *ret);
/* slot: 0 to HR_CRASHES_MAX - 1; -ENOENT for an empty one. */
int hr_board_get_crash(const struct hr_board *b, uint32_t slot, struct hr_board_crash *ret);

void hr_board_unmap(const struct hr_board *b);

#endif
