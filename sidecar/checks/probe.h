/* SPDX-License-Identifier: MIT
 * A check measured over HTTP: GET a path of the server, and maybe a second one that is asked only
 * once in each life of the server, because a bad answer to it costs the server seconds. */
#ifndef HR_SIDECAR_CHECKS_PROBE_H
#define HR_SIDECAR_CHECKS_PROBE_H

#include "common/expo.h"
#include "measure.h"
#include "sidecar/http/client.h"

enum {
    HR_PROBE_PATHS = 2,
    HR_PROBE_ONCE_TRIES = 3, /* of the second path, when it is not answered */
    HR_PROBE_URL_MAX = 192,  /* bytes; a numeric address, a port, a short path */
};

struct hr_probe {
    struct hr_measure m;

    /* set by the owner */
    struct hr_client *client;
    const char *path[HR_PROBE_PATHS]; /* the second: NULL for none */
    /* Asked first: is there an answer without a question?  True, and then hr_measure_done() has
     * been called.  NULL: there is none. */
    bool (*without)(struct hr_probe *p);
    /* What an answer other than 200 means; NULL: it is bad. */
    enum hr_found (*judge)(struct hr_probe *p, int status, const char *body, size_t len);
    /* Asked at the first 200 of a life: did another program give it?  NULL: it does not matter. */
    bool (*is_foreign)(void *arg);
    /* The header with the key, "" for none; it is wiped after use.  NULL: none. */
    void (*header)(struct hr_probe *p, char *out, size_t size);
    void *arg; /* of is_foreign */

    struct hr_histogram latency;
    struct hr_client_req *req;
    int at;             /* in path */
    uint32_t once_life; /* the life that the second path was asked in; 0: none */
    int once_tries;     /* in that life */
    int once_status;    /* its answer, a status or -errno; 0: none yet */
    int64_t asked_us;
    char url[HR_PROBE_PATHS][HR_PROBE_URL_MAX];
};

enum { HR_PROBE_HEADER_MAX = 1100 }; /* bytes; with the longest session key */

/* The owner's fields, and those of m, are set, but for the method.  0 or -ENAMETOOLONG. */
int hr_probe_init(struct hr_probe *p, const char *host, int port);

#endif
