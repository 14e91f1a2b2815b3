/* SPDX-License-Identifier: MIT
 * Running a program with a limit.  See limited.h. */
#include "limited.h"

#include "common/clock.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_MS = 20,  /* while it does not write: has it ended? */
    REST_MAX = 64, /* reads after its end: somebody it has left may write for ever */
    EXEC_FAILED = 127,
};

/* What the child is to do: a program, or a function. */
struct work {
    char *const *argv;
    char *const *env;
    int (*function)(void *arg);
    void *arg;
    pid_t parent;
};

_Noreturn static void do_work(const struct work *w, int out, int report)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool ready = getppid() == w->parent && (null < 0 || dup2(null, STDIN_FILENO) >= 0) &&
                 dup2(out, STDOUT_FILENO) >= 0 && (w->function || dup2(out, STDERR_FILENO) >= 0);
    if (ready && w->function) {
        int code = w->function(w->arg);
        _exit(fflush(NULL) ? EXEC_FAILED : code);
    }
    if (ready)
        (void)execve(w->argv[0], w->argv, w->env);
    int err = errno;
    (void)hr_write_all(report, &err, sizeof(err));
    _exit(EXEC_FAILED);
}

/* Take what it has written.  false: there is no more, and never will be. */
static bool take(int fd, struct hr_buf *output)
{
    char chunk[4096];
    ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n > 0)
        (void)hr_buf_add(output, chunk, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until it has ended: its group is asked to end at ask_ms, and killed HR_LIMITED_GRACE_MS later.
 * (A PyInstaller program is two processes; asked, it removes what it has unpacked.)  Whether it was
 * asked. */
static bool wait_for_end(pid_t pid, int out, int64_t ask_ms, struct hr_buf *output, int *ret_status)
{
    bool asked = false;
    bool open = true;
    int ended = (int)syscall(SYS_pidfd_open, pid, 0); /* -1 on an old kernel: it is looked at */
    siginfo_t end = {0}; /* it stays a zombie until its group is gone, so that the number is its */
    while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid != pid) {
        struct pollfd p[] = {{.fd = open ? out : -1, .events = POLLIN},
                             {.fd = ended, .events = POLLIN}};
        int64_t now = hr_now_ms();
        if (now >= ask_ms && !asked) {
            asked = true;
            (void)kill(pid, SIGTERM);
            (void)kill(-pid, SIGCONT);
        } else if (now >= ask_ms + HR_LIMITED_GRACE_MS) {
            (void)kill(-pid, SIGKILL);
        }
        if (poll(p, 2, LOOK_MS) > 0 && p[0].revents)
            open = take(out, output);
    }
    hr_close(&ended);
    (void)kill(-pid, SIGKILL); /* whoever it has left */
    (void)waitpid(pid, ret_status, 0);
    for (int i = 0; i < REST_MAX && open; i++) {
        struct pollfd p = {.fd = out, .events = POLLIN};
        open = poll(&p, 1, 0) > 0 && take(out, output);
    }
    return asked;
}

static int run(const struct work *w, int64_t limit_ms, struct hr_buf *output, int *ret_status)
{
    int out[2] = {-1, -1};
    int report[2] = {-1, -1};
    int err = 0;
    int failed = 0;
    (void)fflush(NULL);
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0) {
        err = -errno;
    } else {
        pid_t pid = fork();
        if (pid == 0)
            do_work(w, out[1], report[1]);
        err = pid < 0 ? -errno : 0;
        hr_close(&out[1]);
        hr_close(&report[1]);
        if (pid > 0) {
            (void)setpgid(pid, pid);
            (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
            if (wait_for_end(pid, out[0], hr_now_ms() + limit_ms, output, ret_status))
                err = -ETIMEDOUT;
            if (read(report[0], &failed, sizeof(failed)) == sizeof(failed))
                err = -failed;
        }
    }
    for (int i = 0; i < 2; i++) {
        hr_close(&out[i]);
        hr_close(&report[i]);
    }
    return err;
}

int hr_limited_run(char *const *argv, char *const *env, int64_t limit_ms, struct hr_buf *output,
                   int *ret_status)
{
    const struct work w = {.argv = argv, .env = env, .parent = getpid()};
    return run(&w, limit_ms, output, ret_status);
}

int hr_limited_call(int (*function)(void *arg), void *arg, int64_t limit_ms, struct hr_buf *output,
                    int *ret_status)
{
    const struct work w = {.function = function, .arg = arg, .parent = getpid()};
    return run(&w, limit_ms, output, ret_status);
}
