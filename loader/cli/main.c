/* SPDX-License-Identifier: MIT
 * handrail: the command line. */
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "help.h"
#include "loader/config/config.h"
#include "loader/supervisor/signals.h"
#include "loader/supervisor/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Supervise, with the arguments after `run`; or, called by the server's name, with all of them. */
static int run(char **argv, bool as_server)
{
    struct hr_config config;
    struct hr_signals signals;
    int err = hr_signals_init(&signals);
    if (err) {
        hr_error("cannot set up signals: %s", strerror(-err));
        return HR_EXIT_OSERR;
    }
    int code = as_server ? hr_config_load_as_server(argv, &config) : hr_config_load(argv, &config);
    if (code)
        return code;
    if (!config.sidecar && !getenv("HANDRAIL_LOG_LEVEL"))
        hr_log_init("handrail", HR_LOG_WARNING); /* a plain init is quiet */
    code = hr_supervisor_run(&config, &signals);
    hr_config_free(&config);
    return code;
}

int main(int argc, char **argv)
{
    hr_fill_standard_fds();
    hr_log_init("handrail", hr_log_level_from_env());
    if (argc < 1)
        return HR_EXIT_USAGE;
    const char *slash = strrchr(argv[0], '/');
    if (strcmp(slash ? slash + 1 : argv[0], "handrail") != 0)
        return run(argv, true);
    const char *command = argc > 1 ? argv[1] : "--help";
    if (strcmp(command, "run") == 0 && argc > 2 && strcmp(argv[2], "--help") == 0)
        hr_help_run();
    else if (strcmp(command, "run") == 0)
        return run(argv + 2, false);
    else if (strcmp(command, "--") == 0)
        return run(argv + 1, false);
    else if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0)
        hr_help_main();
    else if (strcmp(command, "--version") == 0)
        (void)printf("handrail %s\n", HR_VERSION);
    else {
        hr_error(
            "unknown command %s: expected run, --, --help or --version; a program to supervise "
            "goes behind \"--\": handrail -- %s",
            command, command);
        return HR_EXIT_USAGE;
    }
    return 0;
}
