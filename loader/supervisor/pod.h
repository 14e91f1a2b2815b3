/* SPDX-License-Identifier: MIT
 * The pod's phase (common/phase.h), as the one who writes it.
 *
 * Of two that know something the one who knows better is shown: the server given up is `failed`,
 * one that a stop has ended is `stopped`, readiness that is off is `draining`, and as long as
 * nothing of that holds it is what the sidecar has told last.  What the sidecar tells meanwhile is
 * kept, so that an undone drain ends where the pod is by then. */
#ifndef HR_SUPERVISOR_POD_H
#define HR_SUPERVISOR_POD_H

#include "common/phase.h"

#include <stdbool.h>

struct hr_supervisor;

/* What PID 1 knows itself. */
struct hr_pod_known {
    bool failed;
    bool stopped;
    bool draining;
};

enum hr_pod_phase hr_pod_shown(const struct hr_pod_known *known, uint32_t told);

/* Take the sidecar's word.  What it has seen is never unseen, and when it came is noted. */
void hr_pod_take(struct hr_board_phase *pod, const struct hr_phase_word *word, int64_t now_ms);

/* Something may have changed: bring the board up to date.  hr_publish() does this. */
void hr_pod_update(struct hr_supervisor *sup);

/* A notification of the sidecar's: true if it is PHASE=. */
bool hr_pod_told(struct hr_supervisor *sup, const char *line);

#endif
