/* SPDX-License-Identifier: MIT
 * One path of the server.  See poll.h. */
#include "poll.h"

#include <string.h>

enum { RETRY_MS = 1000 }; /* when there is no memory for a question */

static void ask_in(struct hr_poll *p, int ms)
{
    ev_timer_stop(p->loop, &p->timer);
    if (ms < 0)
        return;
    ev_now_update(p->loop);
    ev_timer_set(&p->timer, ms / 1000., 0.);
    ev_timer_start(p->loop, &p->timer);
}

static void on_answer(int status, const char *body, size_t len, void *arg)
{
    struct hr_poll *p = arg;
    p->req = NULL;
    int ms = p->answer(status, body, len, p->arg);
    if (!p->req) /* the answer may have asked anew itself */
        ask_in(p, ms);
}

static int ask(struct hr_poll *p)
{
    char header[HR_POLL_HEADER_MAX] = "";
    const char *const headers[] = {header, NULL};
    if (p->header)
        p->header(header, p->arg);
    int err = hr_client_get_with(p->client, p->url, header[0] ? headers : NULL, HR_POLL_TIMEOUT_MS,
                                 on_answer, p, &p->req);
    explicit_bzero(header, sizeof(header));
    return err;
}

void hr_poll_now(struct hr_poll *p)
{
    ev_timer_stop(p->loop, &p->timer);
    if (!p->req && ask(p))
        ask_in(p, RETRY_MS);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    hr_poll_now(w->data);
}

void hr_poll_stop(struct hr_poll *p)
{
    ev_timer_stop(p->loop, &p->timer);
    if (p->req)
        hr_client_cancel(p->req);
    p->req = NULL;
}

int hr_poll_init(struct hr_poll *p, const char *host, int port, const char *path)
{
    ev_init(&p->timer, on_timer);
    p->timer.data = p;
    p->req = NULL;
    return hr_client_url(p->url, sizeof(p->url), host, port, path);
}
