/* SPDX-License-Identifier: MIT
 * The program behind those commands of handrail that are about images.  See program.h. */
#include "program.h"

#include "commands.h"
#include "common/handoff.h"
#include "common/log.h"
#include "lint/lint.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*function)(char **argv);
} commands[] = {
    {"install", hr_image_install}, {"uninstall", hr_image_uninstall}, {"check", hr_image_check},
    {"lint", hr_image_lint},       {"explain", hr_image_explain},
};

/* What could not be written was not done. */
static int written(const char *command, int code)
{
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    (void)fprintf(stderr, "handrail %s: cannot write to standard output\n", command);
    return code ? code : HR_EXIT_IOERR;
}

int hr_image_program(int argc, char **argv)
{
    hr_log_init("handrail-image", hr_log_level_from_env());
    for (size_t i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return written(argv[0], commands[i].function(argv));
    (void)fprintf(stderr, "handrail-image: this is for handrail to start: see handrail --help\n");
    return HR_EXIT_USAGE;
}
