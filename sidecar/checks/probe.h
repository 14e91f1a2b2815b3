/* SPDX-License-Identifier: MIT
 * A probe: one path of the server asked over and over, and what the answers add up to.
 *
 * The half above the line is arithmetic on times and results and knows no loop; the rest asks.
 * Pace: nothing is asked without a process; `refused_ms` apart while the port is closed in a new
 * life (it costs little, the server sees and logs nothing, and readiness is known the sooner),
 * `failing_ms` apart while it answers anything but 200, `period_ms` apart when all is well. Between
 * the failures that make a success a failure it is `period_ms` from question to question, so that a
 * hiccup has time to pass; what a time-out took counts, so that a hang is not waited for twice. For
 * /ready that makes a server that hangs not ready within 6.5 to 8.5 s, and one that answers 500
 * within 4 to 6 s.
 */
#ifndef HR_SIDECAR_CHECKS_PROBE_H
#define HR_SIDECAR_CHECKS_PROBE_H

#include "common/board.h"
#include "common/expo.h"
#include "sidecar/http/client.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HR_PROBE_TIMEOUT_MS = 2000,
    HR_PROBE_FAILURES = 3,         /* in a row make a success a failure; refused counts at once */
    HR_PROBE_FAST_FOR_MS = 120000, /* of a life: then a closed port is asked at failing_ms */
    HR_PROBE_MESSAGE_MAX = 120,    /* bytes */
    HR_PROBE_URL_MAX = 128,        /* bytes; a numeric address, a port, a short path */
};

/* The server as the board has it now. */
struct hr_life {
    bool known;   /* the board could be read */
    bool running; /* there is a process: starting, up or stopping */
    uint32_t starts;
    uint32_t state; /* enum hr_state */
    int64_t started_ms;
};

struct hr_life hr_life_read(const struct hr_board *board);

enum hr_result { HR_UNMEASURED, HR_OK, HR_FAIL };

struct hr_probe {
    const char *path;
    int refused_ms;
    int failing_ms;
    int period_ms;

    /* what is known, of the life `life` */
    uint32_t life;
    enum hr_result result;
    unsigned failures;     /* in a row */
    bool succeeded;        /* at least once */
    bool refused;          /* the last answer */
    int64_t asked_ms;      /* when the last question was asked */
    int64_t failing_since; /* when the first of the failures in a row was asked; 0: none */
    char message[HR_PROBE_MESSAGE_MAX];

    /* of all lives */
    uint64_t good;
    uint64_t bad;
    struct hr_histogram latency;

    /* asking */
    struct ev_loop *loop;
    struct hr_client *client;
    const struct hr_board *board;
    int64_t (*now_ms)(void);
    /* Asked at the first 200 of a life: did another program give it?  NULL: it does not matter. */
    bool (*is_foreign)(void *arg);
    void (*on_result)(struct hr_probe *p, void *arg); /* after every answer that counted */
    void *arg;
    struct hr_client_req *req;
    ev_timer timer;
    int64_t asked_us;
    char url[HR_PROBE_URL_MAX];
};

/* Forget the results if they are of another life than this one.  True if they were. */
bool hr_probe_new_life(struct hr_probe *p, const struct hr_life *life);
/* Take an answer (as hr_client_done's status) to what was asked at asked_ms. */
void hr_probe_note(struct hr_probe *p, int status, int64_t asked_ms);
/* Until the next question, or -1: not before the board changes. */
int hr_probe_delay_ms(const struct hr_probe *p, const struct hr_life *life, int64_t now);

/* ---- */

/* The fields of the first and the last group are set; 0 or -ENAMETOOLONG. */
int hr_probe_init(struct hr_probe *p, const char *host, int port);
/* Ask now, or as soon as there is a process. */
void hr_probe_start(struct hr_probe *p);
void hr_probe_stop(struct hr_probe *p);
/* Drop what is being asked of an earlier life and ask the new one now; else do nothing. */
void hr_probe_board_changed(struct hr_probe *p);

#endif
