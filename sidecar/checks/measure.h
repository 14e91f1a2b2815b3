/* SPDX-License-Identifier: MIT
 * A measurement that is made over and over, and what its results add up to: the frame of every
 * check that is measured.  How it is made is a method (probe.h, connect.h, folders.h, memory.h,
 * lag.h); when, and how many results make a success or a failure, is the policy.
 *
 * Results belong to a life of the server where they are about the server (`of_server`): one of an
 * earlier life counts for nothing, and nothing is measured without a process.
 *
 * The half above the line is arithmetic on times and results and knows no loop; the rest measures.
 * Pace: `refused_ms` apart while the port is closed in a new life (it costs little, the server sees
 * and logs nothing, and readiness is known the sooner), `failing_ms` apart while it fails,
 * `period_ms` apart when all is well; `easy_ms` then, while something else says that it is well
 * (`is_easy`).  Between the failures that make a success a failure it is `period_ms` from question
 * to question, so that a hiccup has time to pass; what a time-out took counts, so that a hang is
 * not waited for twice.
 *
 * Time in which we did not run ourselves is nobody's failure: a pod that was frozen, or had no
 * processor, goes on where it was.
 *
 * Loop's thread only.
 */
#ifndef HR_SIDECAR_CHECKS_MEASURE_H
#define HR_SIDECAR_CHECKS_MEASURE_H

#include "common/board.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    HR_FAST_FOR_MS = 120000,  /* of a life: then a closed port is asked at failing_ms */
    HR_SOON_FOR_MS = 1000,    /* after the server said that it is about to open its port ... */
    HR_SOON_MS = 3,           /* ... it is asked this often */
    HR_MEASURE_LATE_MS = 200, /* a timer that is later than this says that we did not run */
    HR_MEASURE_MESSAGE = 200, /* bytes */
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

struct hr_policy {
    int period_ms;
    int timeout_ms;
    int failures;  /* so many in a row make a success a failure */
    int successes; /* so many in a row make anything else a success */
};

/* What one measurement has found. */
enum hr_found {
    HR_FOUND_GOOD,
    HR_FOUND_BAD,
    HR_FOUND_DOWN,   /* bad beyond doubt: it counts at once */
    HR_FOUND_NOTHING /* it cannot be measured here, and fails nothing */
};

struct hr_finding {
    enum hr_found found;
    bool has_value;
    double value; /* in the unit of the check */
    char message[HR_MEASURE_MESSAGE];
};

enum hr_result { HR_UNMEASURED, HR_OK, HR_FAIL, HR_UNKNOWN };

struct hr_measure;

struct hr_method {
    /* Begin.  It ends with one call of hr_measure_done(), from inside or later. */
    void (*start)(struct hr_measure *m);
    /* Drop what is under way: hr_measure_done() is not called for it any more.  NULL: it cannot be
     * dropped, and keeps its time-out itself. */
    void (*cancel)(struct hr_measure *m);
};

struct hr_measure {
    /* set by the owner */
    const char *name; /* of the check */
    const char *what; /* how it is measured, for messages: "GET /ready" */
    const char *unit; /* of values; NULL: they have none */
    const struct hr_method *method;
    struct hr_policy policy;
    bool of_server;
    int refused_ms; /* 0: as failing_ms */
    int failing_ms; /* at most policy.period_ms counts */
    int easy_ms;    /* 0: none */
    bool (*is_easy)(const struct hr_measure *m);
    struct ev_loop *loop;
    const struct hr_board *board;
    int64_t (*now_ms)(void);
    void (*on_result)(struct hr_measure *m, void *arg); /* after every result that counted */
    void *arg;

    /* what is known, of the life `life` if it is of the server */
    uint32_t life;
    enum hr_result result;
    int failures;          /* in a row */
    int successes;         /* likewise */
    bool succeeded;        /* at least once */
    bool down;             /* the last finding was DOWN */
    int64_t asked_ms;      /* when the last question was asked; 0: never */
    int64_t failing_since; /* when the first of the failures in a row was asked; 0: none */
    struct hr_finding last;
    int64_t last_asked_ms; /* when that was asked for */

    /* of all lives */
    uint64_t good;
    uint64_t bad;

    /* measuring */
    bool busy;
    int64_t soon_until_ms;
    int64_t due_ms; /* of the timer */
    ev_timer timer;
};

/* Forget the results if they are of another life than this one.  True if they were. */
bool hr_measure_new_life(struct hr_measure *m, const struct hr_life *life);
/* Take what was found by a question of asked_ms. */
void hr_measure_note(struct hr_measure *m, const struct hr_finding *f, int64_t asked_ms);
/* Until the next question, or -1: not before the board changes. */
int hr_measure_delay_ms(const struct hr_measure *m, const struct hr_life *life, int64_t now);

/* ---- */

/* The owner's fields are set. */
void hr_measure_init(struct hr_measure *m);
/* Measure now, or as soon as there is a process. */
void hr_measure_start(struct hr_measure *m);
void hr_measure_stop(struct hr_measure *m);
/* Something has happened: measure now, unless that is under way. */
void hr_measure_now(struct hr_measure *m);
/* Drop what is being asked of an earlier life and ask the new one now, or the one that has just
 * said that it is ready; else do nothing. */
void hr_measure_board_changed(struct hr_measure *m);

/* The end of a measurement, by its method. */
void hr_measure_done(struct hr_measure *m, const struct hr_finding *f);
/* The same, in words. */
void hr_measure_say(struct hr_measure *m, enum hr_found found, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a value, in the unit of the check. */
void hr_measure_value(struct hr_measure *m, enum hr_found found, double value, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

#endif
