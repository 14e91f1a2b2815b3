/* SPDX-License-Identifier: MIT
 * What the server's own command line tells.  See server_command.h. */
#include "server_command.h"

#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool hr_server_bool(const char *text)
{
    return text && (strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0);
}

const char *hr_command_option(char *const *argv, const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);
    if (!argv[0])
        return NULL;
    for (argv++; *argv; argv++) {
        if (strncmp(*argv, name, n) != 0)
            continue;
        if ((*argv)[n] == '=')
            found = *argv + n + 1;
        else if ((*argv)[n] == '\0' && argv[1])
            found = *++argv;
    }
    return found;
}

int hr_real_server(const char *argv0, char **ret_path)
{
    const char *given = getenv("HANDRAIL_SERVER");
    if (!given || !*given)
        return hr_program_find(argv0, ".real", ret_path);
    if (given[0] != '/' || hr_program_is_self(given))
        return -EINVAL; /* it would start itself for ever */
    char *path = strdup(given);
    if (!path)
        return -ENOMEM;
    *ret_path = path;
    return 0;
}
