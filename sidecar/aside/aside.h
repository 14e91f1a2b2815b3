/* SPDX-License-Identifier: MIT
 * An aside: work that may block (a name to resolve, a file system that hangs), done in a forked
 * process of its own, so that the loop never waits for it.  One request at a time; each ends with
 * an answer, with an error, or with its time-out.
 *
 * The process is made by the first request and kept for the next ones.  One that has not answered
 * in time is killed, and the next one is made only when it is really gone: a process that is stuck
 * in the kernel cannot be killed, and must not have a second one beside it, and a third.  It ends
 * with us, however we end; one that is stuck is left behind then, and our next life, which does not
 * know of it, may have one of its own beside it.
 *
 *     none --ask--> busy --answer--> idle --ask--> busy
 *                   busy --time-out--> dying --gone--> none
 *                   busy, idle --gone--> none
 *
 * The process is a copy of ours as it was when it was made.  It has standard input, output and
 * error and its end of a socket pair, and no other descriptor: not those of the clients, and not
 * the listening sockets, which would go on living in one that is stuck.  Its signals are as of a
 * new program's, it is not dumpable, `ps` shows it under its own name, and what
 * hr_aside_at_fork()'s hook wipes is not in its memory.
 *
 * Loop's thread only.  SIGCHLD must be ignored in this program: nobody waits for these processes,
 * their end is seen at the socket. */
#ifndef HR_SIDECAR_ASIDE_ASIDE_H
#define HR_SIDECAR_ASIDE_ASIDE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    HR_ASIDE_REQUEST_MAX = 64 * 1024, /* bytes; well below what a socket takes by default */
    HR_ASIDE_ANSWER_MAX = 16 * 1024,  /* bytes */
    HR_ASIDE_NAME_MAX = 12,           /* bytes: with "hr-" before it, what the kernel shows */
};

struct hr_aside;

/* The work, in the process: 0 with up to `size` bytes in answer and their number in *ret_len (0
 * before the call), or -errno.  arg is that of hr_aside_new(), as it was when the process was made;
 * what the work keeps in memory is there at its next request, unless the process had to be made
 * anew. */
typedef int hr_aside_work(const void *request, size_t len, void *answer, size_t size,
                          size_t *ret_len, void *arg);

/* The end of a request: 0 and the answer, which is borrowed during the call; or the work's -errno,
 * -ETIMEDOUT, -EPIPE (the process has ended), -EPROTO (what it sent makes no sense), and no answer.
 * It may ask again and may free the aside. */
typedef void hr_aside_done(int err, const void *answer, size_t len, void *arg);

/* No process yet.  name: up to HR_ASIDE_NAME_MAX bytes of it are used.  0 or -errno. */
int hr_aside_new(struct ev_loop *loop, const char *name, hr_aside_work *work, void *arg,
                 struct hr_aside **ret);

/* The process is killed, and not waited for; a request that is out has no end.  NULL is fine. */
void hr_aside_free(struct hr_aside *a);

/* Ask.  done is called exactly once, never from inside this call.  Errors, and then it is not
 * called: -EBUSY while a request is out; -ETIMEDOUT while a process that was killed is not gone,
 * which is a moment, or for ever; -EMSGSIZE; -errno if no process can be made. */
int hr_aside_ask(struct hr_aside *a, const void *request, size_t len, unsigned timeout_ms,
                 hr_aside_done *done, void *arg);

/* Would a request be taken now? */
bool hr_aside_free_to_ask(const struct hr_aside *a);

/* End an idle process, to have its memory back; the next request makes another one.  Without an
 * effect on one that is not idle. */
void hr_aside_rest(struct hr_aside *a);

/* For all asides: what each process does first, which is to wipe what the aside of that name has no
 * use for.  One hook; NULL for none, as at the start. */
void hr_aside_at_fork(void (*forget)(const char *name, void *arg), void *arg);

/* The process alone, for work that is done once and tells as it goes.  As fork(), and in *ret_fd is
 * the caller's end of a SOCK_SEQPACKET pair, in both processes.  The child is as said above, and
 * has to _exit().  The pid, 0 in the child, or -errno. */
pid_t hr_aside_fork(const char *name, int *ret_fd);

/* Kill that process, unless it has ended: its number may be somebody else's soon.  fd: our end. */
void hr_aside_kill(pid_t pid, int fd);

#endif
