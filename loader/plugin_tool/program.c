/* SPDX-License-Identifier: MIT
 * The program behind "handrail plugin".  See program.h. */
#include "program.h"

#include "commands.h"
#include "common/handoff.h"
#include "common/log.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*function)(char **argv);
    const char *help;
} commands[] = {
    {"new", hr_plugin_new, "NAME        a folder to start from, in C, C++ or Rust"},
    {"inspect", hr_plugin_inspect, "PLUGIN  what is in one, without running it"},
    {"check", hr_plugin_check_all, "PLUGIN    try everything that a host may do to it"},
    {"call", hr_plugin_call, "TOOL JSON  call a tool"},
    {"bench", hr_plugin_bench, "TOOL JSON call it often, and say how fast it is"},
};

static void help(FILE *out)
{
    (void)fprintf(out, "usage: handrail plugin COMMAND ...; COMMAND --help: its options\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        (void)fprintf(out, "  handrail plugin %s %s\n", commands[i].name, commands[i].help);
}

/* What could not be written was not done. */
static int written(int code)
{
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    (void)fprintf(stderr, "handrail plugin: cannot write to standard output\n");
    return code ? code : 1;
}

int hr_plugin_tool_program(int argc, char **argv)
{
    hr_log_init("handrail-plugin", hr_log_level_from_env());
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(argc < 2 ? stderr : stdout);
        return argc < 2 ? HR_EXIT_USAGE : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("handrail-plugin %s\n", HR_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return written(commands[i].function(argv + 1));
    (void)fprintf(stderr, "handrail plugin: unknown command %s\n", argv[1]);
    help(stderr);
    return HR_EXIT_USAGE;
}
