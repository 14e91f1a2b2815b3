/* SPDX-License-Identifier: MIT
 * A plugin whose configuration has a schema.  Its create() believes what the schema says. */
#include <handrail/plugin.h>

#include <stdio.h>

static const handrail_host *host;

static handrail_status invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self;
    return host->add_text(host, call, args, len);
}

static handrail_status create(const handrail_host *the_host, handrail_call *call,
                              const char *config, size_t len, void **self)
{
    (void)call;
    (void)self;
    host = the_host;
    (void)printf("created with %.*s\n", (int)len, config);
    return HANDRAIL_OK;
}

static void destroy(void *self)
{
    (void)self;
}

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_tool tool = {
        .struct_size = sizeof(tool),
        .name = "say",
        .description = "Says its arguments.",
        .input_schema = "{\"type\":\"object\"}",
        .invoke = invoke,
    };
    static const handrail_tool *const tools[] = {&tool, NULL};
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = "configured",
        .version = "1",
        .config_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],"
            "\"properties\":{\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z]+$\"},"
            "\"limit\":{\"type\":\"integer\",\"maximum\":100},"
            "\"hosts\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1}}}}",
        .tools = tools,
        .create = create,
        .destroy = destroy,
    };
    return &plugin;
}
