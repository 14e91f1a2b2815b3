/* SPDX-License-Identifier: MIT
 * The agent-server's part in an order, in the loop of the test: /ready, /alive, /api/init and
 * prepare-for-sandbox-pause, with the answers that the test wants. */
#ifndef HR_TESTS_UNIT_FAKE_SERVER_H
#define HR_TESTS_UNIT_FAKE_SERVER_H

#include "common/buf.h"
#include "sidecar/http/server.h"

enum {
    FAKE_SILENT = -1,   /* an answer that never comes */
    FAKE_LAST_401 = -2, /* this, and no connection is taken any more */
    FAKE_ANSWERS = 8,
};

struct fake_server {
    struct ev_loop *loop;
    int listen_fd;
    int port;
    struct hr_http *http;
    int ready;         /* status of GET /ready */
    const char *state; /* of GET /api/init; NULL: 404 */
    const char *info;  /* body of GET /server_info; NULL: 404 */
    int ninfo;         /* how often that was asked for */
    const char *count; /* body of GET /api/conversations/count; NULL: 404 */
    const char *key;   /* without it in X-Session-API-Key that is 401; NULL: any */
    int ncount;
    int init[FAKE_ANSWERS];  /* statuses of POST /api/init, in order; 0: 200, as is all after it */
    const char *init_text;   /* the body of those that are not 200 */
    int pause[FAKE_ANSWERS]; /* of prepare-for-sandbox-pause, likewise, with 204 for 200 */
    int ninit;               /* how many came */
    int npause;
    struct hr_buf seen; /* "METHOD path [key] {type} body\n" of each but /ready and /alive; the key
                         * is the one of either header, "-" for none */
};

/* In a loop of the caller's.  0 or nonzero. */
int fake_server_open(struct fake_server *s, struct ev_loop *loop);
void fake_server_close(struct fake_server *s);
/* It is no more: the port is closed, and everything forgotten but what was seen. */
void fake_server_die(struct fake_server *s);
/* And there again, at the same port.  0 or nonzero. */
int fake_server_return(struct fake_server *s);

#endif
