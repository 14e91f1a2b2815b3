/* SPDX-License-Identifier: MIT
 * The process of an aside.  See child.h. */
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    OWN_FD = 3,                   /* where the socket is put; nothing above it stays open */
    FDS_WITHOUT_PROC = 64 * 1024, /* numbers tried where nothing tells which ones are open */
};

/* The oldest kernels have no close_range(). */
static void close_one_by_one(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        for (int fd = OWN_FD + 1; fd < FDS_WITHOUT_PROC; fd++)
            (void)close(fd);
        return;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(dir))) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd > OWN_FD && fd != dirfd(dir))
            (void)close(fd);
    }
    (void)closedir(dir);
}

static void close_all_but(int fd)
{
    if (fd != OWN_FD && dup2(fd, OWN_FD) < 0)
        _exit(EXIT_FAILURE);
    if (syscall(SYS_close_range, OWN_FD + 1, ~0U, 0) < 0)
        close_one_by_one();
}

static void reset_signals(void)
{
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int sig = 1; sig < NSIG; sig++)
        (void)sigaction(sig, &normal,
                        NULL); /* not for SIGKILL and SIGSTOP, which are as they are */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The kernel shows what stands where the first argument stood, up to its old end. */
void hr_aside_child_name(const char *name)
{
    char comm[HR_ASIDE_NAME_MAX + 4];
    size_t room = strlen(program_invocation_name);
    (void)snprintf(comm, sizeof(comm), "hr-%s", name);
    (void)prctl(PR_SET_NAME, comm);
    memset(program_invocation_name, 0, room);
    (void)snprintf(program_invocation_name, room + 1, "handrail-sidecar: %s", name);
}

static void serve(int fd, hr_aside_work *work, void *arg)
{
    static struct {
        struct hr_aside_head head;
        unsigned char bytes[HR_ASIDE_REQUEST_MAX];
    } in;
    static struct {
        struct hr_aside_head head;
        unsigned char bytes[HR_ASIDE_ANSWER_MAX];
    } out;
    for (;;) {
        ssize_t n = recv(fd, &in, sizeof(in), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)(sizeof(in.head) + in.head.len))
            return; /* the end */
        size_t len = 0;
        int err = work(in.bytes, in.head.len, out.bytes, sizeof(out.bytes), &len, arg);
        if (err || len > sizeof(out.bytes))
            len = 0;
        out.head = (struct hr_aside_head){.err = err, .len = (uint32_t)len};
        if (send(fd, &out, sizeof(out.head) + len, MSG_NOSIGNAL) < 0)
            return;
    }
}

void hr_aside_child_serve(int fd, hr_aside_work *work, void *arg)
{
    serve(fd, work, arg);
    _exit(EXIT_SUCCESS);
}

int hr_aside_child_begin(pid_t parent, int fd)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE); /* it was gone before we asked */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    reset_signals();
    close_all_but(fd);
    return OWN_FD;
}
