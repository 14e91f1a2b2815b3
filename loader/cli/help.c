/* SPDX-License-Identifier: MIT
 * Help texts, on standard output, each on one screen. */
#include "help.h"

#include "loader/config/options.h"

#include <stdio.h>

void hr_help_main(void)
{
    (void)printf("handrail " HR_VERSION ": entrypoint and health sidecar for agent-server images\n"
                 "\n"
                 "  handrail run [options] -- CMD ARGS   supervise the agent-server CMD\n"
                 "  handrail -- CMD ARGS                 the same, without options\n"
                 "  handrail run --help                  its options, and the environment\n"
                 "  handrail --version\n"
                 "\n"
                 "Called by any other name it supervises the program NAME.real beside itself, or\n"
                 "the one in HANDRAIL_SERVER, with the arguments it was given.\n");
}

void hr_help_run(void)
{
    (void)printf(
        "usage: handrail run [options] -- CMD ARGS\n\n%s\n"
        "Environment (options win):\n"
        "  HANDRAIL_SIDECAR      on or off\n"
        "  HANDRAIL_RESTART      as --restart\n"
        "  HANDRAIL_GRACE        as --grace\n"
        "  HANDRAIL_CONFIG_DIR   as --config-dir\n"
        "  HANDRAIL_AGENT_PORT   the agent-server's port (default: its --port, else 8000)\n"
        "  HANDRAIL_HEALTH_ADDR  probes, metrics, status (default: 0.0.0.0:60010)\n"
        "  HANDRAIL_MCP_ADDR     native tools, loopback only (default: 127.0.0.1:60011)\n"
        "  HANDRAIL_LOG_LEVEL    error, warning, info or debug\n"
        "\n"
        "Exit code: the command's own, 128 + N if signal N ended it, 127 or 126 if it\n"
        "could not be run, 64 for wrong usage, 78 for a wrong configuration.\n",
        hr_options_help);
}
