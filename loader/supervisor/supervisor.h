/* SPDX-License-Identifier: MIT
 * PID 1: runs the services, reaps everything, forwards signals, stops in order.
 *
 * One thread and one libev loop.  hr_supervisor_run() may fail while it starts; from the first
 * process on nothing but the end of the server, or an order, ends it: what goes wrong is logged and
 * tried again.
 *
 * A stop goes through phases, under one budget (the grace period):
 *
 *   running   -> draining   the server is asked to end; the board says "draining" from here on
 *   draining  -> ending     the server is gone: toolhosts and every process left are asked to end
 *   ending    -> closing    only the sidecar is left: it is asked to end
 *   closing   -> done
 *   any       -> killing    the budget is spent, or a second order came: SIGKILL to all
 */
#ifndef HR_SUPERVISOR_SUPERVISOR_H
#define HR_SUPERVISOR_SUPERVISOR_H

#include "loader/config/config.h"
#include "signals.h"

/* Run to the end.  The exit code of the process: the server's, or one of common/handoff.h with the
 * reason in the log. */
int hr_supervisor_run(const struct hr_config *config, const struct hr_signals *signals);

#endif
