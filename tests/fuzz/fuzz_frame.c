/* SPDX-License-Identifier: MIT
 * Frames and the parts of a result, from bytes that anyone may have sent: whatever is given out
 * must lie within what came in, and the walk must end. */
#include "common/frame.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void walk_parts(const char *parts, size_t n)
{
    size_t at = 0;
    for (;;) {
        struct hr_frame_part part = {0};
        const char *bytes = NULL;
        size_t before = at;
        int got = hr_part_next(parts, n, &at, &part, &bytes);
        if (got <= 0) {
            require(got == 0 || got == -EPROTO);
            require(at == before);
            return;
        }
        require(at > before && at <= n);
        require(bytes >= parts && part.len <= n && bytes + part.len == parts + at);
    }
}

static void split_phase(const char *payload, size_t n)
{
    const char *event = NULL;
    int got = hr_frame_phase(payload, n, &event);
    require(got == 0 || got == -EPROTO);
    if (got)
        return;
    size_t name = strnlen(payload, n);
    require(name > 0 && name <= HR_PHASE_NAME_MAX && event == payload + name + 1);
    require(event < payload + n && payload + n - event <= HR_PHASE_EVENT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* an exact copy, so that one byte too far is seen */
    char *copy = malloc(size ? size : 1);
    require(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    size_t at = 0;
    for (;;) {
        struct hr_frame frame = {0};
        const char *payload = NULL;
        int got = hr_frame_peek(copy + at, size - at, &frame, &payload);
        if (got <= 0) {
            require(got == 0 || got == -EPROTO);
            break;
        }
        require(frame.type >= HR_FRAME_HELLO && frame.type <= HR_FRAME_PHASE);
        require(frame.len <= HR_FRAME_MAX && payload == copy + at + sizeof(frame));
        require(frame.len <= size - at - sizeof(frame));
        if (frame.type == HR_FRAME_RESULT && frame.len >= sizeof(int32_t))
            walk_parts(payload + sizeof(int32_t), frame.len - sizeof(int32_t));
        if (frame.type == HR_FRAME_PHASE)
            split_phase(payload, frame.len);
        at += sizeof(frame) + frame.len;
    }
    walk_parts(copy, size);
    split_phase(copy, size);
    free(copy);
    return 0;
}
