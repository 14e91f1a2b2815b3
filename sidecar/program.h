/* SPDX-License-Identifier: MIT
 * What the sidecar is whomever it serves: started by the supervisor, with settings and the board, a
 * loop, a heartbeat, and an end when the supervisor asks for it or is gone.  What it does for whom
 * is main.c (HTTP) and stdio_program.c.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_PROGRAM_H
#define HR_SIDECAR_PROGRAM_H

#include "common/board.h"

#include <ev.h>
#include <jansson.h>
#include <sys/types.h>

enum { HR_PROGRAM_SIGNALS = 3 };

struct hr_program {
    struct ev_loop *loop;
    json_t *settings;
    const struct hr_board *board;
    /* The owner's, called from the loop: the board has changed, we are to end. */
    void (*on_board)(void *arg);
    void (*on_end)(void *arg);
    int (*on_plugins)(const json_t *settings, void *arg); /* others are to be served; 0 or -errno */
    void *arg;
    pid_t parent;
    ev_io event;
    ev_signal signals[HR_PROGRAM_SIGNALS];
    ev_timer beat;
    int plugins; /* settings whose plugins could not be taken over yet; -1: none */
    ev_timer plugins_again;
    uint32_t beats;   /* heartbeats that the supervisor had taken when it last took some */
    unsigned untaken; /* heartbeats sent since then; counted and not timed, so that a pod that was
                         frozen as a whole goes on where it was */
};

/* Take what the supervisor has handed over: settings and board.  0, or -errno after having said
 * what is wrong.  Whatever it answers, hr_program_end() frees what there is. */
int hr_program_begin(struct hr_program *p);

/* Say that we are ready, and run the loop until somebody breaks it. */
void hr_program_run(struct hr_program *p);
void hr_program_end(struct hr_program *p);

/* The order PLUGINS has come with this descriptor, which is taken over: until its plugins are
 * served, or others have been ordered, that is tried. */
void hr_program_take_plugins(struct hr_program *p, int *fd);

#endif
