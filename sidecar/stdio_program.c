/* SPDX-License-Identifier: MIT
 * The sidecar of `handrail mcp`.  See stdio_program.h. */
#include "stdio_program.h"

#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "sidecar/mcp/standard_io.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct stdio {
    struct hr_program *p;
    struct hr_mcp *mcp;
    struct hr_mcp_stdio *client;
    ev_io orders;
    int place; /* hr_order_place() */
};

static void on_board(void *arg)
{
    const struct stdio *s = arg;
    hr_mcp_board_changed(s->mcp);
}

static void on_end(void *arg)
{
    const struct stdio *s = arg;
    ev_break(s->p->loop, EVBREAK_ALL);
}

/* ---- orders ---- */

static int on_plugins(const json_t *settings, void *arg)
{
    const struct stdio *s = arg;
    return hr_mcp_update(s->mcp, settings);
}

static void obey(const char *text, int *fd, void *arg)
{
    const struct stdio *s = arg;
    if (strcmp(text, "PLUGINS") == 0)
        hr_program_take_plugins(s->p, fd);
    else
        hr_warn("an order that is not known here: %.32s", text);
}

static void on_order(struct ev_loop *loop, ev_io *w, int events)
{
    struct stdio *s = w->data;
    (void)events;
    if (hr_orders_take(HR_FD_NOTIFY, &s->place, obey, s))
        ev_io_stop(loop, w); /* the supervisor is gone, which the heartbeat sees as well */
}

/* ---- starting ---- */

/* We are in handrail's group, so that a terminal lets us read.  What is sent to all of the group is
 * handrail's to heed, but for the signals that end us both: it reloads, and it does not stop.  In
 * the background of a terminal reading is an error then, and not a stop that nobody would end. */
static void leave_signals_to_handrail(void)
{
    static const int its[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < sizeof(its) / sizeof(its[0]); i++)
        (void)sigaction(its[i], &ignore, NULL);
}

static int start(struct stdio *s)
{
    struct hr_program *p = s->p;
    leave_signals_to_handrail();
    int err = hr_mcp_new(p->loop, p->settings, p->board, &s->mcp);
    if (!err)
        err = hr_mcp_stdio_new(s->mcp, STDIN_FILENO, STDOUT_FILENO, on_end, s, &s->client);
    if (err)
        hr_error("cannot start: %s",
                 err == -EPROTO ? "the settings are not as handrail writes them" : strerror(-err));
    return err;
}

int hr_stdio_main(struct hr_program *p)
{
    struct stdio s = {.p = p};
    int err = start(&s);
    if (!err) {
        p->on_board = on_board;
        p->on_end = on_end;
        p->on_plugins = on_plugins;
        p->arg = &s;
        ev_io_init(&s.orders, on_order, HR_FD_NOTIFY, EV_READ);
        s.orders.data = &s;
        s.place = hr_order_place(HR_FD_NOTIFY);
        ev_io_start(p->loop, &s.orders);
        hr_program_run(p);
        ev_io_stop(p->loop, &s.orders);
        hr_close(&s.place);
    }
    hr_mcp_free(s.mcp);          /* it answers what is open, ... */
    hr_mcp_stdio_free(s.client); /* ... which this sends */
    return err ? HR_EXIT_SOFTWARE : 0;
}
