/* SPDX-License-Identifier: MIT
 * Confining this process, before any code of the plugin's has run: its constructors are confined
 * too.  What the process needs of the outside world is open by then.  Once, from the only thread,
 * never undone.  What is enforced, and why so: CONFINEMENT.md.
 *
 * The state is the process's own, and so is what is kept here of it. */
#ifndef HR_TOOLHOST_CONFINE_H
#define HR_TOOLHOST_CONFINE_H

#include "common/confinement.h"
#include "load.h"

/* path: the plugin's file, which stays readable.  variables: {"NAME": "value"} for the environment,
 * or NULL.  0, or with *why set HR_EXIT_CONFIG (what is asked for cannot be had) or
 * HR_EXIT_TEMPFAIL. */
int hr_confine_apply(const struct hr_confinement *c, const json_t *variables, const char *path,
                     struct hr_why *why);

/* What became of it, for TOOLS: {"enforced": ["files", ...], "missing": {"files": "why", ...},
 * "landlock_abi": 7}.  Borrowed; NULL before hr_confine_apply(). */
json_t *hr_confine_report(void);

/* ---- parts of it ---- */

/* Landlock: files, and where the kernel can, TCP ports and signals.  The ABI, or -errno: nothing
 * is restricted. */
int hr_confine_files(const struct hr_confinement *c, const char *path);

/* The filter of system calls.  truncation_guarded: nothing has to be done against files being
 * emptied that may not be written.  0, -EINVAL with *why set: a name is no system call; or -errno:
 * nothing is restricted. */
int hr_confine_syscalls(const struct hr_confinement *c, bool truncation_guarded,
                        struct hr_why *why);

#endif
