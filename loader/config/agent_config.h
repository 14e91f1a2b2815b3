/* SPDX-License-Identifier: MIT
 * agent_config.json: what the image's author wants to be true wherever the image runs.
 *
 *   { "agent":  { "module": "my_agent",       imported by the server at its start; see below
 *                 "class":  "MyAgent" },      in that module: an agent, by openhands.sdk.AgentBase
 *     "tools":  [ { "name": "MyTool",         that agents use, each once
 *                   "module": "my_tools" } ], optional: imported too, and registers the tool
 *     "environment": { "NAME": "value" },     of the server, unless the container has that variable
 *     "handrail":    { "grace": 25 } }        settings, by the names of their options
 *
 * All of it is optional; "$schema" is allowed; any other key is an error.
 *
 * "agent" is what CUSTOM_AGENT_MODULE and CUSTOM_AGENT_CLASS are in the environment, and they win.
 * The module is a Python name, or a plugin: "native:<id>" of the tool registry, or the absolute
 * path of a .so, which needs no entry there.
 *
 * Start-up and reload only: it allocates. */
#ifndef HR_CONFIG_AGENT_CONFIG_H
#define HR_CONFIG_AGENT_CONFIG_H

#include "config.h"
#include "config_file.h"

enum {
    HR_AGENT_TOOLS_MAX = 64,            /* tools */
    HR_AGENT_NAME_MAX = 255,            /* bytes of a module or class, as of a file */
    HR_AGENT_VALUE_MAX = 128 * 1024 - 1 /* bytes of "NAME=value": the kernel's limit for one */
};

/* Read the file in c->config_dir into c: what it says of settings that nobody else has set, and all
 * of it as c->agent_config.  A missing file says nothing.  0, or 78 after one line per problem. */
int hr_agent_config_load(struct hr_config *c);

/* The same for text already in memory. */
int hr_agent_config_parse(const char *name, const char *text, size_t len, struct hr_config *c);

/* Make true what it says of the agent and of the environment: in our own environment, which is what
 * everybody looks at who wants to know the server's.  What was put there is then in
 * c->environment.  0, or 71 without memory. */
int hr_agent_config_apply(struct hr_config *c);

/* The module that counts: the environment's, else the file's; NULL if there is none.  *ret_where:
 * how a message names it.  Borrowed. */
const char *hr_agent_config_module(const struct hr_config *c, const char **ret_where);

/* With a module that is native, see that its plugin is loaded, and waited for.  After the registry.
 * Once the environment is made, another module of the file is one for the next start: it is only
 * looked for.
 * 0, or 78 after one line that says what is wrong. */
int hr_agent_config_native(struct hr_config *c);

/* Is this module no business of Python's: "native:<id>" or "/path/of.so"? */
bool hr_agent_module_is_native(const char *module);

/* "name" or "package.name": what python would import, of no more than HR_AGENT_NAME_MAX bytes.  It
 * may have letters beyond ASCII. */
bool hr_agent_module_is_python(const char *module);

#endif
