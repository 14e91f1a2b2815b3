/* SPDX-License-Identifier: MIT
 * What `handrail help` tells beside the commands.  See help.h. */
#include "help.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
} topics[] = {
    {"environment",
     "Beside the variable of each option (--crash-dir: HANDRAIL_CRASH_DIR):\n"
     "\n"
     "  HANDRAIL_LOG_LEVEL    of our own messages: error, warning, info or debug\n"
     "  HANDRAIL_SERVER       the server's path, when handrail has its name and the\n"
     "                        server does not lie beside it as NAME.real\n"
     "  HANDRAIL_CONTROL      a path for the control socket, which has no file else\n"
     "  HANDRAIL_PROBE        likewise for the socket that probe and status ask\n"
     "  HANDRAIL_SUPERVISED   1 below handrail: another one there becomes its command\n"
     "  CUSTOM_AGENT_MODULE   a Python module that the server imports at its start\n"
     "  CUSTOM_AGENT_CLASS    the class in it that has to be an agent\n"
     "  CUSTOM_AGENT_PATH     the module's folder [/app, then the current one]\n"
     "  HANDRAIL_AGENT_DEFAULT\n"
     "                        1: conversations that name no agent get that class\n"
     "  HANDRAIL_WEBHOOK_AUTHORIZATION\n"
     "                        the Authorization header for --webhook\n"
     "  HANDRAIL_POD_NAME, HANDRAIL_POD_NAMESPACE, HANDRAIL_POD_UID\n"
     "                        the pod, for --webhook [files in --podinfo-dir]\n"
     "  NOTIFY_SOCKET         is served, as sd_notify(3) has it\n"
     "\n"
     "handrail config shows what is set, and by what.\n"},
    {"signals", "  TERM INT QUIT             stop the server in order; the second one leaves it\n"
                "                            2 s, the third one kills\n"
                "  HUP                       reads the configuration's files again\n"
                "  TSTP TTIN TTOU            are ignored\n"
                "  all others                go to the server\n"
                "\n"
                "A plain init (--no-sidecar) passes HUP and TSTP on, too.  --rewrite and --group\n"
                "change which are passed on, and to whom.\n"},
    {"files", "  /app/config/agent_config.json         agent, tools, environment, settings\n"
              "  /app/config/tool_registry.json        the native tool plugins\n"
              "  ~/.agents/plugins/handrail/.mcp.json  written at start: how conversations find\n"
              "                                        the native tools\n"
              "\n"
              "Their keys: man agent_config.json, man tool_registry.json.  --config-dir and\n"
              "--registry name others.\n"},
    {"exit-codes",
     "Of handrail run: the command's own, or\n"
     "\n"
     "  128 + N  signal N ended it          64  wrong usage\n"
     "      127  it was not found           71  the system refused, such as a process\n"
     "      126  it could not be run        78  a wrong configuration\n"
     "\n"
     "Of restart, stop, reload, drain, crashes, status and probe: 0, or\n"
     "\n"
     "        1  refused, or not good       69  there is no answer\n"
     "       64  wrong usage                74  the answer cannot be written\n"
     "\n"
     "Of the others: see their --help; 70: a program beside handrail cannot be run.\n"},
    {"ports", "  60010  health, for everybody: /startupz /livez /readyz /warmz /metrics\n"
              "         /status, a page at / [--health-addr]\n"
              "  60011  the native tools as an MCP server, on loopback only [--mcp-addr]\n"
              "\n"
              "and the server's: --agent-port, else its own --port, else 8000.  Platforms that\n"
              "give it 60000 often give VSCode 60001, and what the agent serves 12000, 12001.\n"},
};

void hr_help_topics(void)
{
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        (void)printf(" %s", topics[i].name);
    (void)printf("\n");
}

bool hr_help_topic(const char *name)
{
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        if (strcmp(topics[i].name, name) == 0) {
            (void)fputs(topics[i].text, stdout);
            return true;
        }
    return false;
}
