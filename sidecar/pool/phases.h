/* SPDX-License-Identifier: MIT
 * How a pod comes from one phase to the next: a table of phases x evidence, nothing else.
 * phases.md shows it.  What the phases are: common/phase.h; the three that PID 1 knows by itself
 * are not here.
 *
 * Evidence is a level, not an edge: it is offered again and again for as long as it holds, and the
 * phase is where the table comes to rest.  So the order in which things are noticed does not
 * matter, a claim that was known before the server was ready needs no place of its own, and a
 * sidecar that starts in the middle comes to the same result as one that saw all of it.
 *
 * What was decided here:
 *   - A claim alone does not end `warming`: `claimed` is a pod that somebody has and can use.
 *   - A server that dies makes a warm pod warming again, because nobody should be given it.  It
 *     does not change whose the pod is, so `claimed` and `active` stay.
 *   - There is no way back into the pool, and none from `active` to `claimed`: how long ago the
 *     last use was is a number (idle_seconds), not a phase. */
#ifndef HR_SIDECAR_POOL_PHASES_H
#define HR_SIDECAR_POOL_PHASES_H

#include "common/phase.h"

enum hr_evidence {
    HR_EVIDENCE_PROCESS, /* the server has been started */
    HR_EVIDENCE_DOWN,    /* it is not ready, or not any more; never together with the next */
    HR_EVIDENCE_READY,   /* it is, and whether it is dormant is known where it can be */
    HR_EVIDENCE_CLAIM,   /* the pod is somebody's */
    HR_EVIDENCE_USE,     /* it has been used: in a pod that was pooled, since its claim */
    HR_NEVIDENCE
};

enum { HR_NFOUND = HR_POD_ACTIVE + 1 }; /* the phases of the table: starting to active */

/* "process", "down", ...; never NULL. */
const char *hr_evidence_name(enum hr_evidence evidence);

/* One cell.  A phase that is not in the table stays as it is. */
enum hr_pod_phase hr_phase_next(enum hr_pod_phase phase, enum hr_evidence evidence);

/* Where the phase comes to rest while this holds: a bit for each, 1 << HR_EVIDENCE_... */
enum hr_pod_phase hr_phase_settle(enum hr_pod_phase phase, unsigned evidence);

#endif
