/* SPDX-License-Identifier: MIT
 * The event of a phase of the pod, as plugins are told it (handrail/phase.h): from the board, and
 * from the labels and annotations of the downwardAPI volume.
 *
 * Plugins are not to be told secrets, and an event has a maximum, so not every annotation is in it:
 * labels come first, then annotations, in their order, each if there is room for it. */
#ifndef HR_SIDECAR_PHASE_EVENT_H
#define HR_SIDECAR_PHASE_EVENT_H

#include "common/buf.h"
#include "common/phase.h"

#include <jansson.h>

/* labels, annotations: objects of strings, or NULL.  Appended to out, which is empty.  0, -ENOMEM,
 * or -ENOENT: there is no phase yet. */
int hr_phase_event(const struct hr_board_phase *pod, const json_t *labels,
                   const json_t *annotations, struct hr_buf *out);

#endif
