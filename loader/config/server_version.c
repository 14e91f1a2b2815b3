/* SPDX-License-Identifier: MIT
 * Which agent-server a program is.  See server_version.h. */
#include "server_version.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next number of *text, which moves behind it and its dot.  Missing: 0. */
static unsigned long next_number(const char **text)
{
    if (!isdigit((unsigned char)**text))
        return 0;
    char *end = NULL;
    unsigned long value = strtoul(*text, &end, 10); /* too large is the largest, which will do */
    if (*end == '.' && isdigit((unsigned char)end[1]))
        end++;
    *text = end;
    return value;
}

/* What follows the numbers: is it before the release? */
static bool is_before_release(const char *rest)
{
    static const char *const signs[] = {"a", "b", "rc", "dev"};
    if (*rest == '.' || *rest == '-' || *rest == '_')
        rest++;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (strncmp(rest, signs[i], strlen(signs[i])) == 0)
            return true;
    return false;
}

int hr_version_compare(const char *a, const char *b)
{
    while (isdigit((unsigned char)*a) || isdigit((unsigned char)*b)) {
        unsigned long x = next_number(&a);
        unsigned long y = next_number(&b);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (int)is_before_release(b) - (int)is_before_release(a);
}

/* If name is "openhands_agent_server-<version>.dist-info" and newer than what is in `best` (empty:
 * nothing yet), put it there. */
static void consider(const char *name, char best[HR_VERSION_TEXT])
{
    static const char head[] = "openhands_agent_server-";
    static const char tail[] = ".dist-info";
    size_t n = strlen(name);
    if (strncmp(name, head, sizeof(head) - 1) != 0 || n <= sizeof(head) + sizeof(tail) - 2)
        return;
    const char *version = name + sizeof(head) - 1;
    n -= sizeof(head) - 1 + sizeof(tail) - 1;
    if (strcmp(version + n, tail) != 0 || n >= HR_VERSION_TEXT || !isdigit((unsigned char)*version))
        return;
    char text[HR_VERSION_TEXT];
    (void)snprintf(text, sizeof(text), "%.*s", (int)n, version);
    if (!*best || hr_version_compare(text, best) > 0)
        memcpy(best, text, sizeof(text));
}

/* Look into one site-packages. */
static void look_into(const char *folder, char best[HR_VERSION_TEXT])
{
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir)))
        consider(entry->d_name, best);
    if (dir)
        (void)closedir(dir);
}

/* Look beside the program at `path`. */
static void look_beside(const char *path, char best[HR_VERSION_TEXT])
{
    char lib[PATH_MAX];
    char site[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || snprintf(lib, sizeof(lib), "%.*s/../lib", (int)(slash - path), path) >= PATH_MAX)
        return;
    DIR *dir = opendir(lib);
    const struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir)))
        if (strncmp(entry->d_name, "python3", 7) == 0 &&
            snprintf(site, sizeof(site), "%s/%s/site-packages", lib, entry->d_name) < PATH_MAX)
            look_into(site, best);
    if (dir)
        (void)closedir(dir);
}

int hr_server_version(const char *path, char out[HR_VERSION_TEXT])
{
    char best[HR_VERSION_TEXT] = "";
    look_beside(path, best);
    if (!*best) {
        char *real = realpath(path, NULL);
        if (real)
            look_beside(real, best);
        free(real);
    }
    if (!*best)
        return -ENOENT;
    memcpy(out, best, sizeof(best));
    return 0;
}
