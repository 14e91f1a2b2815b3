/* SPDX-License-Identifier: MIT
 * What the server's own command line tells.  See server_command.h. */
#include "server_command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* "<dir of length n>/<name>.real" if that can be run, else NULL. */
static char *real_in(const char *dir, size_t n, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%.*s%s%s.real", (int)n, dir, n ? "/" : "", name) < 0)
        return NULL;
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* Is the program at `path` this very one?  It would start itself for ever. */
static bool is_handrail(const char *path)
{
    struct stat self;
    struct stat other;
    return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0 &&
           self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

int hr_real_server(const char *argv0, char **ret_path)
{
    const char *given = getenv("HANDRAIL_SERVER");
    char *path = NULL;
    if (given && *given) {
        if (given[0] != '/' || is_handrail(given))
            return -EINVAL;
        path = strdup(given);
        if (!path)
            return -ENOMEM;
        *ret_path = path;
        return 0;
    }
    if (strchr(argv0, '/')) {
        path = real_in("", 0, argv0);
    } else {
        const char *dirs = getenv("PATH");
        while (dirs && *dirs && !path) {
            size_t n = strcspn(dirs, ":");
            path = real_in(dirs, n, argv0);
            dirs += n + (dirs[n] == ':');
        }
    }
    if (!path)
        return -ENOENT;
    *ret_path = path;
    return 0;
}
