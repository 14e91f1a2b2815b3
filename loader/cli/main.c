/* SPDX-License-Identifier: MIT
 * handrail: the command line.  Which program to supervise can be said in several ways, because
 * launchers do; all of them end in run(). */
#include "commands.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "help.h"
#include "loader/config/agent_command.h"
#include "loader/config/config.h"
#include "loader/config/one_string.h"
#include "loader/config/program.h"
#include "loader/supervisor/signals.h"
#include "loader/supervisor/supervisor.h"
#include "on_claim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELP_WORDS = 2 }; /* of a command: "plugin check" */

static int load(char **argv, bool as_server, struct hr_config *config)
{
    int code = as_server ? hr_config_load_as_server(argv, config) : hr_config_load(argv, config);
    if (!code)
        hr_log_set_format(config->log_format);
    if (code || getenv("HANDRAIL_LOG_LEVEL"))
        return code;
    if (config->verbose || !config->sidecar) /* a plain init is quiet */
        hr_log_init("handrail", config->verbose ? HR_LOG_DEBUG : HR_LOG_WARNING);
    if (config->verbose && config->sidecar)
        (void)setenv("HANDRAIL_LOG_LEVEL", "debug", 1); /* for our other programs */
    return code;
}

/* Returns only if it cannot be run: with the exit code. */
static int exec_command(const struct hr_agent_command *command)
{
    (void)execvpe(command->argv[0], command->argv, command->env);
    int err = errno;
    hr_error("cannot run %s: %s", command->argv[0], strerror(err));
    return err == ENOENT || err == ENOTDIR ? 127 : 126; /* as a shell does */
}

/* Become the command: there is nothing to supervise. */
static int become(const struct hr_config *config)
{
    struct hr_agent_command command = {0};
    if (hr_config_is_nested())
        hr_info("HANDRAIL_SUPERVISED=1, there is a supervisor already: running %s in our place",
                config->command[0]);
    (void)setenv("HANDRAIL_SUPERVISED", "1", 1); /* what it runs may be handrail in its place */
    int code = hr_agent_command(config, config->command, environ, &command);
    if (!code)
        code = exec_command(&command);
    hr_agent_command_free(&command);
    return code;
}

/* Supervise.  argv: options and the command; or, as_server, the server's name and its flags. */
static int run(char **argv, bool as_server)
{
    struct hr_config config;
    struct hr_signals signals;
    int err = hr_signals_init(&signals);
    if (err) {
        hr_error("cannot set up signals: %s", strerror(-err));
        return HR_EXIT_OSERR;
    }
    int code = load(argv, as_server, &config);
    if (code)
        return code;
    if (config.nested) {
        hr_signals_restore(&signals);
        code = become(&config);
    } else {
        code = hr_supervisor_run(&config, &signals);
    }
    hr_config_free(&config);
    return code;
}

/* As its client sees it: quiet.  A supervisor above us does not matter: we are nobody's server. */
static int serve_mcp(char **argv)
{
    struct hr_config config;
    struct hr_signals signals;
    if (!getenv("HANDRAIL_LOG_LEVEL"))
        hr_log_init("handrail", HR_LOG_WARNING);
    (void)setenv("HANDRAIL_LOG_LEVEL", "warning", 0); /* for our other programs */
    int err = hr_signals_init(&signals);
    if (err) {
        hr_error("cannot set up signals: %s", strerror(-err));
        return HR_EXIT_OSERR;
    }
    int code = hr_config_load_mcp(argv, &config);
    if (code)
        return code;
    hr_log_set_format(config.log_format);
    code = hr_supervisor_run(&config, &signals);
    hr_config_free(&config);
    return code;
}

/* ---- the commands ---------------------------------------------------------------------------- */

static int command_run(char **argv)
{
    if (argv[1] && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        hr_help_run();
        return 0;
    }
    return run(argv + 1, false);
}

/* Another program of ours: PID 1 is not to carry what only authors need.  It is one that the
 * dynamic linker starts, with nothing in it but what it names itself. */
static int become_own(const char *name, char **argv)
{
    char folder[4000];
    char path[sizeof(folder) + 32];
    hr_program_own_folder(folder, sizeof(folder));
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)unsetenv("LD_PRELOAD");
    (void)unsetenv("LD_AUDIT");
    (void)execv(path, argv);
    hr_error("cannot run %s: %s: have all of handrail in /opt/handrail", path, strerror(errno));
    return HR_EXIT_SOFTWARE;
}

static int command_plugin(char **argv)
{
    return become_own("handrail-plugin", argv);
}

static int command_image(char **argv)
{
    return become_own("handrail-image", argv);
}

static int command_mcp(char **argv)
{
    if (argv[1] && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        hr_help_mcp();
        return 0;
    }
    return serve_mcp(argv + 1);
}

static int command_help(char **argv);

