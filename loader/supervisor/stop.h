/* SPDX-License-Identifier: MIT
 * The stop, from the first signal to the last process: the phases of supervisor.h, and the budget
 * they share. */
#ifndef HR_SUPERVISOR_STOP_H
#define HR_SUPERVISOR_STOP_H

#include <stdint.h>

struct hr_supervisor;

void hr_stop_init(struct hr_supervisor *sup);

/* A signal that asks us to end, and what the server is to get for it: begin; the second one
 * shortens the budget, the third one kills.  A plain init passes them on instead. */
void hr_stop_signal(struct hr_supervisor *sup, int sig);

/* The sidecar's answer to the order to prepare; status as common/handoff.h has it. */
void hr_stop_paused(struct hr_supervisor *sup, uint32_t life, int status);

/* Go on with a stop as far as it goes now, and leave the loop at its end.  To be called after
 * everything that may have changed something. */
void hr_stop_advance(struct hr_supervisor *sup);

#endif
