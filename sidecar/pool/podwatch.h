/* SPDX-License-Identifier: MIT
 * Watches the folder of a downwardAPI volume and reads it whenever it changes.
 *
 * The kubelet writes a new version into a folder of its own beside the old one and then renames the
 * link "..data" onto it, so one event says that all of it is there, and files that are opened below
 * one "..data" are of one version.  A folder without that link, made by hand, is read as it is.
 *
 * The folder need not exist, and may come late, go, or be another one: it is looked for every so
 * often.  Where there is no inotify to be had it is read at a fixed pace instead.
 *
 * Reading is done at once, on the loop: the volume is the kubelet's, in memory.  What is no regular
 * file, or a larger one than the kubelet can write, is not read.  A folder on a file system that
 * hangs would make us hang: it is no downwardAPI volume.  Loop's thread only. */
#ifndef HR_SIDECAR_POOL_PODWATCH_H
#define HR_SIDECAR_POOL_PODWATCH_H

#include <ev.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    HR_PODWATCH_DIR_MAX = 4096,  /* bytes of its name, with the NUL */
    HR_PODWATCH_FIND_MS = 2000,  /* between two looks for a folder that is not there, ... */
    HR_PODWATCH_EARLY = 60,      /* ... this often, and from then on */
    HR_PODWATCH_RARE_MS = 30000, /* at this pace */
    HR_PODWATCH_POLL_MS = 1000,  /* between two reads without inotify */
};

struct hr_podwatch {
    /* Set by the owner. */
    struct ev_loop *loop;
    /* It has been read: both are borrowed for the call.  Only after a success. */
    void (*on_read)(const json_t *labels, const json_t *annotations, void *arg);
    void *arg;

    /* Ours. */
    char dir[HR_PODWATCH_DIR_MAX]; /* "": nothing is watched */
    int inotify_fd;                /* -1: none */
    int watch;                     /* -1: the folder is not being watched */
    int last_err;                  /* of the last read; 0: it is good */
    int watch_err;                 /* errno of the last try to watch it; 0: it is, or is absent */
    unsigned looks;                /* in vain, for the folder */
    uint64_t good;                 /* reads, */
    uint64_t bad;                  /* and those that could not be used */
    ev_io io;
    ev_timer timer;
};

/* dir: "" for none.  Reads it, if it is there, before it returns.  0 or -ENAMETOOLONG. */
int hr_podwatch_start(struct hr_podwatch *w, const char *dir);
void hr_podwatch_stop(struct hr_podwatch *w);

#endif
