/* SPDX-License-Identifier: MIT
 * The sidecar as a program.  See program.h. */
#include "program.h"

#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    /* Seconds between two heartbeats, which also look for the parent, in case the kernel's word of
     * its death was missed; more often where the watchdog's limit is short. */
    BEAT_S = 5,
    BEATS_PER_LIMIT = 4,
    PLUGINS_AGAIN_MS = 1000,
};

/* Waiting has failed since the last heartbeat. */
static bool loop_failed;

/* ---- what can happen ---- */

/* A loop that hears nothing for long is not alive, although its timers run: the watchdog's limit
 * passes, and another one takes its place. */
static void on_loop_failure(void)
{
    loop_failed = true;
}

static void on_board_event(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    const struct hr_program *p = w->data;
    uint64_t count = 0; /* how often does not matter: the board says what there is now */
    ssize_t got = read(HR_FD_EVENT, &count, sizeof(count));
    (void)got;
    p->on_board(p->arg);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
    const struct hr_program *p = w->data;
    (void)loop;
    (void)events;
    hr_debug("ending on signal %d", w->signum);
    p->on_end(p->arg);
}

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)events;
    struct hr_program *p = w->data;
    struct hr_board_head head;
    if (!hr_board_get_head(p->board, &head) && head.beats != p->beats) {
        p->beats = head.beats;
        p->untaken = 0;
    }
    if (!loop_failed) {
        hr_notify("WATCHDOG=1");
        p->untaken++;
    }
    loop_failed = false;
    if (getppid() == p->parent)
        return;
    hr_warn("the supervisor (pid %d) is gone: ending", (int)p->parent);
    ev_break(loop, EVBREAK_ALL);
}

/* ---- other plugins ---- */

static void try_plugins(struct hr_program *p)
{
    json_t *settings = NULL;
    int err = hr_settings_read(p->plugins, &settings);
    if (!err)
        err = p->on_plugins(settings, p->arg);
    json_decref(settings);
    if (!err) {
        ev_timer_stop(p->loop, &p->plugins_again);
        hr_close(&p->plugins);
    } else if (!ev_is_active(&p->plugins_again)) {
        hr_error("cannot take over the new plugins: %s: those that there were stay; trying again "
                 "every %d ms",
                 strerror(-err), PLUGINS_AGAIN_MS);
        hr_loop_arm(p->loop, &p->plugins_again, PLUGINS_AGAIN_MS, PLUGINS_AGAIN_MS);
    }
}

static void on_plugins_again(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    try_plugins(w->data);
}

void hr_program_take_plugins(struct hr_program *p, int *fd)
{
    hr_close(&p->plugins);
    p->plugins = *fd;
    *fd = -1;
    try_plugins(p);
}

/* ---- starting ---- */

static int open_board(struct hr_program *p)
{
    struct hr_board_head head;
    int err = hr_board_open(HR_FD_BOARD, &p->board);
    if (!err)
        err = hr_board_get_head(p->board, &head);
    if (err) {
        hr_error("cannot read the supervisor's board (descriptor %d): %s; this program is started "
                 "by handrail, not by hand",
                 HR_FD_BOARD, strerror(-err));
        return err;
    }
    p->parent = head.supervisor_pid;
    p->beats = head.beats;
    if (getppid() != p->parent) {
        hr_error("the supervisor (pid %d) is not our parent: it has ended, or handrail-sidecar was "
                 "not started by it",
                 (int)p->parent);
        return -ESRCH;
    }
    return 0;
}

static int check_event(void)
{
    int flags = fcntl(HR_FD_EVENT, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK))
        return 0;
    hr_error("descriptor %d is not the non-blocking event descriptor that handrail hands over",
             HR_FD_EVENT);
    return -EBADF;
}

static int read_settings(struct hr_program *p)
{
    int err = hr_settings_read(HR_FD_SETTINGS, &p->settings);
    if (err)
        hr_error("cannot read the settings (descriptor %d): %s; this program is started by "
                 "handrail, not by hand",
                 HR_FD_SETTINGS, err == -EPROTO ? "not a JSON object" : strerror(-err));
    else
        (void)close(HR_FD_SETTINGS); /* keys are in it */
    return err;
}

int hr_program_begin(struct hr_program *p)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL); /* a peer that goes away is an error of a write */
    (void)sigaction(SIGCHLD, &ignore, NULL); /* a child's end is seen at its socket */
    /* Keys are about to be in this memory: no core dump of it, and no look by others of our uid. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    p->plugins = -1;
    ev_init(&p->plugins_again, on_plugins_again);
    p->plugins_again.data = p;
    int err = read_settings(p);
    if (!err)
        err = open_board(p);
    if (!err)
        err = check_event();
    if (err)
        return err;
    p->loop = hr_loop_new(on_loop_failure);
    if (p->loop)
        return 0;
    hr_error("cannot make an event loop");
    return -ENOMEM;
}

void hr_program_run(struct hr_program *p)
{
    static const int ending[HR_PROGRAM_SIGNALS] = {SIGTERM, SIGINT, SIGQUIT};
    ev_io_init(&p->event, on_board_event, HR_FD_EVENT, EV_READ);
    for (size_t i = 0; i < HR_PROGRAM_SIGNALS; i++) {
        ev_signal_init(&p->signals[i], on_signal, ending[i]);
        p->signals[i].data = p;
        ev_signal_start(p->loop, &p->signals[i]);
    }
    json_int_t limit_ms = json_integer_value(json_object_get(p->settings, "watchdog_ms"));
    double period = (double)limit_ms / 1000 / BEATS_PER_LIMIT;
    if (limit_ms <= 0 || period > BEAT_S)
        period = BEAT_S;
    ev_timer_init(&p->beat, on_beat, 0., period);
    p->event.data = p->beat.data = p;
    ev_io_start(p->loop, &p->event);
    ev_timer_start(p->loop, &p->beat);
    hr_notify("READY=1");
    hr_debug("serving");
    (void)ev_run(p->loop, 0);
}

void hr_program_end(struct hr_program *p)
{
    json_decref(p->settings);
    hr_close(&p->plugins);
    if (p->board)
        hr_board_unmap(p->board);
    if (p->loop)
        ev_loop_destroy(p->loop);
}
