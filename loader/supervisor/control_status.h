/* SPDX-License-Identifier: MIT
 * What the control socket answers from the board: the orders status and crashes.
 *
 * Keys are those of the sidecar's /status and /crashes; a value that is not known, or does not
 * apply, is null.  Called in PID 1, by its control operations; writes one line into fd, which must
 * not block: an anonymous file. */
#ifndef HR_SUPERVISOR_CONTROL_STATUS_H
#define HR_SUPERVISOR_CONTROL_STATUS_H

#include "common/board.h"

#include <stdint.h>

/* { "ok": true, "version": "0.1.0", "pid": 1, "uptime_seconds": 11.520, "draining": false,
 *   "server": {"heartbeat_age_seconds": 2.100, "loop_lag_ms": 3, "status": "its own words",
 *              "agent": "unknown" | "ok" | "wrong", "agent_error": null, "recorded": true,
 *              "initialised": true, "replays": 1, "replay_errors": 0},
 *   "services": [{"name": "server", "state": "up", "pid": 17, "starts": 2, "failures": 1,
 *                 "uptime_seconds": 4.001, "state_seconds": 3.100, "retry_in_seconds": null,
 *                 "last_exit": {"signal": 9}, "reason": null}, ...] }
 * "recorded": an accepted initialisation is kept; "initialised": the present life has had it, or
 * null if none is kept.  now_ms: hr_now_ms().  0 or -errno. */
int hr_control_status_json(int fd, const struct hr_board *board, int64_t now_ms);

/* { "ok": true, "crashes": [{"number": 3, "service": "server", "life": 2, "pid": 17,
 *   "time": "2026-11-21T09:30:00.123Z", "exit": {"code": 3}, "core_dumped": false,
 *   "reason": "...", "uptime_seconds": 4.001, "user_seconds": 0.500, "system_seconds": 0.100,
 *   "max_rss_bytes": 52428800, "oom_kills": null}, ...] }
 * the newest first, without their output.  0 or -errno. */
int hr_control_crashes_json(int fd, const struct hr_board *board);

#endif
