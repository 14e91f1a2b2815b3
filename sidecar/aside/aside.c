/* SPDX-License-Identifier: MIT
 * Asides.  See aside.h. */
#include "aside.h"

#include "child.h"
#include "common/fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum state { NONE, IDLE, BUSY, DYING };

struct hr_aside {
    struct ev_loop *loop;
    hr_aside_work *work;
    void *arg;
    char name[HR_ASIDE_NAME_MAX + 1];
    enum state state;
    pid_t pid; /* in all states but NONE */
    int fd;    /* likewise; its end is the process's end */
    ev_io io;
    ev_timer deadline; /* of the request */
    hr_aside_done *done;
    void *done_arg;
    struct {
        struct hr_aside_head head;
        unsigned char bytes[HR_ASIDE_ANSWER_MAX];
    } in;
};

static struct {
    void (*forget)(const char *name, void *arg);
    void *arg;
} at_fork;

void hr_aside_at_fork(void (*forget)(const char *name, void *arg), void *arg)
{
    at_fork.forget = forget;
    at_fork.arg = arg;
}

/* ---- the process ---- */

/* It is gone, or will be soon: one that waits for a request ends when our end is closed. */
static void let_go(struct hr_aside *a)
{
    ev_io_stop(a->loop, &a->io);
    hr_close(&a->fd);
    a->state = NONE;
    a->pid = 0;
}

/* A number stays a process's own until the kernel has closed its end, and a moment longer: whoever
 * is to be killed by it has not ended, so it is nobody else, although nobody waits for our
 * children. */
void hr_aside_kill(pid_t pid, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 0) < 0 || !(p.revents & POLLHUP))
        (void)kill(pid, SIGKILL);
}

/* fork(), and no signal meets the child before it has its own handlers. */
static pid_t fork_quietly(void)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int err = errno;
    if (pid != 0)
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = err;
    return pid;
}

pid_t hr_aside_fork(const char *name, int *ret_fd)
{
    int pair[2] = {-1, -1};
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork_quietly();
    if (pid == 0) {
        *ret_fd = hr_aside_child_begin(parent, pair[1]);
        if (at_fork.forget)
            at_fork.forget(name, at_fork.arg);
        hr_aside_child_name(name);
        return 0;
    }
    if (pid < 0)
        pid = -errno;
    hr_close(&pair[1]);
    if (pid < 0)
        hr_close(&pair[0]);
    else
        *ret_fd = pair[0];
    return pid;
}

static int make_process(struct hr_aside *a)
{
    int fd = -1;
    pid_t pid = hr_aside_fork(a->name, &fd);
    if (pid == 0)
        hr_aside_child_serve(fd, a->work, a->arg);
    if (pid < 0)
        return pid;
    a->fd = fd;
    a->pid = pid;
    a->state = IDLE;
    ev_io_set(&a->io, a->fd, EV_READ);
    ev_io_start(a->loop, &a->io);
    return 0;
}

/* ---- what can happen ---- */

/* Last thing of its callers: there may be no aside after it. */
static void end_request(struct hr_aside *a, int err, const void *answer, size_t len)
{
    hr_aside_done *done = a->done;
    ev_timer_stop(a->loop, &a->deadline);
    a->done = NULL;
    done(err, answer, len, a->done_arg);
}

/* Kill it; it has to be gone before there is another one. */
static void give_up(struct hr_aside *a, int err)
{
    bool asked = a->state == BUSY;
    hr_aside_kill(a->pid, a->fd);
    a->state = DYING;
    if (asked)
        end_request(a, err, NULL, 0);
}

static void on_gone(struct hr_aside *a)
{
    bool asked = a->state == BUSY;
    let_go(a);
    if (asked)
        end_request(a, -EPIPE, NULL, 0);
}

static void on_packet(struct ev_loop *loop, ev_io *w, int events)
{
    struct hr_aside *a = w->data;
    (void)loop;
    (void)events;
    ssize_t n = recv(a->fd, &a->in, sizeof(a->in), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        on_gone(a);
    } else if (a->state == DYING) {
        return; /* it was too late */
    } else if (a->state != BUSY || n != (ssize_t)(sizeof(a->in.head) + a->in.head.len)) {
        give_up(a, -EPROTO);
    } else {
        a->state = IDLE;
        end_request(a, a->in.head.err, a->in.bytes, a->in.head.err ? 0 : a->in.head.len);
    }
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    struct hr_aside *a = w->data;
    struct pollfd p = {.fd = a->fd, .events = POLLIN};
    (void)events;
    if (poll(&p, 1, 0) > 0)
        on_packet(loop, &a->io, EV_READ); /* it was in time, and we are late ourselves */
    else
        give_up(a, -ETIMEDOUT);
}

/* ---- asking ---- */

static int send_request(const struct hr_aside *a, const void *request, size_t len)
{
    struct hr_aside_head head = {.len = (uint32_t)len};
    struct iovec parts[] = {{.iov_base = &head, .iov_len = sizeof(head)},
                            {.iov_base = (void *)(uintptr_t)request, .iov_len = len}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(a->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* To the process there is, or to a new one; one that has ended unnoticed is replaced. */
static int deliver(struct hr_aside *a, const void *request, size_t len)
{
    if (a->state == IDLE) {
        int err = send_request(a, request, len);
        if (err != -EPIPE && err != -ECONNRESET)
            return err;
        let_go(a);
    }
    int err = make_process(a);
    return err ? err : send_request(a, request, len);
}

bool hr_aside_free_to_ask(const struct hr_aside *a)
{
    return a->state == NONE || a->state == IDLE;
}

int hr_aside_ask(struct hr_aside *a, const void *request, size_t len, unsigned timeout_ms,
                 hr_aside_done *done, void *arg)
{
    if (a->state == BUSY)
        return -EBUSY;
    if (a->state == DYING)
        return -ETIMEDOUT;
    if (len > HR_ASIDE_REQUEST_MAX)
        return -EMSGSIZE;
    int err = deliver(a, request, len);
    if (err)
        return err;
    a->state = BUSY;
    a->done = done;
    a->done_arg = arg;
    ev_now_update(a->loop); /* making it took time, which is not the request's */
    ev_timer_set(&a->deadline, timeout_ms / 1000., 0.);
    ev_timer_start(a->loop, &a->deadline);
    return 0;
}

void hr_aside_rest(struct hr_aside *a)
{
    if (a->state == IDLE)
        let_go(a);
}

/* ---- its life ---- */

int hr_aside_new(struct ev_loop *loop, const char *name, hr_aside_work *work, void *arg,
                 struct hr_aside **ret)
{
    struct hr_aside *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->loop = loop;
    a->work = work;
    a->arg = arg;
    a->fd = -1;
    (void)snprintf(a->name, sizeof(a->name), "%s", name);
    ev_init(&a->io, on_packet);
    ev_init(&a->deadline, on_deadline);
    a->io.data = a->deadline.data = a;
    *ret = a;
    return 0;
}

void hr_aside_free(struct hr_aside *a)
{
    if (!a)
        return;
    ev_timer_stop(a->loop, &a->deadline);
    if (a->state != NONE) {
        hr_aside_kill(a->pid, a->fd);
        let_go(a);
    }
    free(a);
}
