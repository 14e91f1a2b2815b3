/* SPDX-License-Identifier: MIT
 * What the plugins that are refused have in common: one tool that works, if it is ever reached. */
#ifndef HR_TEST_SIMPLE_H
#define HR_TEST_SIMPLE_H

#include <handrail/plugin.h>

static handrail_status simple_invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self;
    (void)call;
    (void)args;
    (void)len;
    return HANDRAIL_OK;
}

#define SIMPLE_TOOL(tool_name)                                                                     \
    {                                                                                              \
        .struct_size = sizeof(handrail_tool), .name = (tool_name), .description = "Does nothing.", \
        .input_schema = "{\"type\":\"object\"}", .invoke = simple_invoke,                          \
    }

#endif
