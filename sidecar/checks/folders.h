/* SPDX-License-Identifier: MIT
 * A check of folders, made in a process of its own (sidecar/aside/aside.h): a file system behind a
 * network that is gone would hold whoever looks at it, for ever.
 *
 * `workspace`: the folder is there and can be written to.  Nothing is written to find that out,
 * which would be activity in the user's files: the kernel is asked (faccessat) as the user that
 * handrail runs as, who is the server's.  That sees modes, ACLs and read-only mounts; a quota or a
 * full disk it does not see, for which there is `disk`.
 *
 * `disk`: what is free of the file systems of the workspace and of /. */
#ifndef HR_SIDECAR_CHECKS_FOLDERS_H
#define HR_SIDECAR_CHECKS_FOLDERS_H

#include "common/expo.h"
#include "measure.h"

#include <jansson.h>

struct hr_aside;

enum {
    HR_FOLDERS_MAX = 2,
    HR_FOLDER_PATH_MAX = 256, /* bytes */
};

/* What is known of a folder.  Sent from the process as it is. */
struct hr_folder_facts {
    int32_t err; /* 0, or why it could not be looked at: -errno */
    int32_t write_err;
    uint64_t free_bytes; /* for those who are not root */
    uint64_t size_bytes;
    uint64_t free_inodes;
    uint64_t inodes; /* 0: the file system does not count them */
};

struct hr_folders {
    struct hr_measure m;

    /* set by the owner */
    int count;
    char path[HR_FOLDERS_MAX][HR_FOLDER_PATH_MAX];
    bool writable; /* it must be; else so much must be free: */
    bool seen;     /* or it must be there from the start; else one that never was fails nothing */
    bool free_is_percent;
    int64_t free;

    bool known; /* the facts, by an answer some time ago */
    struct hr_folder_facts facts[HR_FOLDERS_MAX];
    struct hr_aside *aside;
};

/* The owner's fields, and those of m, are set, but for the method.  0 or -errno. */
int hr_folders_init(struct hr_folders *f);
void hr_folders_free(struct hr_folders *f);

/* New reference: [{"path", "free_bytes", "size_bytes"}, ...], those that could be looked at. */
json_t *hr_folders_disks(const struct hr_folders *f);

/* The same as metrics, as e's next families. */
void hr_folders_collect(const struct hr_folders *f, struct hr_expo *e);

#endif
