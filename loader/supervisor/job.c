/* SPDX-License-Identifier: MIT
 * Job control.  See job.h. */
#include "job.h"

#include "common/log.h"
#include "core.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only if a shell is there to continue us: the leader of a session, PID 1 above all, has none. */
static bool has_a_shell(void)
{
    return getpid() != 1 && getsid(0) != getpid();
}

/* Wait until we are in the foreground, with the command stopped: as a job of a shell we stop too,
 * and are continued in the foreground or in the background. */
static void stop_with_it(pid_t command)
{
    if (tcgetpgrp(STDIN_FILENO) == command)
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    (void)raise(SIGSTOP);
}

static void say_why(pid_t command)
{
    hr_warn("server: pid %d has been stopped because it uses the terminal, which nobody has in "
            "supervised mode: --no-sidecar gives it the terminal",
            (int)command);
}

void hr_job_control(struct hr_supervisor *sup)
{
    siginfo_t info = {0};
    pid_t pid = sup->units[HR_INDEX_SERVER].service.pub.pid;
    if (pid <= 0 || waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG) < 0 || info.si_pid != pid)
        return;
    bool wants_terminal = info.si_status == SIGTTIN || info.si_status == SIGTTOU;
    if (!wants_terminal && info.si_status != SIGTSTP)
        return; /* somebody else's doing, who will continue it */
    if (!sup->foreground) {
        if (wants_terminal)
            say_why(pid);
        return;
    }
    if (!wants_terminal || tcgetpgrp(STDIN_FILENO) != getpgrp()) {
        if (!has_a_shell())
            return;
        stop_with_it(pid); /* here we sleep, until the shell continues us */
    }
    if (tcgetpgrp(STDIN_FILENO) == getpgrp())
        (void)tcsetpgrp(STDIN_FILENO, pid);
    (void)kill(-pid, SIGCONT);
}

void hr_job_ended(struct hr_supervisor *sup, pid_t command)
{
    if (sup->foreground && tcgetpgrp(STDIN_FILENO) == command)
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
}
