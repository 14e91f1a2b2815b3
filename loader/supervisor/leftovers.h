/* SPDX-License-Identifier: MIT
 * What a dead server has left behind and would be in the next one's way: tmux servers, which hold
 * the sockets of terminals nobody looks after any more, and whoever still holds one of the server's
 * ports (an editor in a session of its own).  They are ended before the next start: asked, and
 * after a second killed; the start waits for them, though not for ever.
 *
 * Only descendants of ours are touched.  They are our own children by then, as orphans are, so
 * their ends reach us and no number is another process's by mistake.  The supervisor owns it. */
#ifndef HR_SUPERVISOR_LEFTOVERS_H
#define HR_SUPERVISOR_LEFTOVERS_H

#include "common/sockets.h"
#include "loader/config/config.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    HR_LEFTOVERS_MAX = 128,      /* processes; more than that are left to the next death */
    HR_LEFTOVERS_ASK_MS = 1000,  /* after the request to end: killed */
    HR_LEFTOVERS_WAIT_MS = 3000, /* after that the start waits no longer */
    HR_LEFTOVERS_LOOK_MS = 10,   /* how often it is looked whether they are gone */
};

struct hr_leftovers {
    pid_t pids[HR_LEFTOVERS_MAX];
    size_t n;
    int64_t since_ms;
    bool killed;
};

/* Who is to be found. */
struct hr_leftovers_search {
    enum hr_cleanup what;
    const pid_t *keep; /* our own processes, passed over with all that is below them */
    size_t nkeep;
    const uint16_t *ports; /* of the server */
    size_t nports;
    const struct hr_socket *sockets; /* that were listened on after its death */
    int nsockets;                    /* -1: not known */
};

/* The server is dead: find them and ask them to end. */
void hr_leftovers_begin(struct hr_leftovers *l, const struct hr_leftovers_search *s,
                        int64_t now_ms);

/* A child has been reaped. */
void hr_leftovers_ended(struct hr_leftovers *l, pid_t pid);

/* How long the start should still wait before it asks again; 0: not at all. */
int64_t hr_leftovers_wait_ms(struct hr_leftovers *l, int64_t now_ms);

#endif
