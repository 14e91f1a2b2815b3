/* SPDX-License-Identifier: MIT
 * The hook: the user's command that is run once in a container, after its claim (--on-claim).
 *
 * A service like the others, in its own place of the table, but one that is to end.  The sidecar
 * finds the claim and hands it over as a sealed file; from then on it is ours, whatever becomes of
 * the sidecar, and the first one is the only one: so the hook is not run twice for one claim, and
 * not lost.  We do not look into the file: `handrail __on-claim` does, in the hook's process
 * (loader/cli/on_claim.h).
 *
 * Ended with code 0 it is done.  Otherwise it is tried again by the backoff of all services, and
 * given up after HR_HOOK_TRIES; the pod goes on without.  An order to restart it runs it again with
 * the same claim. */
#ifndef HR_SUPERVISOR_HOOK_H
#define HR_SUPERVISOR_HOOK_H

#include "spawn.h"

#include <stdbool.h>

struct hr_supervisor;

#define HR_HOOK_NAME "on-claim"

enum { HR_HOOK_TRIES = 3 };

struct hr_hook {
    int claim_fd; /* -1: not known yet */
    const char *argv[4];
};

/* Take the place for it in the table, which is nobody's where there is none.  0 or -errno. */
int hr_hook_add(struct hr_supervisor *sup);

/* The settings have changed. */
void hr_hook_settings_changed(struct hr_supervisor *sup);

/* A notification of the sidecar's: true if it is CLAIM=1, whose descriptor is *fd, and ours (*fd is
 * -1) if it is taken. */
bool hr_hook_told(struct hr_supervisor *sup, const char *line, int *fd);

/* What its process gets. */
void hr_hook_plan(const struct hr_supervisor *sup, struct hr_spawn *plan);

/* Is there a claim to run it with? */
bool hr_hook_has_claim(const struct hr_supervisor *sup);

#endif
