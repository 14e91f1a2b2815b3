/* SPDX-License-Identifier: MIT
 * Job control.  See job.h. */
#include "job.h"

#include "core.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only if a shell is there to continue us: the leader of a session, PID 1 above all, has none. */
static bool has_a_shell(void)
{
    return getpid() != 1 && getsid(0) != getpid();
}

void hr_job_control(struct hr_supervisor *sup)
{
    siginfo_t info = {0};
    pid_t pid = sup->units[HR_INDEX_SERVER].service.pub.pid;
    if (!sup->foreground || pid <= 0 || !has_a_shell())
        return;
    if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG) < 0 || info.si_pid != pid)
        return;
    if (info.si_status != SIGTSTP && info.si_status != SIGTTIN && info.si_status != SIGTTOU)
        return; /* somebody else's doing, who will continue it */
    if (tcgetpgrp(STDIN_FILENO) == pid)
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    (void)raise(SIGSTOP); /* here we sleep, until the shell continues us */
    if (tcgetpgrp(STDIN_FILENO) == getpgrp())
        (void)tcsetpgrp(STDIN_FILENO, pid);
    (void)kill(-pid, SIGCONT);
}
