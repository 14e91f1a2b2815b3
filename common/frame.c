/* SPDX-License-Identifier: MIT
 * Frames between sidecar and toolhost.  See frame.h. */
#include "frame.h"

#include "buf.h"

#include <errno.h>
#include <string.h>

int hr_frame_add(struct hr_buf *out, enum hr_frame_type type, uint64_t id, const void *payload,
                 size_t len)
{
    if (len > HR_FRAME_MAX)
        return -E2BIG;
    struct hr_frame h = {.len = (uint32_t)len, .type = (uint32_t)type, .id = id};
    int err = hr_buf_reserve(out, sizeof(h) + len);
    if (!err)
        err = hr_buf_add(out, &h, sizeof(h));
    if (!err)
        err = hr_buf_add(out, payload, len);
    return err;
}

int hr_frame_peek(const char *data, size_t n, struct hr_frame *ret_header, const char **ret_payload)
{
    struct hr_frame h;
    if (n < sizeof(h))
        return 0;
    memcpy(&h, data, sizeof(h));
    if (h.len > HR_FRAME_MAX || h.type < HR_FRAME_HELLO || h.type > HR_FRAME_PHASE)
        return -EPROTO;
    if (n - sizeof(h) < h.len)
        return 0;
    *ret_header = h;
    *ret_payload = data + sizeof(h);
    return 1;
}

int hr_frame_phase(const char *payload, size_t n, const char **ret_event)
{
    size_t name = 0;
    while (name < n && payload[name] >= 'a' && payload[name] <= 'z')
        name++;
    if (name == 0 || name > HR_PHASE_NAME_MAX || name == n || payload[name] != '\0')
        return -EPROTO;
    const char *event = payload + name + 1;
    size_t len = n - name - 1;
    if (len < 2 || len > HR_PHASE_EVENT_MAX || event[0] != '{' || event[len - 1] != '}' ||
        memchr(event, '\0', len))
        return -EPROTO;
    *ret_event = event;
    return 0;
}

int hr_part_add(struct hr_buf *out, enum hr_part_kind kind, const void *data, size_t len)
{
    if (len > HR_FRAME_MAX)
        return -E2BIG;
    struct hr_frame_part part = {.kind = (uint32_t)kind, .len = (uint32_t)len};
    int err = hr_buf_reserve(out, sizeof(part) + len);
    if (!err)
        err = hr_buf_add(out, &part, sizeof(part));
    if (!err)
        err = hr_buf_add(out, data, len);
    return err;
}

int hr_part_next(const char *parts, size_t n, size_t *at, struct hr_frame_part *ret_part,
                 const char **ret_data)
{
    struct hr_frame_part part;
    if (*at == n)
        return 0;
    if (n - *at < sizeof(part))
        return -EPROTO;
    memcpy(&part, parts + *at, sizeof(part));
    if (part.kind < HR_PART_TEXT || part.kind > HR_PART_RESOURCE ||
        part.len > n - *at - sizeof(part))
        return -EPROTO;
    *ret_part = part;
    *ret_data = parts + *at + sizeof(part);
    *at += sizeof(part) + part.len;
    return 1;
}
