/* SPDX-License-Identifier: MIT
 * Output on the event loop.  See relay.h. */
#include "relay.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/loop/loop.h"

#include <poll.h>
#include <unistd.h>

static struct hr_sink *log_sink;

static bool put_log_line(const char *line, size_t n)
{
    return hr_sink_put(log_sink, NULL, line, n);
}

static void set_io(struct ev_loop *loop, ev_io *io, bool wanted)
{
    if (wanted && !ev_is_active(io))
        ev_io_start(loop, io);
    else if (!wanted && ev_is_active(io))
        ev_io_stop(loop, io);
}

static void set_timer(struct hr_relay *r, int64_t deadline)
{
    if (deadline < 0)
        ev_timer_stop(r->loop, &r->timer);
    else
        hr_loop_arm(r->loop, &r->timer, deadline - hr_now_ms(), 0);
}

static void before_sleep(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct hr_relay *r = w->data;
    int64_t first = -1;
    (void)revents;
    for (uint32_t i = 0; i < r->noutputs; i++) {
        int64_t deadline = hr_output_deadline_ms(r->outputs[i]);
        if (deadline >= 0 && (first < 0 || deadline < first))
            first = deadline;
        for (int k = 0; k < HR_NSTREAMS; k++)
            set_io(loop, &r->readable[i][k],
                   hr_output_wants_read(r->outputs[i], (enum hr_stream_id)k));
    }
    for (int k = 0; k < HR_NSTREAMS; k++)
        set_io(loop, &r->writable[k], hr_sink_wants_write(&r->own[k]));
    if (first >= 0 || ev_is_active(&r->timer))
        set_timer(r, first);
}

static void pass_on(struct hr_relay *r)
{
    for (uint32_t i = 0; i < r->noutputs; i++)
        hr_output_timer(r->outputs[i]);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    pass_on(w->data);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_relay *r = w->data;
    (void)loop;
    (void)revents;
    hr_sink_flush(&r->own[w - r->writable]);
    pass_on(r);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_output *output = w->data;
    (void)loop;
    (void)revents;
    hr_output_read(output, w->fd == output->streams[HR_STDOUT].read_fd ? HR_STDOUT : HR_STDERR);
}

void hr_relay_init(struct hr_relay *r, struct ev_loop *loop)
{
    static const int fds[HR_NSTREAMS] = {STDOUT_FILENO, STDERR_FILENO};
    bool same = hr_sink_same(STDOUT_FILENO, STDERR_FILENO);
    r->loop = loop;
    r->noutputs = 0;
    for (int k = 0; k < HR_NSTREAMS; k++) {
        hr_sink_init(&r->own[k], fds[k]);
        r->sinks[k] = &r->own[same ? HR_STDERR : k];
        ev_io_init(&r->writable[k], on_writable, hr_sink_fd(&r->own[k]), EV_WRITE);
        r->writable[k].data = r;
    }
    ev_init(&r->timer, on_timer);
    ev_prepare_init(&r->before_sleep, before_sleep);
    r->timer.data = r->before_sleep.data = r;
    ev_prepare_start(loop, &r->before_sleep);
    log_sink = r->sinks[HR_STDERR];
    hr_log_divert(put_log_line);
}

void hr_relay_add(struct hr_relay *r, struct hr_output *output)
{
    ev_io *readable = r->readable[r->noutputs];
    for (int k = 0; k < HR_NSTREAMS; k++) {
        ev_io_init(&readable[k], on_readable, output->streams[k].read_fd, EV_READ);
        readable[k].data = output;
    }
    r->outputs[r->noutputs++] = output;
}

/* Write what there is room for.  The bytes that are left. */
static size_t flush_all(struct hr_relay *r)
{
    size_t left = 0;
    for (int k = 0; k < HR_NSTREAMS; k++) {
        hr_sink_flush(&r->own[k]);
        left += r->own[k].len;
    }
    return left;
}

/* Both at once: one that has stopped does not take the other's time. */
static void wait_for_readers(struct hr_relay *r)
{
    int64_t now = hr_now_ms();
    int64_t end = now + HR_RELAY_FINISH_MOST_MS;
    int64_t until = now + HR_RELAY_FINISH_MS;
    size_t left = flush_all(r);
    while (left > 0 && now < until) {
        struct pollfd p[HR_NSTREAMS];
        for (int k = 0; k < HR_NSTREAMS; k++) {
            bool wanted = hr_sink_wants_write(&r->own[k]);
            p[k] = (struct pollfd){.fd = wanted ? hr_sink_fd(&r->own[k]) : -1, .events = POLLOUT};
        }
        (void)poll(p, HR_NSTREAMS, (int)(until - now));
        size_t before = left;
        left = flush_all(r);
        now = hr_now_ms();
        if (left < before)
            until = now + HR_RELAY_FINISH_MS < end ? now + HR_RELAY_FINISH_MS : end;
    }
}

void hr_relay_finish(struct hr_relay *r)
{
    if (!r->loop)
        return;
    for (uint32_t i = 0; i < r->noutputs; i++) {
        hr_output_drain(r->outputs[i]);
        for (int k = 0; k < HR_NSTREAMS; k++)
            ev_io_stop(r->loop, &r->readable[i][k]);
    }
    wait_for_readers(r);
    hr_sink_give_up(&r->own[HR_STDOUT]);
    for (int k = 0; k < HR_NSTREAMS; k++) {
        ev_io_stop(r->loop, &r->writable[k]);
        hr_sink_close(&r->own[k]);
    }
    ev_prepare_stop(r->loop, &r->before_sleep);
    ev_timer_stop(r->loop, &r->timer);
    hr_log_divert(NULL);
    r->loop = NULL;
}
