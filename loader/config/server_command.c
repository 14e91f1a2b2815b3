/* SPDX-License-Identifier: MIT
 * What can be told of the server.  See server_command.h. */
#include "server_command.h"

#include "program.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as many as the kernel follows */

bool hr_server_bool(const char *text)
{
    return text && (strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0);
}

/* Where the option stands last, -1 if it does not: its first `least` bytes or more are enough.
 * ret_value: its value, or NULL if that is the next argument. */
static int find(char *const *argv, const char *name, size_t least, const char **ret_value)
{
    int found = -1;
    for (int i = 1; argv[0] && argv[i]; i++) {
        size_t n = strcspn(argv[i], "=");
        if (n < least || strncmp(argv[i], name, n) != 0)
            continue;
        found = i;
        *ret_value = argv[i][n] ? argv[i] + n + 1 : NULL;
        if (!argv[i][n] && argv[i + 1])
            i++; /* its value, whatever that looks like */
    }
    return found;
}

static const char *value_of(char *const *argv, const char *name, size_t least)
{
    const char *value = NULL;
    int at = find(argv, name, least, &value);
    return at >= 0 && !value ? argv[at + 1] : value;
}

/* The bytes by which argparse knows an option of the agent-server.  The only two that begin alike
 * are --host and --help. */
static size_t least_of(const char *name)
{
    return name[2] == 'h' ? strlen("--ho") : strlen("--x");
}

const char *hr_command_option(char *const *argv, const char *name)
{
    return value_of(argv, name, strlen(name));
}

const char *hr_server_option(char *const *argv, const char *name)
{
    return value_of(argv, name, least_of(name));
}

int hr_server_option_at(char *const *argv, const char *name, const char **ret_value)
{
    return find(argv, name, least_of(name), ret_value);
}

int hr_server_home(const char *home, char *out, size_t size)
{
    int n = -1;
    if (home) {
        n = snprintf(out, size, "%s", *home ? home : "/");
    } else {
        const struct passwd *pw = NULL;
        FILE *f = fopen("/etc/passwd", "re");
        while (f && (pw = fgetpwent(f)) && pw->pw_uid != getuid())
            ;
        if (pw)
            n = snprintf(out, size, "%s", pw->pw_dir);
        if (f)
            (void)fclose(f);
    }
    return n < 0 ? -ENOENT : (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* "<path>.real", or the same of what the links at `path` lead to: a name for a server need not lie
 * beside it. */
static int beside(const char *called, char **ret_path)
{
    char path[PATH_MAX];
    char target[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s", called) >= PATH_MAX)
        return -ENOENT;
    for (int links = 0; links < LINKS_MAX; links++) {
        int err = hr_program_find(path, ".real", ret_path);
        if (err != -ENOENT)
            return err;
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        if (n <= 0)
            return -ENOENT;
        target[n] = '\0';
        size_t folder = *target == '/' ? 0 : (size_t)(strrchr(path, '/') + 1 - path);
        if (folder + (size_t)n >= sizeof(path))
            return -ENOENT;
        memcpy(path + folder, target, (size_t)n + 1);
    }
    return -ENOENT;
}

int hr_real_server(const char *argv0, char **ret_path)
{
    const char *given = getenv("HANDRAIL_SERVER");
    if (!given || !*given) {
        char *called = NULL;
        int err = hr_program_find(argv0, ".real", ret_path);
        if (err == -ENOENT)
            err = hr_program_find(argv0, "", &called);
        if (called)
            err = strchr(called, '/') ? beside(called, ret_path) : -ENOENT;
        free(called);
        return err;
    }
    if (given[0] != '/' || hr_program_is_self(given))
        return -EINVAL; /* it would start itself for ever */
    char *path = strdup(given);
    if (!path)
        return -ENOMEM;
    *ret_path = path;
    return 0;
}
