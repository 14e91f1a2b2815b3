/* SPDX-License-Identifier: MIT
 * Names of the agent-server's own tools.  See builtin_names.h. */
#include "builtin_names.h"

#include <stddef.h>
#include <string.h>

/* `usable_tools` of GET /server_info, agent-server 1.58.0; then the two every agent has, which that
 * list leaves out. */
static const char *const names[] = {
    "ClassifyAndSwitchLLMTool",
    "ask_oracle",
    "edit",
    "file_editor",
    "glob",
    "grep",
    "list_directory",
    "planning_file_editor",
    "read_file",
    "start_child_conversation",
    "task",
    "task_tool_set",
    "task_tracker",
    "terminal",
    "workflow",
    "workflow_tool_set",
    "write_file",

    "finish",
    "think",
};

bool hr_builtin_tool_name(const char *name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}
