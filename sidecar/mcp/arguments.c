/* SPDX-License-Identifier: MIT
 * The arguments of a call.  See arguments.h. */
#include "arguments.h"

#include "common/frame.h"
#include "json.h"

#include <errno.h>
#include <stdlib.h>

int hr_mcp_arguments_set(struct hr_mcp_arguments *a, const json_t *json)
{
    struct hr_buf text;
    hr_buf_init(&text, HR_FRAME_MAX - sizeof(struct hr_frame_call));
    int err = hr_mcp_json_add(&text, json, false);
    /* A buffer that grows has room that it does not need. */
    char *fitting = err ? NULL : realloc(text.data, text.len + 1);
    if (!fitting) {
        hr_buf_free(&text);
        return err ? err : -ENOMEM;
    }
    a->text = fitting;
    a->len = text.len;
    return 0;
}

json_t *hr_mcp_arguments_json(const struct hr_mcp_arguments *a)
{
    return json_loadb(a->text, a->len, JSON_ALLOW_NUL, NULL);
}

int hr_mcp_arguments_count(struct hr_mcp_arguments *a, size_t *sum, size_t max)
{
    if (a->sum == sum)
        return 0;
    if (a->len > max || *sum > max - a->len)
        return -ENOBUFS;
    hr_mcp_arguments_uncount(a);
    a->sum = sum;
    *sum += a->len;
    return 0;
}

void hr_mcp_arguments_uncount(struct hr_mcp_arguments *a)
{
    if (a->sum)
        *a->sum -= a->len;
    a->sum = NULL;
}

void hr_mcp_arguments_free(struct hr_mcp_arguments *a)
{
    hr_mcp_arguments_uncount(a);
    free(a->text);
    *a = (struct hr_mcp_arguments){0};
}
