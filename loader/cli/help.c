/* SPDX-License-Identifier: MIT
 * Help texts, on standard output, each on one screen. */
#include "help.h"

#include "loader/config/settings.h"

#include <stdio.h>

void hr_help_main(void)
{
    (void)printf("handrail " HR_VERSION ": entrypoint and health sidecar for agent-server images\n"
                 "\n"
                 "  handrail [options] -- CMD ARGS   supervise the agent-server CMD\n"
                 "  handrail /path/of/CMD ARGS       the same\n"
                 "  handrail CMD ARGS                the same, if CMD is found on PATH\n"
                 "  handrail \"CMD ARGS\"              the same, from a single argument\n"
                 "\n");
}

void hr_help_commands_end(void)
{
    (void)printf("\n"
                 "Called by any other name it supervises the program NAME.real beside itself, or\n"
                 "the one in HANDRAIL_SERVER, with the arguments it was given.\n");
}

void hr_help_run(void)
{
    (void)printf(
        "usage: handrail run [options] -- CMD ARGS\n"
        "\n"
        "Each option is a variable too (--crash-dir: HANDRAIL_CRASH_DIR), which it wins over, and\n"
        "both over its key in agent_config.json.  SECONDS: also 0.5.  --no-NAME: off.  [Default.]\n"
        "\n");
    hr_settings_help(stdout);
    (void)printf(
        "  HANDRAIL_LOG_LEVEL         error, warning, info or debug; -v, --verbose: debug\n"
        "  CUSTOM_AGENT_MODULE        a Python module that the agent-server imports ...\n"
        "  CUSTOM_AGENT_PATH          ... and its folder [/app, else the current one]\n"
        "\n"
        "As tini and dumb-init have them, too: -s and -w (nothing to do), -c, --single-child.\n"
        "The nine from --restart to --stop-timeout exist twice more: as --sidecar-restart ...\n"
        "for the sidecar, as --toolhost-restart ... for the process of each plugin.\n"
        "\n"
        "Exit code: the command's own, 128 + N if signal N ended it, 127 or 126 if it could not\n"
        "be run, 64 for wrong usage, 71 if the system refused, 78 for a wrong configuration.\n");
}

void hr_help_mcp(void)
{
    (void)printf("usage: handrail mcp [options]\n"
                 "\n"
                 "The native tools over standard input and output, for an MCP client that starts\n"
                 "its servers itself.  It ends with its input.\n"
                 "\n"
                 "Each option is a variable too, and wins over it: --registry is\n"
                 "HANDRAIL_REGISTRY.  SECONDS may have a fraction.  [In brackets: the default.]\n"
                 "\n");
    hr_settings_help_mcp(stdout);
    (void)printf(
        "  HANDRAIL_LOG_LEVEL         of our own messages, which go to standard error: error,\n"
        "                             warning, info or debug [warning]\n"
        "\n"
        "The nine from --toolhost-restart to --toolhost-stop-timeout are those of handrail\n"
        "run.  SIGHUP: read the configuration's files anew.\n"
        "\n"
        "Exit code: 0 at the end of the input or after a signal to stop, 64 for wrong\n"
        "usage, 78 for a wrong configuration, else 128 + the signal that ended it.\n");
}
