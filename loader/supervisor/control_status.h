/* SPDX-License-Identifier: MIT
 * What the control socket answers to the order status, from the board.
 *
 * Keys are those of the sidecar's /status; a value that is not known, or does not apply, is null.
 * Called in PID 1, by its control operations. */
#ifndef HR_SUPERVISOR_CONTROL_STATUS_H
#define HR_SUPERVISOR_CONTROL_STATUS_H

#include "common/board.h"

#include <stdint.h>

/* { "ok": true, "version": "0.1.0", "pid": 1, "uptime_seconds": 11.520, "draining": false,
 *   "server": {"heartbeat_age_seconds": 2.100, "loop_lag_ms": 3, "status": "its own words",
 *              "agent": "unknown" | "ok" | "wrong", "agent_error": null, "recorded": true,
 *              "initialised": true, "replays": 1, "replay_errors": 0},
 *   "services": [{"name": "server", "state": "up", "pid": 17, "starts": 2, "failures": 1,
 *                 "uptime_seconds": 4.001, "state_seconds": 3.100, "retry_in_ms": null,
 *                 "last_exit": {"signal": 9}, "reason": null}, ...] }
 * "recorded": an accepted initialisation is kept; "initialised": the present life has had it, or
 * null if none is kept.  One line, into a descriptor that must not block: an anonymous file.
 * now_ms: hr_now_ms().  0 or -errno. */
int hr_control_status_json(int fd, const struct hr_board *board, int64_t now_ms);

#endif
