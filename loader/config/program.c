/* SPDX-License-Identifier: MIT
 * Programs by name.  See program.h. */
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static const char path_default[] = "/usr/local/bin:/bin:/usr/bin"; /* as exec has it without PATH */

bool hr_program_is_executable(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && S_ISREG(file.st_mode) && access(path, X_OK) == 0;
}

/* One candidate.  -ENOENT: not this one. */
static int candidate(const char *dir, size_t n, const char *name, const char *suffix,
                     char **ret_path)
{
    char *path = NULL;
    /* An empty folder in PATH is the current one. */
    if (asprintf(&path, "%.*s%s%s%s", (int)n, dir, n ? "/" : "", name, suffix) < 0)
        return -ENOMEM;
    if (!hr_program_is_executable(path)) {
        free(path);
        return -ENOENT;
    }
    *ret_path = path;
    return 0;
}

int hr_program_find(const char *name, const char *suffix, char **ret_path)
{
    const char *dirs = getenv("PATH");
    if (!*name)
        return -ENOENT;
    if (strchr(name, '/'))
        return candidate("", 0, name, suffix, ret_path);
    if (!dirs)
        dirs = path_default;
    for (;;) {
        size_t n = strcspn(dirs, ":");
        int err = candidate(dirs, n, name, suffix, ret_path);
        if (err != -ENOENT || !dirs[n])
            return err;
        dirs += n + 1;
    }
}

bool hr_program_is_self(const char *path)
{
    struct stat self;
    struct stat other;
    return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0 &&
           self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

void hr_program_own_folder(char *out, size_t size)
{
    char *name = NULL;
    /* From /proc, else from the name by which the kernel ran us. */
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n > 0)
        out[n] = '\0';
    else if ((name = realpath((const char *)getauxval(AT_EXECFN), NULL)))
        (void)snprintf(out, size, "%s", name);
    else
        out[0] = '\0';
    free(name);
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
}
