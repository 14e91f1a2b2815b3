/* SPDX-License-Identifier: MIT
 * A bad line between the sidecar and a real toolhost: it passes frames on, and once, at the frame
 * that a plan names, does something to it. */
#ifndef HR_TESTS_UNIT_MCP_RELAY_H
#define HR_TESTS_UNIT_MCP_RELAY_H

#include "mcp_fixture.h"

enum side { SIDECAR, TOOLHOST, SIDES };

enum fault {
    NOTHING,
    CUT,       /* pass on `value` bytes of it, then close both sides */
    DRIP,      /* from it on, one byte at a time */
    DELAY,     /* it and what follows it comes `value` ms later */
    DUPLICATE, /* it comes twice */
    SWAP,      /* it comes after the next one from there */
    DROP,      /* it does not come */
    LENGTH,    /* its header says `value` */
    TYPE,      /* likewise */
    ID,        /* likewise */
    ID_OTHER,  /* it has the id of the one before it */
    FLIP,      /* byte `value` of its payload, modulo its length, is another */
    NFAULTS
};

struct plan {
    enum fault fault;
    enum side from; /* who sends the frame */
    uint32_t type;  /* of the frame */
    unsigned nth;   /* of this type on one line, from 0 */
    uint64_t value;
};

struct relay {
    struct fixture *f;
    char address[40]; /* of the toolhost, abstract, without its NUL */
    pid_t toolhost;
    struct plan plan;
    int fired;      /* the plan has been carried out */
    unsigned lines; /* connections so far */
    ev_io accepting;
    struct {
        int fd; /* -1: no line */
        ev_io readable, writable;
        struct hr_buf in, out, held; /* what came from it, and what goes to it */
        unsigned seen[16];           /* frames by type that came from it */
        uint64_t last_id;
        int drips;
        int64_t wait_until_ms; /* nothing is sent to it before that */
    } side[SIDES];
    int closing; /* both, when all has been sent */
    ev_timer clock;
};

/* Start a toolhost with this plugin, and put the line in the place of f's host 0. */
void relay_start(struct relay *r, struct fixture *f, const char *plugin_id, const char *path);
/* The toolhost must still be there, and end as it should. */
void relay_stop(struct relay *r);
/* Cut the line that there is, between two frames. */
void relay_cut(struct relay *r);
/* The next frame that fits is the plan's. */
void relay_plan(struct relay *r, struct plan plan);

#endif
