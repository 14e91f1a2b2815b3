/* SPDX-License-Identifier: MIT
 * A good plugin; what is odd about it is how it is linked (CMakeLists.txt), or what is defined. */
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

#ifdef TEXT_RELOCATION
/* An address in the code, as code that is not position-independent has them. */
extern const char odd_pointed_at[];
const char odd_pointed_at[] = "x";
__asm__(".pushsection .text\n.balign 8\n.quad odd_pointed_at\n.popsection\n");
#endif

#ifdef EXPORTS
HANDRAIL_EXPORT int odd_export(void);
int odd_export(void)
{
    return 1;
}
#endif

#ifdef NEXT_MAJOR
HANDRAIL_EXPORT const handrail_plugin *handrail_plugin_v2(void);
const handrail_plugin *handrail_plugin_v2(void)
#else
const handrail_plugin *handrail_plugin_v1(void)
#endif
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"k\":{}}}";
    static const char *const extensions[] = {NULL};
    static const handrail_tool tool = SIMPLE_TOOL("odd_tool");
    static const handrail_tool second = {
        .struct_size = sizeof(handrail_tool),
        .flags = HANDRAIL_TOOL_READ_ONLY,
        .name = "odd_second",
        .title = "The second",
        .description = "Does nothing either.",
        .input_schema = "{\"type\":\"object\"}",
        .output_schema = "{\"type\":\"object\"}",
        .max_concurrency = 2,
        .timeout_ms = 1500,
        .invoke = simple_invoke,
    };
    static const handrail_tool *const tools[] = {&tool, &second, NULL};
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .needs_minor = 0,
        .id = "linked_oddly",
        .version = "1.2.3",
        .config_schema = schema,
        .needs_extensions = extensions,
        .tools = tools,
        .create = create,
    };
    return &plugin;
}
