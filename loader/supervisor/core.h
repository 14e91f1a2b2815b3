/* SPDX-License-Identifier: MIT
 * What the files of the supervisor itself share: its state. */
#ifndef HR_SUPERVISOR_CORE_H
#define HR_SUPERVISOR_CORE_H

#include "ambient.h"
#include "control.h"
#include "handout.h"
#include "hook.h"
#include "leftovers.h"
#include "loader/config/agent_command.h"
#include "programs.h"
#include "relay.h"
#include "reload.h"
#include "reports.h"
#include "server.h"
#include "sweep.h"
#include "unit.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct hr_signals;

/* See supervisor.h. */
enum hr_phase { HR_RUNNING, HR_PAUSING, HR_DRAINING, HR_ENDING, HR_CLOSING, HR_KILLING };

struct hr_supervisor {
    struct hr_config *config; /* a reload changes its plugins and what is live of its settings */
    const struct hr_signals *signals;
    struct hr_agent_command command; /* the server's argv, and its environment but for server.env */
    struct ev_loop *loop;
    struct hr_board *board; /* NULL in a plain init */
    int board_fd;
    int event_fd;
    struct hr_board_head head;
    struct hr_board_phase pod; /* what the board shows of it: pod.h */
    struct hr_handout handout;
    struct hr_ambient ambient;
    struct hr_programs programs;
    struct hr_relay relay;
    struct hr_server server;
    struct hr_hook hook;
    struct hr_leftovers leftovers;
    struct hr_reports reports;
    struct hr_reload reload;
    struct hr_control control;
    struct hr_unit units[HR_MAX_SERVICES];
    uint32_t nunits;
    int streams[2];  /* of `handrail mcp`: what were our standard input and output; -1: gone */
    bool foreground; /* a plain init on a terminal: the command gets it while it is ours */

    enum hr_phase phase;
    int stop_signal;      /* that began the stop; 0: the server ended by itself */
    bool stopped_idle;    /* there was no server when it was asked for */
    unsigned stop_orders; /* how often it was asked for */
    struct hr_sweep sweep;
    int64_t stop_began_ms;
    int64_t named_ms;   /* when we last said whom we wait for */
    int64_t look_at_ms; /* when to look for leftovers again */
    ev_io signal_io;
    bool reap_more;      /* there may be children that have ended and are not reaped yet */
    ev_timer reap_again; /* after the kernel has refused to say so */
    ev_prepare show;     /* before the loop sleeps: the board has what was written */
    ev_timer pause;      /* for the server's preparation */
    ev_timer budget;     /* of the stop */
    ev_timer tick;       /* while ending */
};

/* The one whose end is ours: the server, or the sidecar of `handrail mcp`. */
static inline struct hr_unit *hr_main_unit(struct hr_supervisor *sup)
{
    return &sup->units[sup->config->stdio ? HR_INDEX_SIDECAR : HR_INDEX_SERVER];
}

/* Tell the readers of the board that it has changed. */
void hr_publish(struct hr_supervisor *sup);

#endif
