/* SPDX-License-Identifier: MIT
 * A plugin whose create() fails: for good, or, if its configuration says {"retry":true}, for now.
 */
#include "simple.h"

#include <string.h>

static handrail_status create(const handrail_host *host, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    static const char message[] = "the index /nowhere/index.db cannot be opened";
    (void)len;
    (void)self;
    host->set_error(host, call, message, sizeof(message) - 1);
    return strstr(config, "\"retry\":true") ? HANDRAIL_E_UNAVAILABLE : HANDRAIL_E_INVALID;
}

static void destroy(void *self)
{
    (void)self;
    __builtin_trap(); /* must not be called when create() has failed */
}

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_tool tool = SIMPLE_TOOL("never");
    static const handrail_tool *const tools[] = {&tool, NULL};
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .id = "bad_create",
        .version = "1.0.0",
        .tools = tools,
        .create = create,
        .destroy = destroy,
    };
    return &plugin;
}