static int command_version(char **argv)
{
    (void)argv;
    (void)printf("handrail %s\n", HR_VERSION);
    return 0;
}

/* A new command is one line here.  argv[0] is its name; what it returns is our exit code. */
static const struct command {
    const char *name;
    int (*function)(char **argv);
    const char *help; /* NULL: not shown: another name of one that is, or not for people */
} commands[] = {
    {"run", command_run, "the same as handrail -- CMD"},
    {"mcp", command_mcp, "the tools over standard input and output"},
    {"status", hr_cli_status, "how the pod, its services and plugins are"},
    {"probe", hr_cli_probe, "live, ready, startup or warm: is it? for exec probes"},
    {"restart", hr_cli_restart, "restart a service of it; the server if none is named"},
    {"reload", hr_cli_reload, "have it read the two files of its configuration anew"},
    {"drain", hr_cli_drain, "turn readiness off, without a stop; --undo: on again"},
    {"stop", hr_cli_stop, "stop it, as SIGTERM does"},
    {"crashes", hr_cli_crashes, "list its crash reports; with a number, show one"},
    {"config", hr_cli_config, "what is configured, and where each of it comes from"},
    {"plugin", command_plugin, "make, inspect, check, call and measure a plugin"},
    {"install", command_image, "put it into the server's place in an image"},
    {"uninstall", command_image, "take it out again"},
    {"check", command_image, "what will go wrong in an image, before it does"},
    {"lint", command_image, "what makes the image of a Dockerfile fail or leak"},
    {"explain", command_image, "a rule of lint or check"},
    {"__on-claim", hr_cli_on_claim, NULL},
    {"--version", command_version, "which handrail this is"},
    {"help", command_help, "this text, or that of a command or a topic"},
    {"--help", command_help, NULL},
    {"-h", command_help, NULL},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

/* "help plugin check" is "plugin check --help". */
static int help_of(char **words)
{
    static char option[] = "--help";
    const struct command *command = find_command(words[0]);
    char *argv[HELP_WORDS + 2] = {NULL};
    size_t n = 0;
    for (; n < HELP_WORDS && words[n]; n++)
        argv[n] = words[n];
    argv[n] = option;
    /* With two underscores it is not for people, and takes its arguments as they are. */
    if (command && words[0][0] != '_' && !words[n])
        return command->function(argv);
    if (!words[1] && hr_help_topic(words[0]))
        return 0;
    hr_error("no help for %s: expected a command or a topic of those that handrail --help lists",
             words[0]);
    return HR_EXIT_USAGE;
}

static int command_help(char **argv)
{
    if (argv[1] && argv[1][0] != '-' && strcmp(argv[1], "help") != 0)
        return help_of(argv + 1);
    hr_help_main();
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].help)
            (void)printf("  handrail %-10s  %s\n", commands[i].name, commands[i].help);
    hr_help_commands_end();
    return 0;
}

/* ---- the ways in ----------------------------------------------------------------------------- */

/* The only argument, with blanks in it: a whole command, unless it is the name of a file. */
static bool is_one_string(char *const *argv)
{
    return !argv[1] && argv[0][strcspn(argv[0], " \t\n")] && !hr_program_is_executable(argv[0]);
}

static int run_one_string(const char *text)
{
    char **words = NULL;
    if (hr_one_string(text, &words)) {
        hr_error("cannot read the command: %s", strerror(ENOMEM));
        return HR_EXIT_OSERR;
    }
    int code = run(words, false);
    free(words);
    return code;
}

/* No command of ours and no option: the program to supervise. */
static int run_program(char **argv)
{
    char *path = NULL;
    if (is_one_string(argv))
        return run_one_string(argv[0]);
    if (argv[0][0] && !strchr(argv[0], '/')) {
        if (hr_program_find(argv[0], "", &path)) {
            hr_error("unknown command %s, and no program of that name on PATH: see handrail --help",
                     argv[0]);
            return HR_EXIT_USAGE;
        }
        free(path);
    }
    return run(argv, false);
}

/* Of a command of ours: what it could not write, to a full disk for example, it has not said. */
static int end_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    hr_error("cannot write to standard output: %s", strerror(errno));
    return code ? code : HR_EXIT_IOERR;
}

int main(int argc, char **argv)
{
    static char *no_arguments[] = {"--help", NULL};
    hr_fill_standard_fds();
    hr_log_init("handrail", hr_log_level_from_env());
    if (argc < 1)
        return HR_EXIT_USAGE;
    const char *slash = strrchr(argv[0], '/');
    if (strcmp(slash ? slash + 1 : argv[0], "handrail") != 0)
        return run(argv, true);
    argv = argv[1] ? argv + 1 : no_arguments;
    const struct command *command = find_command(argv[0]);
    if (command)
        return end_output(command->function(argv));
    if (argv[0][0] == '-')
        return run(argv, false);
    return run_program(argv);
}
