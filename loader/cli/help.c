/* SPDX-License-Identifier: MIT
 * Help texts, on standard output, each on one screen. */
#include "help.h"

#include "loader/config/settings.h"

#include <stdio.h>

void hr_help_main(void)
{
    (void)printf("handrail " HR_VERSION ": entrypoint and health sidecar for agent-server images\n"
                 "\n"
                 "  handrail [options] -- CMD ARGS  supervise the agent-server CMD; also as\n"
                 "  handrail CMD ARGS, or by the server's name (NAME.real, or HANDRAIL_SERVER)\n"
                 "\n");
}

void hr_help_commands_end(void)
{
    (void)printf("more: handrail help COMMAND, or");
    hr_help_topics();
}

void hr_help_run(void)
{
    (void)printf("usage: handrail run [options] -- CMD ARGS\n"
                 "\n"
                 "Each option is a variable too (--crash-dir: HANDRAIL_CRASH_DIR), which it wins\n"
                 "over, and both over its key in agent_config.json.  --no-NAME: off.  [Default.]\n"
                 "\n");
    hr_settings_help(stdout);
    (void)printf(
        "  HANDRAIL_LOG_LEVEL         error, warning, info or debug; -v, --verbose: debug\n"
        "  CUSTOM_AGENT_MODULE        a Python module that the agent-server imports ...\n"
        "  CUSTOM_AGENT_PATH          ... and its folder [/app, else the current one]\n"
        "\n"
        "As tini and dumb-init: -s and -w (nothing to do), -c, --single-child.\n"
        "The nine from --restart to --stop-timeout exist twice more:\n"
        "--sidecar-restart ... and --toolhost-restart ..., of the process of each plugin.\n"
        "\n"
        "Exit code: the command's own, 128 + N if signal N ended it, 127 or 126 if it\n"
        "could not be run, 64: wrong usage, 71: the system refused, 78: configuration.\n");
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
    (void)printf("  HANDRAIL_LOG_LEVEL         error, warning, info or debug, of our own messages\n"
                 "                             on standard error [warning]\n"
                 "\n"
                 "The nine from --toolhost-restart to --toolhost-stop-timeout are those of\n"
                 "handrail run.  SIGHUP: read the configuration's files anew.\n"
                 "\n"
                 "Exit code: 0 at the end of the input or after a signal to stop, 64 for wrong\n"
                 "usage, 78 for a wrong configuration, else 128 + the signal that ended it.\n");
}
