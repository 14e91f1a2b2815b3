/* SPDX-License-Identifier: MIT
 * What the tests of the MCP endpoint stand on: a listener that is not there (requests are made and
 * answers kept in memory) and toolhosts that do what the test says, on real sockets in the same
 * loop. */
#ifndef HR_TESTS_UNIT_MCP_FIXTURE_H
#define HR_TESTS_UNIT_MCP_FIXTURE_H

#include "check.h"
#include "common/board.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/frame.h"
#include "sidecar/mcp/internal.h"

#include <ev.h>
#include <jansson.h>

#define TOKEN "0123456789abcdef"
#define KEY   "fedcba9876543210"

/* --- HTTP --- */

enum { HEADERS_MAX = 8 };
struct header {
    char name[32];
    char value[128];
};

struct hr_http_req {
    const char *method, *path;
    struct header in[HEADERS_MAX], out[HEADERS_MAX];
    char *body;
    size_t body_len;
    unsigned status; /* 0: not answered */
    char *reply;     /* NUL-terminated */
    size_t reply_len;
    char type[64];
    int streaming;  /* the answer is a stream: reply grows */
    size_t backlog; /* nonzero: the peer does not read, and nothing can be added */
    void (*gone)(void *arg);
    void *gone_arg;
    int dead;
};

/* A POST to /mcp with everything right about it. */
void req_init(struct hr_http_req *r, const char *body);
void req_init_n(struct hr_http_req *r, const char *body, size_t n);
void req_set(struct hr_http_req *r, const char *name, const char *value);    /* NULL removes */
const char *req_reply_header(const struct hr_http_req *r, const char *name); /* NULL: none */
void req_close(struct hr_http_req *r); /* the client goes away */
void req_free(struct hr_http_req *r);
/* Of a stream: how many messages it has, comments and empty events aside, and one of them, the
 * caller's. */
int req_events(const struct hr_http_req *r);
json_t *req_event(const struct hr_http_req *r, int i);
/* The answer as JSON, which must be ASCII; the caller's. */
json_t *req_json(const struct hr_http_req *r);

/* --- toolhosts --- */

enum { SEEN_MAX = 1024 };
struct seen_call {
    uint64_t id;
    struct hr_frame_call head;
    char *arguments;
};

struct host {
    struct ev_loop *loop;
    char address[32]; /* abstract, without its NUL */
    int listen_fd, fd;
    ev_io accepting, reading;
    const char *tools; /* payload of TOOLS; NULL: say nothing to HELLO */
    int echo;          /* answer each call with its arguments */
    int deaf;          /* do not read */
    struct hr_buf in;
    unsigned hellos;
    struct seen_call calls[SEEN_MAX];
    unsigned ncalls;
    uint64_t cancels[SEEN_MAX];
    unsigned ncancels;
    unsigned nphases;
    char *phase;         /* the latest event */
    unsigned calls_then; /* ncalls when it came */
};

void host_send(struct host *h, enum hr_frame_type type, uint64_t id, const void *data, size_t n);
void host_send_raw(struct host *h, const void *data, size_t n);
/* A RESULT with one part; kind 0 for none. */
void host_answer(struct host *h, uint64_t id, int32_t status, int kind, const char *text);
void host_die(struct host *h); /* close the connection, go on listening */

/* --- everything together --- */

enum { HOSTS_MAX = 3 };
struct fixture {
    struct ev_loop *loop;
    struct hr_board *board;
    int board_fd;
    struct hr_mcp *mcp;
    struct host hosts[HOSTS_MAX];
    size_t nhosts;
    ev_timer tick;
};

#define SERVICE_OF(i) ((uint32_t)(i) + 2)

/* Hosts "p0", "p1", ... with these lists of tools; n of them.  All are up on the board. */
void fixture_start(struct fixture *f, size_t n, const char *const *tools);
void fixture_stop(struct fixture *f);
/* With all of its hosts; the caller's. */
json_t *fixture_settings(const struct fixture *f);
/* What the board says of host i; starts is the number of its life. */
void fixture_board(struct fixture *f, size_t i, enum hr_state state, uint32_t starts, int status,
                   const char *reason);

void post(struct fixture *f, struct hr_http_req *r);
/* One request and its answer, which is waited for. */
json_t *ask(struct fixture *f, const char *body);
/* A tools/call request, its id given as JSON. */
void call(struct fixture *f, struct hr_http_req *r, const char *id, const char *tool,
          const char *arguments);

/* Run the loop until cond, which must become true within ten seconds. */
#define UNTIL(f, cond)                                                                             \
    do {                                                                                           \
        int64_t until_end_ = hr_now_ms() + 10 * 1000;                                              \
        while (!(cond)) {                                                                          \
            if (hr_now_ms() > until_end_)                                                          \
                fail_msg("waited in vain for " #cond);                                             \
            ev_run((f)->loop, EVRUN_ONCE);                                                         \
        }                                                                                          \
    } while (0)

/* Run the loop for so long. */
void run_for(struct fixture *f, int64_t ms);

/* Members by a path such as "result.content.0.text". */
const char *text_at(const json_t *root, const char *path); /* "" if there is none */
json_t *at(const json_t *root, const char *path);          /* NULL if there is none */

#define HINTED_TOOL(name, hint, more)                                                              \
    "{\"name\":\"" name "\",\"title\":\"T\",\"description\":\"d\",\"inputSchema\":"                \
    "{\"type\":\"object\"},\"annotations\":{\"" hint "\":true},\"maxConcurrency\":0" more "}"
#define ECHO_TOOL(name, more) HINTED_TOOL(name, "openWorldHint", more)
#define TOOLS(id, list)                                                                            \
    "{\"plugin\":{\"id\":\"" id "\",\"version\":\"1.2.3\"},\"tools\":[" list "]}"

#endif
