/* SPDX-License-Identifier: MIT
 * The three programs that load plugins, or start what does, as one file.  Most of each is the same
 * code, and a release has it once: the file has three names, and is the program that it is run as.
 */
#include "common/handoff.h"
#include "loader/image/program.h"
#include "loader/plugin_tool/program.h"
#include "loader/toolhost/program.h"

#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

static int toolhost(int argc, char **argv)
{
    hr_toolhost_program(argc, argv);
}

static const struct {
    const char *name;
    int (*function)(int argc, char **argv);
} programs[] = {
    {"handrail-toolhost", toolhost},
    {"handrail-plugin", hr_plugin_tool_program},
    {"handrail-image", hr_image_program},
};

/* The name of the file, from the kernel: argv[0] is the command that the user named. */
int main(int argc, char **argv)
{
    const char *path = (const char *)getauxval(AT_EXECFN);
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path ? path : "";
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
        if (strcmp(name, programs[i].name) == 0)
            return programs[i].function(argc, argv);
    (void)fprintf(stderr, "handrail: there is no program of ours called %s\n", name);
    return HR_EXIT_USAGE;
}
