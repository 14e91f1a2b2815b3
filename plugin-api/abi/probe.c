/* SPDX-License-Identifier: MIT
 * What abidiff looks at: a shared object in whose debug information every type of the ABI occurs.
 * Constants are members of nothing, so they are made into the sizes of arrays. */
#include <handrail/plugin.h>

HANDRAIL_EXPORT handrail_status handrail_probe(const handrail_host *host, handrail_call *call,
                                               const handrail_tool *tool,
                                               const handrail_plugin *plugin,
                                               handrail_log_level level);
handrail_status handrail_probe(const handrail_host *host, handrail_call *call,
                               const handrail_tool *tool, const handrail_plugin *plugin,
                               handrail_log_level level)
{
    (void)host, (void)call, (void)tool, (void)plugin, (void)level;
    return HANDRAIL_OK;
}

#define CONSTANT(name) HANDRAIL_EXPORT char probe_##name[1000 + (int)(HANDRAIL_##name)]
CONSTANT(ABI_MAJOR);
CONSTANT(OK);
CONSTANT(PENDING);
CONSTANT(E_INVALID);
CONSTANT(E_NOMEM);
CONSTANT(E_UNSUPPORTED);
CONSTANT(E_CANCELLED);
CONSTANT(E_TIMEOUT);
CONSTANT(E_DENIED);
CONSTANT(E_LIMIT);
CONSTANT(E_UNAVAILABLE);
CONSTANT(E_FAILED);
CONSTANT(LOG_ERROR);
CONSTANT(LOG_WARN);
CONSTANT(LOG_INFO);
CONSTANT(LOG_DEBUG);
CONSTANT(TOOL_READ_ONLY);
CONSTANT(TOOL_NON_DESTRUCTIVE);
CONSTANT(TOOL_IDEMPOTENT);
CONSTANT(TOOL_CLOSED_WORLD);
HANDRAIL_EXPORT char probe_MAGIC[HANDRAIL_MAGIC / 1000];

const handrail_plugin *handrail_plugin_v1(void)
{
    return NULL;
}
