/* SPDX-License-Identifier: MIT
 * What the files of sidecar/pool share: the object's inside. */
#ifndef HR_SIDECAR_POOL_INTERNAL_H
#define HR_SIDECAR_POOL_INTERNAL_H

#include "bodies.h"
#include "podinfo.h"
#include "podwatch.h"
#include "poll.h"
#include "pool.h"

struct hr_pool {
    struct hr_pool_config cfg;
    bool started;
    struct hr_podwatch watch;
    json_t *labels; /* as last read; NULL: never */
    json_t *annotations;
    enum hr_standing standing; /* what they say */

    /* Of the server's present life. */
    uint32_t life; /* 0: none yet */
    bool was_up;
    struct hr_poll init;
    struct hr_poll info;
    struct hr_poll count;
    enum hr_init_state init_state;
    bool informed; /* `server` is filled in, */
    struct hr_server_info server;
    int64_t informed_ms;   /* as of this moment */
    int64_t conversations; /* -1: not known */
    uint32_t recorded;     /* on the board, when we last looked */
    uint32_t activity;     /* likewise */
    bool may_be_used;      /* the helper has said so, and /server_info has not been asked since */
    bool helped;           /* the helper will say so */

    char key[HR_CHECK_KEY_MAX + 1]; /* the session key; "": none is known */

    struct hr_phase_word told; /* to PID 1 */
    int64_t handed_ms;         /* when the claim was last handed over; 0: never */
    ev_timer again;            /* there is something that has to wait */
};

/* The service of the hook, if there is one. */
bool hr_pool_find_hook(const struct hr_pool *p, struct hr_board_service *ret);

/* Has the server been used since it started, as far as it says; and how long ago that was at most,
 * in seconds.  -1: no, or not known. */
double hr_pool_last_use_s(const struct hr_pool *p);

#endif
