/* SPDX-License-Identifier: MIT
 * The preflight of this process's own environment, for the tests: one line for each finding, its id
 * and its text.  The arguments are the server's. */
#include "loader/supervisor/preflight.h"

#include <stdio.h>
#include <unistd.h>

static void print(void *arg, const char *id, const char *text)
{
    (void)arg;
    (void)printf("%s\t%s\n", id, text);
}

int main(int argc, char **argv)
{
    struct hr_config c = {.command = argv, .agent_port = 8000};
    (void)argc;
    hr_preflight(&c, true, environ, print, NULL);
    return 0;
}
