/* SPDX-License-Identifier: MIT
 * Which agent-server a program is.  See server_version.h. */
#include "server_version.h"

#include "common/fd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Is this the name "openhands_agent_server-<version>.dist-info"?  Then its version is in `out`. */
static bool is_package(const char *name, char out[HR_VERSION_TEXT])
{
    static const char head[] = "openhands_agent_server-";
    static const char tail[] = ".dist-info";
    size_t n = strlen(name);
    if (strncmp(name, head, sizeof(head) - 1) != 0 || n <= sizeof(head) + sizeof(tail) - 2)
        return false;
    const char *version = name + sizeof(head) - 1;
    n -= sizeof(head) - 1 + sizeof(tail) - 1;
    if (strcmp(version + n, tail) != 0 || n >= HR_VERSION_TEXT || !isdigit((unsigned char)*version))
        return false;
    (void)snprintf(out, HR_VERSION_TEXT, "%.*s", (int)n, version);
    return true;
}

/* What is told of each package. */
struct listener {
    hr_server_package *found;
    void *arg;
    bool any;
};

/* Look into one folder of packages: the newest in it counts, which an upgrade may have left others
 * beside. */
static void look_into(const char *folder, struct listener *l)
{
    char best[HR_VERSION_TEXT] = "";
    char version[HR_VERSION_TEXT];
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir)))
        if (is_package(entry->d_name, version) && (!*best || hr_version_compare(version, best) > 0))
            memcpy(best, version, sizeof(best));
    if (dir)
        (void)closedir(dir);
    if (!*best)
        return;
    l->any = true;
    l->found(l->arg, folder, best);
}

/* Look beside the program at `path`. */
static void look_beside(const char *path, struct listener *l)
{
    static const char *const kinds[] = {"site-packages", "dist-packages"}; /* Debian's own name */
    char lib[PATH_MAX];
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || snprintf(lib, sizeof(lib), "%.*s/../lib", (int)(slash - path), path) >= PATH_MAX)
        return;
    DIR *dir = opendir(lib);
    const struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir)))
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            if (strncmp(entry->d_name, "python3", 7) == 0 &&
                snprintf(folder, sizeof(folder), "%s/%s/%s", lib, entry->d_name, kinds[i]) <
                    PATH_MAX)
                look_into(folder, l);
    if (dir)
        (void)closedir(dir);
}

void hr_server_packages(const char *path, hr_server_package *found, void *arg)
{
    struct listener l = {.found = found, .arg = arg};
    look_beside(path, &l);
    if (l.any)
        return;
    char *real = realpath(path, NULL);
    if (real)
        look_beside(real, &l);
    free(real);
}

static void keep_newest(void *arg, const char *folder, const char *version)
{
    char *best = arg;
    (void)folder;
    if (!*best || hr_version_compare(version, best) > 0)
        (void)snprintf(best, HR_VERSION_TEXT, "%s", version);
}

/* What `handrail install` has written beside the program. */
static void read_record(const char *path, char best[HR_VERSION_TEXT])
{
    char name[PATH_MAX];
    char text[HR_VERSION_TEXT] = "";
    if (snprintf(name, sizeof(name), "%s%s", path, HR_VERSION_SUFFIX) >= PATH_MAX)
        return;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    hr_close(&fd);
    size_t len = n > 0 ? strcspn(text, "\n") : 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return;
    if (isdigit((unsigned char)*text))
        (void)snprintf(best, HR_VERSION_TEXT, "%.*s", (int)len, text);
}

int hr_server_version(const char *path, char out[HR_VERSION_TEXT])
{
    char best[HR_VERSION_TEXT] = "";
    hr_server_packages(path, keep_newest, best);
    if (!*best)
        read_record(path, best);
    if (!*best)
        return -ENOENT;
    memcpy(out, best, sizeof(best));
    return 0;
}
