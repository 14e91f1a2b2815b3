/* SPDX-License-Identifier: MIT
 * The extension "handrail.phase/1": the pod's phase, for plugins that ask for it.  Its tables are
 * frozen; what is new is another revision.  Thread marks and ownership: handrail/plugin.h.
 *
 * Either side may be without it.  A plugin that cannot do without lists HANDRAIL_PHASE among its
 * needs_extensions, and is refused by a host that has none.
 *
 * An event is a JSON object of at most HANDRAIL_PHASE_EVENT_MAX bytes:
 *
 *     {"phase": "claimed", "from": "warm", "at": "2026-11-26T18:00:00.123Z",
 *      "claim_uid": "3f1c...", "labels": {...}, "annotations": {...}, "left_out": 0}
 *
 *     phase        starting, warming, warm, claimed, active, draining, stopped or failed; others
 *                  may come, and are to be passed over
 *     from         the phase before it, or null; a plugin that is slow may not have been told it
 *     at           when it began
 *     claim_uid    whose pod it is, or null if it is nobody's or that is not known
 *     labels, annotations  the pod's, names and texts; {} where they are not known
 *     left_out     how many of these are missing, because they were too large or secret
 *
 * Its order is not to be relied on, and more members may come. */
#ifndef HANDRAIL_PHASE_H
#define HANDRAIL_PHASE_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HANDRAIL_PHASE           "handrail.phase/1"
#define HANDRAIL_PHASE_EVENT_MAX 32768u

/* What the plugin's get_extension(self, HANDRAIL_PHASE) answers.  The host asks once, after
 * create(), and keeps the pointer: the table lives as long as the process. */
typedef struct handrail_phase_listener {
    uint32_t struct_size;
    /* The pod has this phase now.  `phase` and `json` (json[len] is NUL) are the event's.
     *
     * Told once when the host knows the phase, which is after create(), and then whenever it
     * changes, on a thread of its own, never twice at once, beside calls.  One that is slow is told
     * the latest, not each.  While the pod is somebody's it is told again when the claim's uid or
     * the labels have changed, which can be a minute after the claim.  After the process was
     * started again the present phase is told anew.
     *
     * `call` is of this event: its deadline is 5 s, and like a tool's it must be kept
     * (time_left_ms(), cancelled()), or the process is ended; a negative status and set_error() are
     * a warning in the log.  What takes longer goes to a thread of the plugin's.  [call] */
    handrail_status (*on_phase)(void *self, handrail_call *call, const char *phase,
                                const char *json, size_t len);
} handrail_phase_listener;

/* What the host's get_extension(host, HANDRAIL_PHASE) answers. */
typedef struct handrail_phase_source {
    uint32_t struct_size;
    /* Copy the present event into `json`, NUL-terminated, if `size` is greater than its length, and
     * answer that length; 0: the phase is not known, as in create().  A call sees at least what was
     * known when it was made, whether on_phase() has been told of it yet or not.  [any] */
    size_t (*present)(const handrail_host *host, char *json, size_t size);
} handrail_phase_source;

#ifdef __cplusplus
}
#endif
#endif
