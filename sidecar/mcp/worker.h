/* SPDX-License-Identifier: MIT
 * One plugin's toolhost, as something that can be called: calls with deadlines, a queue for the
 * time in which it is down, and a clear end for every call whatever happens to it.
 *
 * A call of a tool that is read-only or idempotent whose toolhost dies under it, or whose
 * connection is lost, is given to the next life, once, within its own deadline; its caller notices
 * no more than that it takes longer.  Any other call may have had its effect already, and ends. The
 * next life may be another version of the plugin: its tool must still be repeatable, and the
 * arguments of any call that has waited for it must fit the schema that it has now.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_MCP_WORKER_H
#define HR_SIDECAR_MCP_WORKER_H

#include "arguments.h"
#include "common/board.h"
#include "conn.h"
#include "link.h"
#include "stats.h"
#include "tools.h"

#include <ev.h>
#include <jansson.h>

enum {
    HR_MCP_CALLS_MAX = 256, /* of one plugin, waiting or running */
    /* A call waits no longer for a toolhost to start, or for the board to say how one died. */
    HR_MCP_START_WAIT_MS = 10 * 1000,
    HR_MCP_SENTENCE_MAX = 512, /* bytes of a message for the model */
    HR_MCP_AILMENT_MAX = 256,  /* bytes of why a plugin says that it cannot work */
    /* Bytes of arguments kept for a second try, of all calls of one plugin.  A call whose arguments
     * do not fit has one try. */
    HR_MCP_KEPT_MAX = 4 * 1024 * 1024,
    /* Bytes of arguments of the calls of one plugin that wait for its toolhost, or for room on the
     * way to it.  A call that comes then and does not fit is refused. */
    HR_MCP_WAITING_MAX = 32 * 1024 * 1024,
};

struct hr_mcp_worker;
struct hr_mcp_call;

/* How a call ended: with the payload of its RESULT, which has passed hr_mcp_result_check(), or, if
 * that is NULL, with a reason of ours. */
struct hr_mcp_end {
    const char *payload;
    size_t len;
    enum hr_mcp_outcome outcome; /* only with a reason */
    const char *reason;          /* a sentence for the model */
};

/* What a tool tells its caller while it runs. */
struct hr_mcp_told {
    int is_progress;    /* else a message */
    double done, total; /* of progress; done grows, total is negative if it is not known */
    int32_t level;      /* of a message: handrail_log_level */
    const char *text;   /* not terminated */
    size_t len;
};

/* One call.  Lives inside the caller's own record, which must stay where it is until `done` was
 * called or the call was cancelled. */
struct hr_mcp_call {
    /* The caller's to fill in. */
    json_t *name;                      /* of the tool, a string; taken over */
    struct hr_mcp_arguments arguments; /* taken over, and freed when they are not needed any more */
    void (*done)(struct hr_mcp_call *c, const struct hr_mcp_end *end);
    /* From the loop, and never after the end.  It may cancel the call.  NULL: not wanted. */
    void (*told)(struct hr_mcp_call *c, const struct hr_mcp_told *told);
    /* The worker's. */
    struct hr_mcp_worker *worker;
    struct hr_link link;
    ev_timer timer;
    int awaits_start;                /* the timer is for the toolhost to start, not the deadline */
    int64_t deadline_ms;             /* CLOCK_MONOTONIC */
    uint32_t timeout_ms;             /* as the tool has it */
    uint64_t id;                     /* 0: not sent */
    double progress;                 /* the last one */
    struct hr_mcp_tool_stats *stats; /* of the tool; may be NULL */
    unsigned deaths;                 /* toolhosts, or connections, that were lost under it */
    int again;                       /* a second try has begun */
};

struct hr_mcp_worker {
    struct hr_mcp_conn conn;
    char id[HR_PLUGIN_ID_MAX + 1]; /* of the plugin */
    const struct hr_board *board;
    uint32_t service;           /* its index on the board */
    int64_t start_wait_ms;      /* HR_MCP_START_WAIT_MS */
    struct hr_mcp_tools *tools; /* of the last life that told them; NULL before the first */
    char fault[160];            /* why we gave the last connection up; "" since it serves again */
    char complaint[160];        /* the text of a fault that is being reported */
    int health_known;           /* the process we are connected to has told it */
    int32_t health;             /* handrail_status */
    char ailment[HR_MCP_AILMENT_MAX + 1]; /* UTF-8; "" if it is well */
    uint32_t life;            /* the board's number of the process we are connected to */
    struct hr_link queued;    /* calls that wait for the connection, or for room in it */
    struct hr_link running;   /* calls that were sent */
    struct hr_link dying;     /* calls whose toolhost died, until it is known how */
    uint32_t dead_life;       /* the life of the dying */
    ev_timer death;           /* how long the dying wait; each has its deadline, too */
    struct hr_mcp_call *last; /* whose CALL is the last frame that was sent; NULL: another is */
    struct hr_mcp_call *slots[HR_MCP_CALLS_MAX];
    unsigned ncalls;
    unsigned next_slot;
    size_t waiting_bytes;       /* of arguments of calls that wait */
    size_t kept_bytes;          /* of those that may have a second try */
    const struct hr_buf *phase; /* payload of PHASE, empty while none is known; borrowed */
    int phase_unsent;           /* the toolhost is to be sent it */
    uint64_t serial;
    /* The list of tools is new. */
    void (*on_tools)(void *arg);
    void *arg;
};

/* Zeroed; fill in id, board, service, phase, on_tools, arg before.  key: borrowed. */
void hr_mcp_worker_start(struct hr_mcp_worker *w, struct ev_loop *loop, const char *key,
                         const void *socket, size_t n);
/* End all of its calls for this reason, a sentence. */
void hr_mcp_worker_end_calls(struct hr_mcp_worker *w, const char *why);
/* There must be no calls left. */
void hr_mcp_worker_stop(struct hr_mcp_worker *w);

/* Begin a call of this tool, which is one of w->tools.  `done` may be called before it returns. */
void hr_mcp_worker_call(struct hr_mcp_worker *w, const struct hr_mcp_tool *tool,
                        struct hr_mcp_call *c);
/* End it without an answer; `done` is not called.  Harmless for a call that has ended. */
void hr_mcp_call_cancel(struct hr_mcp_call *c);

/* What w->phase points to has changed. */
void hr_mcp_worker_phase_changed(struct hr_mcp_worker *w);

/* The board has changed. */
void hr_mcp_worker_board_changed(struct hr_mcp_worker *w);

/* The open calls of one of w->tools.  Those that are with the toolhost are taken to run, but for
 * those above the tool's max_concurrency. */
struct hr_mcp_load {
    unsigned running;
    unsigned waiting;
};
struct hr_mcp_load hr_mcp_worker_load(const struct hr_mcp_worker *w,
                                      const struct hr_mcp_tool *tool);

/* Does the plugin itself say that it can work?  1 also for one that never says; 0 with the reason,
 * a phrase.  Its tools can be called in any case. */
int hr_mcp_worker_healthy(const struct hr_mcp_worker *w, char *why, size_t size);

/* Will this plugin not answer soon?  1 with the reason, a sentence, if its toolhost has failed, is
 * going, or is started again only after longer than `patience_ms`; else 0. */
int hr_mcp_worker_down(const struct hr_mcp_worker *w, int64_t patience_ms, char *why, size_t size);

#endif
