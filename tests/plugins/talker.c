/* SPDX-License-Identifier: MIT
 * A plugin that sends every kind of frame there is, and answers what it was asked, so that a test
 * sees whose answer it has.  The tools called "again" may be run again; "brief" has little time. */
#include <handrail/plugin.h>

enum { BRIEF_MS = 300 };

static const handrail_host *host;

static handrail_status say(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self;
    return host->add_text(host, call, args, len);
}

static handrail_status steps(void *self, handrail_call *call, const char *args, size_t len)
{
    for (int i = 1; i <= 3; i++) {
        host->tell(host, call, HANDRAIL_LOG_WARN, "a step", 6);
        host->progress(host, call, i, 3, "step", 4);
    }
    return say(self, call, args, len);
}

static handrail_status health(void *self, handrail_call *call)
{
    (void)self;
    return host->add_text(host, call, "well", 4);
}

static handrail_status create(const handrail_host *the_host, handrail_call *call,
                              const char *config, size_t len, void **self)
{
    (void)call, (void)config, (void)len, (void)self;
    host = the_host;
    return HANDRAIL_OK;
}

#define TOOL(tool_name, fn, hints, timeout)                                                        \
    &(const handrail_tool)                                                                         \
    {                                                                                              \
        .struct_size = sizeof(handrail_tool), .flags = (hints), .name = (tool_name),               \
        .description = "Talks.", .input_schema = "{\"type\":\"object\"}", .timeout_ms = (timeout), \
        .invoke = (fn),                                                                            \
    }

static const handrail_tool *const tools[] = {
    TOOL("say", say, 0, 0),
    TOOL("say_again", say, HANDRAIL_TOOL_IDEMPOTENT, 0),
    TOOL("steps", steps, 0, 0),
    TOOL("steps_again", steps, HANDRAIL_TOOL_READ_ONLY, 0),
    TOOL("brief", steps, 0, BRIEF_MS),
    TOOL("brief_again", steps, HANDRAIL_TOOL_IDEMPOTENT, BRIEF_MS),
    NULL,
};

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = "talker",
        .version = "1",
        .tools = tools,
        .create = create,
        .health = health,
    };
    return &plugin;
}
