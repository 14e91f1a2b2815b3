/* SPDX-License-Identifier: MIT
 * Frames: how the sidecar and a toolhost speak over their unix stream socket.
 *
 * A frame is a header in host byte order (both ends are on one machine) and `len` bytes of payload.
 * Conversation, S the sidecar, T the toolhost:
 *
 *     S -> T  HELLO    payload: the ipc key, as in the settings.  First frame, or T closes.
 *     T -> S  TOOLS    payload: JSON {"plugin": {"id", "version", ("sha256"), ("confinement"),
 *                      ("health": true)}, "tools": [{"name", "title", "description",
 *                      "inputSchema", ("outputSchema"), "annotations", "maxConcurrency",
 *                      "timeoutMs"}, ...]}.  Answer to HELLO.
 *     S -> T  CALL     id: chosen by S, not 0, unique among the running calls of the connection.
 *                      payload: struct hr_frame_call, then the arguments, a JSON object.
 *     S -> T  CANCEL   id of a running call; no payload.  Unknown ids are ignored: it may just have
 *                      been answered.
 *     T -> S  PROGRESS id of a running call; payload: struct hr_frame_progress, then a message.
 *     T -> S  TELL     id of a running call; payload: int32 handrail_log_level, then a message for
 *                      the caller.
 *     T -> S  RESULT   id; payload: int32 handrail_status, then parts until the end of the frame,
 *                      each a struct hr_frame_part and `len` bytes.  Exactly one per CALL, also
 *                      after CANCEL and after the deadline.
 *     T -> S  HEALTH   payload: int32 handrail_status, then a reason unless that is OK.  Of a
 *                      plugin whose TOOLS say "health": after TOOLS as soon as it is known, and
 *                      whenever it has changed.
 *     S -> T  PHASE    payload: the pod's phase, NUL, and the event, a JSON object, both as
 *                      plugin-api/include/handrail/phase.h has them.  After TOOLS as soon as it is
 *                      known, and whenever it has changed.
 *
 * Calls run concurrently and are answered in any order.  A peer that breaks these rules is
 * disconnected.  A closed connection ends all of its calls on both sides.
 */
#ifndef HR_COMMON_FRAME_H
#define HR_COMMON_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct hr_buf;

enum hr_frame_type {
    HR_FRAME_HELLO = 1,
    HR_FRAME_TOOLS = 2,
    HR_FRAME_CALL = 3,
    HR_FRAME_CANCEL = 4,
    HR_FRAME_RESULT = 5,
    HR_FRAME_PROGRESS = 6,
    HR_FRAME_TELL = 7,
    HR_FRAME_HEALTH = 8,
    HR_FRAME_PHASE = 9,
};

struct hr_frame {
    uint32_t len;  /* bytes of payload after this header */
    uint32_t type; /* enum hr_frame_type */
    uint64_t id;   /* the call's; 0 where there is none */
};

struct hr_frame_call {
    uint32_t tool;       /* index into the list of TOOLS */
    uint32_t timeout_ms; /* from receipt; never 0 */
};

struct hr_frame_progress {
    double done;  /* greater in every frame of a call */
    double total; /* less than 0: not known */
};

enum hr_part_kind {
    HR_PART_TEXT = 1,     /* UTF-8 */
    HR_PART_BLOB = 2,     /* media type, NUL, bytes */
    HR_PART_JSON = 3,     /* the structured result; at most one */
    HR_PART_ERROR = 4,    /* UTF-8, the reason for a negative status; at most one */
    HR_PART_RESOURCE = 5, /* URI, NUL, media type, NUL, bytes */
};

struct hr_frame_part {
    uint32_t kind; /* enum hr_part_kind */
    uint32_t len;
};

/* Largest payload of any frame, bytes.  Caps arguments and results; each end checks it. */
#define HR_FRAME_MAX 8388608u /* 8 MiB */

enum {
    HR_PHASE_NAME_MAX = 31,     /* bytes of a phase's name */
    HR_PHASE_EVENT_MAX = 32768, /* of an event */
};

/* Append a whole frame.  0, -E2BIG (also for a payload over HR_FRAME_MAX) or -ENOMEM. */
int hr_frame_add(struct hr_buf *out, enum hr_frame_type type, uint64_t id, const void *payload,
                 size_t len);

/* Look at the start of what was received.  1: a whole frame is there, *ret_payload points into
 * data and header->len bytes follow.  0: more is needed.  -EPROTO: this can never become a frame.
 */
int hr_frame_peek(const char *data, size_t n, struct hr_frame *ret_header,
                  const char **ret_payload);

/* The two halves of the payload of PHASE: it starts with the name, *ret_event points to the event,
 * which ends with the payload.  0 or -EPROTO. */
int hr_frame_phase(const char *payload, size_t n, const char **ret_event);

/* Append one part of a RESULT.  0, -E2BIG or -ENOMEM. */
int hr_part_add(struct hr_buf *out, enum hr_part_kind kind, const void *data, size_t len);

/* Walk the parts: *at starts at 0 within the n bytes after the status.  1: a part was given,
 * 0: the end, -EPROTO: malformed. */
int hr_part_next(const char *parts, size_t n, size_t *at, struct hr_frame_part *ret_part,
                 const char **ret_data);

#endif
