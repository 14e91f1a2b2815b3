/* SPDX-License-Identifier: MIT
 * Crash reports: what is known of a death that nobody asked for.
 *
 * The supervisor fills one in between the death and the reaping of a process, when its pid is still
 * taken, its children have come to us, and whatever else it had is gone.  The latest ones are kept
 * here, in static memory that is not touched before the first crash.  A summary of each goes onto
 * the board; the whole, with its output, to the control socket and to a file (crash_file.h) only.
 *
 * As JSON, one object on one line.  null: not known, or no limit.
 *
 *     number             counts from 1
 *     service            "server", "sidecar", "toolhost/<plugin id>"
 *     time               when, "2026-11-21T09:30:00.123Z"
 *     wall_seconds       the same, since 1970
 *     monotonic_seconds  the same, as CLOCK_MONOTONIC has it
 *     reason             why, for people
 *     pid, life          of the process; life: how many there had been of this service, with it
 *     failures           deaths of this service nobody asked for, with this one
 *     uptime_seconds     of the process
 *     wait_status        as waitpid() has it; taken apart in the next four:
 *     exit_code          null if a signal ended it
 *     signal, signal_name
 *                        null if it ended by itself; "SIGKILL"
 *     core_dumped
 *     rusage             of the process and of those of its children it had waited for:
 *       user_seconds, system_seconds, maxrss_bytes, minor_faults, major_faults,
 *       voluntary_switches, involuntary_switches
 *     cgroup_before, cgroup_after
 *                        of the container, at the start of the process and at its death:
 *       memory_bytes, memory_max_bytes, memory_peak_bytes, high_events, max_events, oom_events,
 *       oom_kills, pids, pids_max, pids_denied
 *     oom_kills          how many of them in between
 *     listening          sockets that were listened on after the death, by anybody: null or a list
 *                        of {address, port, uid, inode}
 *     left_total, left   processes that it left behind: how many, and {pid, ppid, state, name} of
 *                        the first of them; null without /proc
 *     output_bytes       of `output`; what it printed last, secrets masked
 *     output_lost_bytes  printed before that
 *     output             not in the list of all crashes
 */
#ifndef HR_SUPERVISOR_CRASH_H
#define HR_SUPERVISOR_CRASH_H

#include "common/board.h"
#include "common/cgroup.h"
#include "common/sockets.h"
#include "proc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rusage;

enum {
    HR_CRASH_OUTPUT = 64 * 1024, /* bytes */
    HR_CRASH_SOCKETS = 64,       /* the server's ports must be among them (leftovers.h) */
    HR_CRASH_LEFT = 32,          /* processes */
};

struct hr_crash {
    uint64_t number;
    char service[HR_SERVICE_NAME_MAX];
    char reason[HR_REASON_MAX];
    uint32_t life; /* `starts` of the service at that time */
    uint32_t failures;
    int32_t pid;
    int32_t status; /* wait status */
    int64_t wall_ms;
    int64_t mono_ms;
    int64_t uptime_ms;
    int64_t user_ms;
    int64_t system_ms;
    int64_t maxrss_kb;
    int64_t minor_faults;
    int64_t major_faults;
    int64_t voluntary_switches;
    int64_t involuntary_switches;
    struct hr_cgroup_sample before; /* at the start of the process */
    struct hr_cgroup_sample after;
    int nsockets; /* in `sockets`; -1: not known */
    int nleft;    /* in all, so maybe more than in `left`; -1: not known */
    struct hr_socket sockets[HR_CRASH_SOCKETS];
    struct hr_proc_entry left[HR_CRASH_LEFT];
    uint64_t output_lost; /* bytes */
    size_t output_len;
    char output[HR_CRASH_OUTPUT]; /* any bytes; already masked */
};

/* The next report, in the place of the oldest: its number and the present time are set, what is -1
 * when unknown is -1, the rest is empty.  Never NULL. */
struct hr_crash *hr_crash_new(void);

/* NULL for one that there has not been yet, or that is no longer kept. */
const struct hr_crash *hr_crash_get(uint64_t number);

void hr_crash_set_rusage(struct hr_crash *c, const struct rusage *u);

/* Look around: the cgroup, the sockets, the processes left behind.  Some 0.1 ms and what each
 * process costs (proc.h), 80 ms with as many as it looks at; 5 more where the kernel cannot be
 * asked for sockets (sockets.h).  To be called before anything of it is killed.  skip: our own
 * processes, the dead one among them. */
void hr_crash_look(struct hr_crash *c, const struct hr_cgroup *cg, struct hr_sockets *s,
                   const pid_t *skip, size_t nskip);

/* Kills by the OOM killer while it lived; -1: not known. */
int64_t hr_crash_oom_kills(const struct hr_crash *c);

void hr_crash_summary(const struct hr_crash *c, struct hr_board_crash *ret);

/* One as JSON.  0 or -errno of the descriptor, which must not block. */
int hr_crash_json(const struct hr_crash *c, int fd, bool with_output);

/* A list of all that are kept, newest first, without their output. */
int hr_crash_list_json(int fd);

#endif
