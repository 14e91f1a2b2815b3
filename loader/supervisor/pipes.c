/* SPDX-License-Identifier: MIT
 * The plumbing.  See pipes.h. */
#include "pipes.h"

#include "common/clock.h"
#include "common/log.h"
#include "core.h"

#include <unistd.h>

enum { FINISH_MS = 500 }; /* at our end, for whoever reads our output */

/* Where our own messages go: hr_log_divert() knows no context. */
static struct hr_sink *log_sink;

static bool put_log(const char *line, size_t n)
{
    return hr_sink_put(log_sink, NULL, line, n);
}

static void set_io(struct ev_loop *loop, ev_io *io, bool on)
{
    if (on && !ev_is_active(io))
        ev_io_start(loop, io);
    else if (!on && ev_is_active(io))
        ev_io_stop(loop, io);
}

static void set_timer(struct hr_supervisor *sup, int64_t due)
{
    struct hr_pipes *p = &sup->pipes;
    if (due == p->due_ms)
        return;
    p->due_ms = due;
    ev_timer_stop(sup->loop, &p->timer);
    if (due < 0)
        return;
    int64_t left = due - hr_now_ms();
    ev_now_update(sup->loop);
    ev_timer_set(&p->timer, left > 0 ? (double)left / 1000.0 : 0.0, 0.0);
    ev_timer_start(sup->loop, &p->timer);
}

static void show(struct hr_supervisor *sup, struct hr_unit *u)
{
    const struct hr_output *o = &u->output;
    struct hr_board_output shown = {.lines = o->lines,
                                    .bytes = o->bytes,
                                    .dropped_lines = o->dropped_lines,
                                    .dropped_bytes = o->dropped_bytes};
    if (u->shown_bytes == o->bytes)
        return;
    u->shown_bytes = o->bytes;
    hr_board_put_output(sup->board, u->service.index, &shown);
}

/* Runs before each wait of the loop, so nothing that has changed since can be forgotten. */
static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    struct hr_pipes *p = &sup->pipes;
    int64_t due = -1;
    (void)revents;
    for (uint32_t i = 0; i < sup->nunits; i++) {
        struct hr_unit *u = &sup->units[i];
        if (!u->output.name)
            continue;
        for (int k = 0; k < HR_NSTREAMS; k++)
            set_io(loop, &u->output_io[k], hr_output_wants_read(&u->output, (enum hr_stream_id)k));
        int64_t d = hr_output_deadline_ms(&u->output);
        if (d >= 0 && (due < 0 || d < due))
            due = d;
        show(sup, u);
    }
    set_io(loop, &p->out_io, hr_sink_wants_write(&p->out));
    set_io(loop, &p->err_io, hr_sink_wants_write(&p->err));
    set_timer(sup, due);
}

static void all_timers(struct hr_supervisor *sup)
{
    for (uint32_t i = 0; i < sup->nunits; i++)
        hr_output_timer(&sup->units[i].output);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    sup->pipes.due_ms = -1;
    all_timers(sup);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    hr_sink_flush(w == &sup->pipes.out_io ? &sup->pipes.out : &sup->pipes.err);
    all_timers(sup); /* some may have waited for this */
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_unit *u = w->data;
    (void)loop;
    (void)revents;
    hr_output_read(&u->output, w == &u->output_io[HR_STDOUT] ? HR_STDOUT : HR_STDERR);
}

void hr_pipes_init(struct hr_supervisor *sup)
{
    struct hr_pipes *p = &sup->pipes;
    hr_sink_init(&p->err, STDERR_FILENO);
    hr_sink_init(&p->out, STDOUT_FILENO);
    ev_io_init(&p->out_io, on_writable, hr_sink_fd(&p->out), EV_WRITE);
    ev_io_init(&p->err_io, on_writable, hr_sink_fd(&p->err), EV_WRITE);
    ev_init(&p->timer, on_timer);
    ev_prepare_init(&p->prepare, on_prepare);
    p->out_io.data = p->err_io.data = p->timer.data = p->prepare.data = sup;
    p->due_ms = -1;
    ev_prepare_start(sup->loop, &p->prepare);
    log_sink = &p->err;
    if (sup->config->log_format == HR_LOG_JSON)
        hr_log_set_format(HR_LOG_JSON);
    hr_log_divert(put_log);
}

int hr_pipes_add(struct hr_supervisor *sup, struct hr_unit *u)
{
    struct hr_pipes *p = &sup->pipes;
    bool server = u->service.index == HR_INDEX_SERVER;
    bool same = hr_sink_same(STDOUT_FILENO, STDERR_FILENO);
    struct hr_output_settings settings = {
        .mode = sup->config->log_format == HR_LOG_JSON ? HR_OUTPUT_JSON
                : server                               ? HR_OUTPUT_RAW
                                                       : HR_OUTPUT_OWN,
        .lines_per_s = (uint32_t)sup->config->log_rate,
        /* What our own programs write is for people, like our own messages. */
        .sinks = {server && !same ? &p->out : &p->err, &p->err},
    };
    int err = hr_output_init(&u->output, u->service.pub.name, &settings);
    if (err)
        return err;
    for (int k = 0; k < HR_NSTREAMS; k++) {
        ev_io_init(&u->output_io[k], on_readable, u->output.streams[k].read_fd, EV_READ);
        u->output_io[k].data = u;
    }
    return 0;
}

void hr_pipes_finish(struct hr_supervisor *sup)
{
    for (uint32_t i = 0; i < sup->nunits; i++)
        hr_output_drain(&sup->units[i].output);
    hr_sink_finish(&sup->pipes.out, FINISH_MS);
    hr_sink_finish(&sup->pipes.err, FINISH_MS);
    hr_log_divert(NULL);
}
