/* SPDX-License-Identifier: MIT
 * One supervised process as a state machine: a table of states x events, each cell a small action.
 *
 *   down      no process, none wanted
 *   starting  a process exists and is not ready yet
 *   up        it is ready (or has been started, if it has no way to say that it is ready)
 *   stopping  it was asked to end, and has not ended yet
 *   backoff   it ended, nobody had asked for that, and it will be started again at retry_at_ms
 *   failed    it ended and will not be started again: policy, budget, or a code that says that
 *             trying again cannot help
 *
 * The server, the sidecar, the hook and every toolhost are services of this one kind, with a policy
 * each.
 * states.md shows the table.  The machine touches the world through hr_service_ops only, so a test
 * can run it with a false clock and false processes.  No allocation, no system call, no failure of
 * its own.
 */
#ifndef HR_SUPERVISOR_SERVICE_H
#define HR_SUPERVISOR_SERVICE_H

#include "common/board.h"
#include "loader/config/config.h"

#include <stdbool.h>
#include <stdint.h>

enum hr_event {
    HR_EV_START,       /* order: run it */
    HR_EV_STOP,        /* order: end it and keep it down */
    HR_EV_RESTART,     /* order: end it if it runs, and run it anew */
    HR_EV_EXECUTED,    /* the process has become the program */
    HR_EV_EXEC_FAILED, /* it could not; arg: errno.  The process ends by itself right after */
    HR_EV_READY,       /* it says that it is ready */
    HR_EV_HUNG,   /* its watchdog has had enough; arg: seconds of silence, 0: it says so itself */
    HR_EV_EXITED, /* the process is gone; arg: wait status */
    HR_EV_TIMER,  /* the service's timer has expired */
    HR_NEVENTS
};

struct hr_policy {
    enum hr_restart restart;
    bool says_ready;        /* starting lasts until HR_EV_READY, not until the program runs */
    bool one_shot;          /* it is to end, and is started again only if it fails */
    int final_code;         /* exit code after which trying again cannot help; -1: none */
    int final_code_unready; /* the same, while it has never been ready; -1: none */
    int stop_signal;
    int64_t start_timeout_ms; /* starting for longer than this: killed; 0: no limit */
    int64_t stop_timeout_ms;  /* stopping for longer than this: killed; 0: no limit */
    int64_t stable_ms;        /* up for this long: the first restart is at once */
    int64_t backoff_ms;       /* otherwise after this, doubling, ... */
    int64_t backoff_max_ms;   /* ... up to this */
    int64_t backoff_reset_ms; /* alive for this long: the doubling starts over */
    uint32_t budget;          /* failures ...; 0: no limit, at most HR_BUDGET_MAX */
    int64_t budget_window_ms; /* ... within this: it is given up */
};

enum {
    HR_BACKOFF_JITTER_PERCENT = 10, /* in both directions */
    HR_KILL_RETRY_MS = 500,         /* killed, and still there: kill again after this */
    HR_ABORT_GRACE_MS = 10 * 1000,  /* hung, and still there after SIGABRT: killed after this */
};

struct hr_service;

struct hr_service_ops {
    int64_t (*now_ms)(void *ctx);
    uint32_t (*random)(void *ctx);
    /* Start a process.  Its pid, or -errno. */
    int (*spawn)(void *ctx, struct hr_service *s);
    void (*kill)(void *ctx, struct hr_service *s, int sig);
    /* One timer per service: fire once after delay_ms (>= 0), replacing what was set; -1: never. */
    void (*set_timer)(void *ctx, struct hr_service *s, int64_t delay_ms);
    /* The record has changed. */
    void (*changed)(void *ctx, struct hr_service *s);
    /* It has died and nobody had asked for that.  The reason and the counts are up to date. */
    void (*crashed)(void *ctx, struct hr_service *s, int status);
};

struct hr_service {
    /* Set once by the owner. */
    const struct hr_service_ops *ops;
    void *ctx;
    struct hr_policy policy;
    uint32_t index;      /* on the board */
    const char *program; /* argv[0], for messages; borrowed */
    const char *hint;    /* what it has said itself about its end, for messages; borrowed */
    bool oom;            /* before HR_EV_EXITED: its cgroup ran out of memory while it lived */

    /* The machine's.  `pub` is what the board shows. */
    struct hr_board_service pub;
    int exec_errno;                /* of the current process; 0: none */
    int hung_s;                    /* of the current process: seconds of silence, -1: it said so */
    bool late;                     /* of the current process: killed before it was ready */
    bool again;                    /* STOPPING: run it anew afterwards */
    int64_t backoff_ms;            /* the next delay before jitter; 0: start over */
    int64_t deaths[HR_BUDGET_MAX]; /* ring of the times of the latest failures */
    uint32_t next_death;
};

/* Prepare a service in state down.  name is cut to fit. */
void hr_service_init(struct hr_service *s, const char *name, enum hr_service_kind kind,
                     const struct hr_policy *policy, const struct hr_service_ops *ops, void *ctx);

/* Another program takes this place, which has no process: its name is new and it has no past, but
 * its lives are counted on, so that no life is mistaken for an earlier one.  "" is nobody. */
void hr_service_rename(struct hr_service *s, const char *name);

/* Feed one event.  arg: see enum hr_event, else 0. */
void hr_service_event(struct hr_service *s, enum hr_event event, int arg);

/* Would an end with code 0 be no failure, but what its process is there for?  It is down then. */
bool hr_service_is_to_end(const struct hr_service *s);

/* Exit code of a wait status as a shell gives it: the code, or 128 + signal. */
int hr_exit_code(int status);

/* "start", "stop", ...; for logs and tests. */
const char *hr_event_name(enum hr_event event);

/* The name of what a cell of the table does; for the picture of it (states.md). */
const char *hr_service_action_name(enum hr_state state, enum hr_event event);

#endif
