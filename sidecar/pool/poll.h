/* SPDX-License-Identifier: MIT
 * One path of the server, asked over and over, at a pace that the answers decide.  Loop's thread
 * only. */
#ifndef HR_SIDECAR_POOL_POLL_H
#define HR_SIDECAR_POOL_POLL_H

#include "sidecar/http/client.h"

#include <ev.h>

enum { HR_POLL_URL_MAX = 128, HR_POLL_HEADER_MAX = 1088, HR_POLL_TIMEOUT_MS = 2000 };

struct hr_poll {
    /* Set by the owner. */
    struct ev_loop *loop;
    struct hr_client *client;
    /* An answer, or -errno, as hr_client_done has it.  Milliseconds until the next question, -1 for
     * none. */
    int (*answer)(int status, const char *body, size_t len, void *arg);
    /* A header for each question, "Name: value", which may be a secret; NULL: none. */
    void (*header)(char out[HR_POLL_HEADER_MAX], void *arg);
    void *arg;

    /* Ours. */
    char url[HR_POLL_URL_MAX];
    struct hr_client_req *req; /* the question that is out, or NULL */
    ev_timer timer;
};

/* 0 or -ENAMETOOLONG. */
int hr_poll_init(struct hr_poll *p, const char *host, int port, const char *path);

/* Ask now, unless a question is out already. */
void hr_poll_now(struct hr_poll *p);

/* Ask no more, and drop the question that is out. */
void hr_poll_stop(struct hr_poll *p);

#endif
