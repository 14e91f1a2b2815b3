/* SPDX-License-Identifier: MIT
 * The helper in the server (loader/python), as one who is told the pod's phase: in a datagram to
 * the address of the last one that it has sent to the notification socket (notify.h).
 *
 * Only to an abstract address, because looking one up in a file system can take for ever; and never
 * waited for: what finds no room is sent, as it is by then, when the helper is heard again.  That a
 * datagram is the server's is for the caller to see; whoever writes in its name is told in its
 * place, which gives him no more than the phase.  The helper connects its socket to ours, so that
 * the kernel keeps others from writing to it.
 *
 *   PHASE=claimed
 *   FROM=warm                       unless it is the first
 *   AT=2026-11-26T18:00:00.123Z
 *   CLAIM_UID=3f1c...               unless it is not known
 *
 * Owned by the server's record; the loop's thread only; allocates nothing. */
#ifndef HR_SUPERVISOR_HELPER_H
#define HR_SUPERVISOR_HELPER_H

#include "common/phase.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* All zero: nobody is told. */
struct hr_helper {
    struct sockaddr_un address;
    socklen_t len;                        /* 0: none is known */
    char claim_uid[HR_CLAIM_UID_MAX + 1]; /* that it was told with it */
    uint32_t told; /* the number of steps that it knows of: hr_board_phase's nsteps */
};

enum { HR_HELPER_TEXT = 256 }; /* bytes that hold any message, with its NUL */

/* A datagram of the server's has come from there; len is 0 for a socket without a name. */
void hr_helper_heard(struct hr_helper *h, const struct sockaddr_un *from, socklen_t len);

/* Tell it the present phase through the notification socket, unless it knows; and once more when a
 * claim's uid becomes known later than the claim. */
void hr_helper_tell(struct hr_helper *h, int socket, const struct hr_board_phase *pod);

/* The message. */
void hr_helper_text(const struct hr_board_phase *pod, char text[HR_HELPER_TEXT]);

#endif
