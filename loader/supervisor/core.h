/* SPDX-License-Identifier: MIT
 * What the files of the supervisor itself share: its state, and that of each unit. */
#ifndef HR_SUPERVISOR_CORE_H
#define HR_SUPERVISOR_CORE_H

#include "ambient.h"
#include "handout.h"
#include "output.h"
#include "programs.h"
#include "service.h"
#include "sweep.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct hr_signals;

enum hr_phase { HR_RUNNING, HR_DRAINING, HR_ENDING, HR_CLOSING, HR_KILLING };

/* A service and its descriptors. */
struct hr_unit {
    struct hr_service service; /* first: the ops get this address */
    struct hr_supervisor *sup;
    struct hr_output output; /* not used by the server, whose output is ours */
    int notify[2];           /* packet sockets, ours and theirs, for all lives; -1: none */
    int report;              /* exec report of the current life, or -1 */
    ev_timer timer;
    ev_io output_io;
    ev_io notify_io;
    ev_io report_io;
};

struct hr_supervisor {
    const struct hr_config *config;
    const struct hr_signals *signals;
    struct ev_loop *loop;
    struct hr_board *board; /* NULL in a plain init */
    int board_fd;
    int event_fd;
    struct hr_board_head head;
    struct hr_handout handout;
    struct hr_ambient ambient;
    struct hr_programs programs;
    struct hr_unit units[HR_MAX_SERVICES];
    uint32_t nunits;
    bool foreground; /* a plain init in the foreground of a terminal: the command gets it */

    enum hr_phase phase;
    int stop_signal; /* that began the stop; 0: the server ended by itself */
    struct hr_sweep sweep;
    int64_t stop_began_ms;
    int64_t named_ms; /* when we last said whom we wait for */
    ev_io signal_io;
    ev_timer budget; /* of the stop */
    ev_timer tick;   /* while ending */
};

/* Tell the readers of the board that it has changed. */
void hr_publish(struct hr_supervisor *sup);

#endif
