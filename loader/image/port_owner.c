/* SPDX-License-Identifier: MIT
 * Ports with an owner.  See port_owner.h. */
#include "port_owner.h"

#include <stddef.h>

const struct hr_port_owner *hr_port_owner(int64_t port)
{
    static const struct hr_port_owner owners[] = {
        {60000, "the agent-server", "agent-server", {NULL}},
        {60001, "VSCode", "vscode", {"OH_VSCODE_PORT", "VSCODE_PORT", NULL}},
        {12000, "the first worker", "worker", {"WORKER_1", NULL}},
        {12001, "the second worker", "worker", {"WORKER_2", NULL}},
        {60010, "handrail's health endpoints", "handrail", {NULL}},
        {60011, "handrail's tools, for the agent alone", "", {NULL}},
    };
    for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
        if (owners[i].port == port)
            return &owners[i];
    return NULL;
}
