/* SPDX-License-Identifier: MIT
 * Watches the folder of a downwardAPI volume.  See podwatch.h. */
#include "podwatch.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/log.h"
#include "podinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    EVENT_BYTES = 4096,  /* of one read; holds at least one event with the longest name */
    READS_PER_EVENT = 8, /* then others get their turn */
    VERSIONS_MAX = 4,    /* tried in a row, each of which is replaced while it is read */
    WHY_MAX = 128,       /* bytes of a reason */
};

/* ---- reading ------------------------------------------------------------------------------- */

/* A file of the volume.  Not a pipe, which would make us wait. 0 or -errno. */
static int read_file(int folder, const char *name, struct hr_buf *out)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int err = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? hr_read_fd(fd, out) : -EINVAL;
    hr_close(&fd);
    return err;
}

/* The folder of the present version.  The descriptor or -errno. */
static int open_version(const char *dir)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int data = openat(fd, "..data", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return fd;
    hr_close(&fd);
    return data;
}

/* One of the two files as an object.  why: if it is there, and is no good.  0 or -errno. */
static int load(int folder, const char *name, json_t **ret, char why[WHY_MAX])
{
    struct hr_buf text;
    unsigned line = 0;
    hr_buf_init(&text, HR_PODINFO_MAX);
    int err = read_file(folder, name, &text);
    if (!err)
        err = hr_podinfo_parse(hr_buf_str(&text), text.len, ret, &line);
    hr_buf_free(&text);
    if (err == -EPROTO)
        (void)snprintf(why, WHY_MAX, "%s, line %u: not as the kubelet writes it", name, line);
    else if (err == -E2BIG)
        (void)snprintf(why, WHY_MAX, "%s: more than %d bytes", name, HR_PODINFO_MAX);
    else if (err && err != -ENOENT)
        (void)snprintf(why, WHY_MAX, "%s: %s", name, strerror(-err));
    return err;
}

/* Both.  -ENOENT: there is no "labels", so this is no such volume, or not one yet. */
static int load_both(int folder, json_t **ret_labels, json_t **ret_annotations, char why[WHY_MAX])
{
    json_t *labels = NULL;
    json_t *annotations = NULL;
    int err = load(folder, "labels", &labels, why);
    if (!err) {
        err = load(folder, "annotations", &annotations, why);
        if (err == -ENOENT) {
            annotations = json_object();
            err = annotations ? 0 : -ENOMEM;
        }
    }
    if (err) {
        json_decref(labels);
        return err;
    }
    *ret_labels = labels;
    *ret_annotations = annotations;
    return 0;
}

/* Is it the present version still?  One that is not may have lost a file before we came to it. */
static bool is_present(const char *dir, int folder)
{
    struct stat ours;
    struct stat theirs;
    int now = open_version(dir);
    bool same = now >= 0 && fstat(folder, &ours) == 0 && fstat(now, &theirs) == 0 &&
                ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
    hr_close(&now);
    return same;
}

/* Both files, of one version.  -ENOENT also while they change faster than they can be read: there
 * will be an event. */
static int load_version(const char *dir, json_t **ret_labels, json_t **ret_annotations,
                        char why[WHY_MAX])
{
    for (int i = 0; i < VERSIONS_MAX; i++) {
        int folder = open_version(dir);
        if (folder < 0)
            return folder;
        why[0] = '\0';
        int err = load_both(folder, ret_labels, ret_annotations, why);
        bool present = is_present(dir, folder);
        hr_close(&folder);
        if (present)
            return err;
        if (err)
            continue;
        json_decref(*ret_labels);
        json_decref(*ret_annotations);
    }
    return -ENOENT;
}

static void read_all(struct hr_podwatch *w)
{
    char why[WHY_MAX] = "";
    json_t *labels = NULL;
    json_t *annotations = NULL;
    int err = load_version(w->dir, &labels, &annotations, why);
    if (err && err != -ENOENT) {
        w->bad++;
        if (err != w->last_err)
            hr_warn("pod info %s: %s%swhat it said before holds on", w->dir,
                    why[0] ? why : strerror(-err), ": ");
    }
    w->last_err = err;
    if (err)
        return;
    w->good++;
    w->on_read(labels, annotations, w->arg);
    json_decref(labels);
    json_decref(annotations);
}

/* ---- watching ------------------------------------------------------------------------------ */

static void set_timer(struct hr_podwatch *w, int ms)
{
    ev_timer_stop(w->loop, &w->timer);
    ev_now_update(w->loop);
    ev_timer_set(&w->timer, ms / 1000., 0.);
    ev_timer_start(w->loop, &w->timer);
}

