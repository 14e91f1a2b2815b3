/* SPDX-License-Identifier: MIT
 * Crash reports on disk, in HANDRAIL_CRASH_DIR, as crash-<time>-<service>-<number>.json.
 *
 * A disk can be full, or on a network that has gone away, and then a write does not return.  So a
 * child process does it, forked at the crash with a copy of the report, and killed after
 * HR_CRASH_FILE_SECONDS.  PID 1 reaps it as everything else, tells this module, and never waits.
 *
 * A file appears whole or not at all, readable by its owner alone.  Symbolic links are not
 * followed.  The latest HR_CRASH_FILES_MAX files of this form that are ours are kept; nothing else
 * in the folder is touched.
 */
#ifndef HR_SUPERVISOR_CRASH_FILE_H
#define HR_SUPERVISOR_CRASH_FILE_H

#include "crash.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    HR_CRASH_FILES_MAX = 16,
    HR_CRASH_FILE_SECONDS = 10, /* that a child may take */
    HR_CRASH_WRITERS_MAX = 4, /* children at once; one that hangs in the kernel cannot be killed */
    HR_CRASH_STALE_SECONDS = 60, /* age of an unfinished file that nobody is writing any more */
};

/* Start a child that writes the report into `dir`, which is borrowed for ever.  Its pid; or, said
 * in the log, -EBUSY if too many are at it already, or -errno of fork(). */
pid_t hr_crash_file_start(const char *dir, const struct hr_crash *c);

/* A child has been reaped: was it one of these?  What it could not do is said in the log. */
bool hr_crash_file_reaped(pid_t pid, int status);

/* What the child does, in this process.  May block.  0 or -errno. */
int hr_crash_file_write(const char *dir, const struct hr_crash *c);

#endif
