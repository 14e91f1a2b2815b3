/* SPDX-License-Identifier: MIT
 * A plugin whose descriptor does not start with HANDRAIL_MAGIC. */
#include <handrail/plugin.h>

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_plugin plugin = {
        .magic = 0x12345678u,
        .struct_size = sizeof(plugin),
        .id = "wrong_magic",
    };
    return &plugin;
}
