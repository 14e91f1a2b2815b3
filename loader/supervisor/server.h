/* SPDX-License-Identifier: MIT
 * What is special about the server among the services: it talks to us over a notification socket,
 * its silence is watched, and an initialisation that it has accepted is replayed after a crash.
 *
 * The replay: the helper in the server hands us the body of an accepted POST /api/init, which is
 * kept (init_record.h).  A new life of the server is then announced on the board as one that has to
 * be initialised first, and the sidecar is ordered to do it; until it says that it has, the server
 * does not count as ready.
 *
 * Owned by the supervisor; the loop's thread only.  After hr_server_init() nothing is allocated.
 */
#ifndef HR_SUPERVISOR_SERVER_H
#define HR_SUPERVISOR_SERVER_H

#include "common/board.h"
#include "helper.h"
#include "init_record.h"
#include "notify.h"
#include "watchdog.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct hr_supervisor;

struct hr_server {
    struct hr_board_server pub; /* what the board shows */
    uint32_t life;              /* that pub is about */
    int notify_fd;              /* -1: none, and then there is no heartbeat and no record */
    char notify_name[HR_NOTIFY_NAME_MAX];
    char **env; /* the server's environment, allocated once */
    ev_io notify_io;
    ev_timer watch_timer;
    struct hr_watchdog watchdog;
    pid_t beat_pid;      /* who sent the last heartbeat: of the server's group; 0: none yet */
    bool excuse_told;    /* why this silence is not taken for a hang */
    pid_t stranger;      /* who else has sent something since the last heartbeat; 0: nobody */
    ev_timer rest_timer; /* after a flood of strangers */
    struct hr_init_record record;
    bool replaying;       /* that has been ordered, and nobody has told of its end yet */
    ev_timer order_timer; /* or could not be ordered, or the sidecar not be told the key */
    struct hr_helper helper;
    const char *upwards;    /* our own NOTIFY_SOCKET, or NULL */
    ev_timer upwards_timer; /* our own heartbeat, if that is wanted */
};

/* At start, in supervised mode.  What cannot be had is said, and done without.  0 or -ENOMEM. */
int hr_server_init(struct hr_supervisor *sup, char *const *env);

/* The server's record has changed, and is not on the board yet.  True if a new life has begun: its
 * replay is to be ordered once it is, because the sidecar compares an order with the board. */
bool hr_server_changed(struct hr_supervisor *sup);

/* Take what it has said so far. */
void hr_server_take(struct hr_supervisor *sup);

/* The pod's phase may have changed: tell the helper. */
void hr_server_tell_phase(struct hr_supervisor *sup);

/* May this life be called ready, as far as the initialisation goes? */
bool hr_server_is_initialised(const struct hr_supervisor *sup);

/* A new life has begun, it has been initialised, or the sidecar can take orders (again). */
void hr_server_order_replay(struct hr_supervisor *sup);

/* The sidecar's answer to that order; status as common/handoff.h has it. */
void hr_server_replayed(struct hr_supervisor *sup, uint32_t life, int status);

/* Do we know a session key, so that the server can be asked things? */
bool hr_server_has_key(const struct hr_supervisor *sup);

/* Order the sidecar to have the server prepare for its pause.  0 or -errno. */
int hr_server_order_pause(struct hr_supervisor *sup);

/* A stop has begun. */
void hr_server_stopping(struct hr_supervisor *sup);

/* Forget the initialisation. */
void hr_server_wipe(struct hr_supervisor *sup);

#endif
