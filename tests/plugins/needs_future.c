/* SPDX-License-Identifier: MIT
 * A plugin that needs a host of the future. */
#include "simple.h"

static handrail_status create(const handrail_host *host, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    (void)host;
    (void)call;
    (void)config;
    (void)len;
    (void)self;
    return HANDRAIL_OK;
}

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_tool tool = SIMPLE_TOOL("future");
    static const handrail_tool *const tools[] = {&tool, NULL};
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = 99,
        .needs_minor = 99,
        .id = "needs_future",
        .version = "1.0.0",
        .tools = tools,
        .create = create,
    };
    return &plugin;
}