/* Is that the name of something we read, or of the link to it? */
static bool concerns_us(const struct inotify_event *e)
{
    return e->len && (strcmp(e->name, "..data") == 0 || strcmp(e->name, "labels") == 0 ||
                      strcmp(e->name, "annotations") == 0);
}

/* Watch the folder, and read it: in this order, so that nothing is missed in between. */
static void find(struct hr_podwatch *w)
{
    const uint32_t events =
        IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
    int before = w->watch;
    w->watch = inotify_add_watch(w->inotify_fd, w->dir, events);
    if (before >= 0 && before != w->watch)
        (void)inotify_rm_watch(w->inotify_fd, before);
    if (w->watch < 0) {
        int err = errno;
        bool absent = err == ENOENT || err == ENOTDIR;
        if (!absent && err != w->watch_err)
            hr_warn("pod info %s: cannot be watched: %s: reading it every %d ms instead", w->dir,
                    strerror(err), HR_PODWATCH_POLL_MS);
        w->watch_err = absent ? 0 : err;
        if (absent)
            w->last_err = -ENOENT;
        else
            read_all(w);
        w->looks++;
        set_timer(w, !absent                         ? HR_PODWATCH_POLL_MS
                     : w->looks <= HR_PODWATCH_EARLY ? HR_PODWATCH_FIND_MS
                                                     : HR_PODWATCH_RARE_MS);
        return;
    }
    w->looks = 0;
    w->watch_err = 0;
    read_all(w);
    set_timer(w, HR_PODWATCH_RARE_MS); /* something may be mounted over it, which is no event */
}

/* The folder is gone, or another one has its name. */
static void lost(struct hr_podwatch *w)
{
    if (w->watch >= 0)
        (void)inotify_rm_watch(w->inotify_fd, w->watch);
    w->watch = -1;
    set_timer(w, HR_PODWATCH_FIND_MS);
}

/* Events as they lie in the buffer.  What they ask for: */
enum { READ_AGAIN = 1, FIND_AGAIN = 2 };
static int meaning(const struct hr_podwatch *w, const char *at, const char *end)
{
    int found = 0;
    while (at < end) {
        const struct inotify_event *e = (const void *)at;
        bool ours = e->wd == w->watch; /* or of a folder that we have given up */
        if (ours && (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)))
            found |= FIND_AGAIN;
        else if ((ours && concerns_us(e)) || (e->mask & IN_Q_OVERFLOW))
            found |= READ_AGAIN;
        at += sizeof(*e) + e->len;
    }
    return found;
}

static void on_events(struct ev_loop *loop, ev_io *io, int revents)
{
    struct hr_podwatch *w = io->data;
    alignas(struct inotify_event) char events[EVENT_BYTES];
    int found = 0;
    (void)loop;
    (void)revents;
    for (int i = 0; i < READS_PER_EVENT; i++) {
        ssize_t n = read(w->inotify_fd, events, sizeof(events));
        if (n <= 0)
            break;
        found |= meaning(w, events, events + n);
    }
    if (found & FIND_AGAIN)
        lost(w);
    else if (found & READ_AGAIN)
        read_all(w);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct hr_podwatch *w = timer->data;
    (void)loop;
    (void)revents;
    if (w->inotify_fd >= 0) {
        find(w);
        return;
    }
    read_all(w);
    set_timer(w, HR_PODWATCH_POLL_MS);
}

int hr_podwatch_start(struct hr_podwatch *w, const char *dir)
{
    w->inotify_fd = w->watch = -1;
    w->last_err = w->watch_err = 0;
    ev_init(&w->timer, on_timer);
    ev_init(&w->io, on_events);
    w->timer.data = w->io.data = w;
    if (strlen(dir) >= sizeof(w->dir))
        return -ENAMETOOLONG;
    memcpy(w->dir, dir, strlen(dir) + 1);
    if (!*dir)
        return 0;
    w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->inotify_fd < 0) {
        hr_warn("pod info %s: cannot be watched: %s: reading it every %d ms instead", dir,
                strerror(errno), HR_PODWATCH_POLL_MS);
        on_timer(w->loop, &w->timer, 0);
        return 0;
    }
    ev_io_set(&w->io, w->inotify_fd, EV_READ);
    ev_io_start(w->loop, &w->io);
    find(w);
    return 0;
}

void hr_podwatch_stop(struct hr_podwatch *w)
{
    if (!w->dir[0])
        return;
    ev_io_stop(w->loop, &w->io);
    ev_timer_stop(w->loop, &w->timer);
    hr_close(&w->inotify_fd);
    w->dir[0] = '\0';
}
