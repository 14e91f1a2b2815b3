/* SPDX-License-Identifier: MIT
 * PID 1: runs the services, reaps everything, forwards signals, stops in order.
 *
 * One thread and one libev loop.  hr_supervisor_run() may fail while it starts; from the first
 * process on nothing but the end of the server, or an order, ends it: what goes wrong is logged and
 * tried again.
 *
 * For `handrail mcp` there is no server: its place is nobody's, and what is said of the server
 * below holds for the sidecar, which has our standard input and output and is not started again.
 *
 * A stop goes through phases, under one budget (the grace period):
 *
 *   running   -> pausing    the board says "draining" from here on, and the server is asked to save
 *                           its conversations; left out when it cannot be asked
 *   pausing   -> draining   the server is asked to end
 *   draining  -> ending     the server is gone: toolhosts and every process left are asked to end
 *   ending    -> closing    only the sidecar is left: it is asked to end
 *   closing   -> done
 *   any       -> killing    the budget is spent, or a third order came: SIGKILL to all
 */
#ifndef HR_SUPERVISOR_SUPERVISOR_H
#define HR_SUPERVISOR_SUPERVISOR_H

#include "loader/config/config.h"
#include "signals.h"

/* Run to the end.  A reload changes the plugins in config, and settings.  The exit code of the
 * process: the server's, or one of common/handoff.h with the reason in the log. */
int hr_supervisor_run(struct hr_config *config, const struct hr_signals *signals);

#endif
