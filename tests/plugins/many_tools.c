/* SPDX-License-Identifier: MIT
 * Ten tools that do nothing, built several times as plugins of different names: NUMBER. */
#include "simple.h"

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
#define NAME       "many" TEXT(NUMBER)

static const handrail_tool all[] = {
    SIMPLE_TOOL(NAME "_tool_0"), SIMPLE_TOOL(NAME "_tool_1"), SIMPLE_TOOL(NAME "_tool_2"),
    SIMPLE_TOOL(NAME "_tool_3"), SIMPLE_TOOL(NAME "_tool_4"), SIMPLE_TOOL(NAME "_tool_5"),
    SIMPLE_TOOL(NAME "_tool_6"), SIMPLE_TOOL(NAME "_tool_7"), SIMPLE_TOOL(NAME "_tool_8"),
    SIMPLE_TOOL(NAME "_tool_9"),
};

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

static void destroy(void *self)
{
    (void)self;
}

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_tool *const tools[] = {&all[0], &all[1], &all[2], &all[3],
                                                 &all[4], &all[5], &all[6], &all[7],
                                                 &all[8], &all[9], NULL};
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = NAME,
        .version = "1",
        .tools = tools,
        .create = create,
        .destroy = destroy,
    };
    return &plugin;
}
