/* SPDX-License-Identifier: MIT
 * The image that a command is about.  See root.h. */
#include "root.h"

#include "common/fd.h"
#include "loader/config/program.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool elsewhere; /* another root than the one we were started in */

static int put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int err = fd < 0 ? -errno : hr_write_all(fd, text, strlen(text));
    hr_close(&fd);
    return err;
}

/* A user namespace in which we are who we are, and may change our root. */
static int become_able(void)
{
    char uid[64];
    char gid[64];
    (void)snprintf(uid, sizeof(uid), "%u %u 1", geteuid(), geteuid());
    (void)snprintf(gid, sizeof(gid), "%u %u 1", getegid(), getegid());
    if (unshare(CLONE_NEWUSER) < 0)
        return -errno;
    int err = put("/proc/self/setgroups", "deny");
    if (!err)
        err = put("/proc/self/uid_map", uid);
    return err ? err : put("/proc/self/gid_map", gid);
}

static int enter(const char *folder)
{
    if (chroot(folder) < 0) {
        int err = errno == EPERM ? become_able() : -errno;
        if (err)
            return err;
        if (chroot(folder) < 0)
            return -errno;
    }
    return chdir("/") < 0 ? -errno : 0;
}

int hr_root_enter(const char *command, const char *folder)
{
    int err = folder ? enter(folder) : 0;
    if (err) {
        (void)fprintf(stderr, "handrail %s: --root=%s: %s\n", command, folder, strerror(-err));
        return HR_REPORT_EXIT_NO_INPUT;
    }
    elsewhere = folder != NULL;
    if (elsewhere)
        (void)unsetenv("PATH");
    return 0;
}

void hr_root_program(const char *name, char out[PATH_MAX])
{
    char folder[PATH_MAX - 64];
    if (elsewhere)
        (void)snprintf(folder, sizeof(folder), "/opt/handrail/bin");
    else
        hr_program_own_folder(folder, sizeof(folder));
    (void)snprintf(out, PATH_MAX, "%s/%s", folder, name);
}
