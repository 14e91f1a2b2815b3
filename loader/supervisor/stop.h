/* SPDX-License-Identifier: MIT
 * The stop, from the first signal to the last process: the phases of supervisor.h, and the budget
 * they share. */
#ifndef HR_SUPERVISOR_STOP_H
#define HR_SUPERVISOR_STOP_H

struct hr_supervisor;

void hr_stop_init(struct hr_supervisor *sup);

/* A signal that asks us to end: begin, or hasten. */
void hr_stop_signal(struct hr_supervisor *sup, int sig);

/* Go on with a stop as far as it goes now, and leave the loop at its end.  To be called after
 * everything that may have changed something. */
void hr_stop_advance(struct hr_supervisor *sup);

#endif
