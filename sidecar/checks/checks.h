/* SPDX-License-Identifier: MIT
 * The checks behind /startupz, /livez and /readyz.
 *
 * A check is of one of two kinds.  Some measure (measure.h), each on a timer of its own, and keep
 * the last result; the others look at the board when they are asked, which costs a read of memory.
 * So an endpoint never waits for anything, and no slow check makes another one late.
 *
 * What was measured of the server belongs to one life of it (`starts` of service 0 on the board):
 * a result of an earlier life counts for nothing.  Until something is measured it fails; what
 * cannot be measured here passes, and says so.
 *
 *   supervisor   live, ready   the board is readable, its writer is our parent and takes our
 *                              heartbeats
 *   process      live          the supervisor has not given the server up
 *                ready         the server has a process that is not being stopped
 *   started      startup       the server has been ready once, in any life
 *   alive        live          a heartbeat is fresh, or GET /alive has not failed for longer than
 *                              the hang limit
 *   ready        ready         GET /ready answers 200, from a listener not older than the server
 *   init         ready         the server is not one that has to be initialised first
 *   agent-module ready         the server has not said that the custom agent class is wrong
 *   draining     ready         no stop has begun
 *   plugin/<id>  ready         the plugin's tools are on offer, and its health() does not say that
 *                              it cannot work; a gate only if it is required
 *   api          -             requests with the session key go through the server's thread pool
 *   loop-lag     -             the server's event loop has not stood still for longer than a limit
 *   memory       -             enough is left below the cgroup's limit, and little waits for it
 *   workspace    -             the folder is there and can be written to
 *   disk         -             enough is free of the file systems of the workspace and of /
 *   port/<n>     -             a TCP connect works
 *
 * "-": it is shown, and a warning when it fails, but no endpoint's.  Gates, periods, time-outs and
 * thresholds of what is measured can be set; README.md beside this file has them all, and the
 * complete list of what turns readiness off.
 *
 * Loop's thread only.
 */
#ifndef HR_SIDECAR_CHECKS_CHECKS_H
#define HR_SIDECAR_CHECKS_CHECKS_H

#include "common/board.h"
#include "common/buf.h"
#include "common/expo.h"
#include "sidecar/http/client.h"

#include <jansson.h>
#include <stdbool.h>

struct hr_checks;

/* What a check can be part of; one endpoint each. */
enum hr_gate { HR_GATE_STARTUP = 1, HR_GATE_LIVE = 2, HR_GATE_READY = 4 };

enum {
    HR_HANG_LIMIT_MS = 60000, /* so long may /alive fail before the server is not worth keeping */
    HR_CHECK_PORTS_MAX = 16,  /* port/<n> */
    HR_CHECK_KEY_MAX = 1024,  /* bytes of a session key */
    HR_UNTAKEN_MAX = 12,      /* heartbeats in a row: a minute, if nothing else is configured */
    HR_EXCLUDES_MAX = 128,    /* different ?exclude= of one request; there are fewer checks */
};

struct hr_checks_config {
    struct ev_loop *loop;
    const struct hr_board *board; /* borrowed for the life of the object */
    struct hr_client *client;     /* likewise */
    const char *host;             /* numeric address of the server; copied */
    int port;
    const json_t *settings;  /* "checks" of the settings; borrowed for the call; NULL: none */
    const char *session_key; /* of the server, for `api`; copied; NULL or "": none is known */
    /* Is the server one that waits to be initialised?  NULL: it is not. */
    bool (*is_dormant)(void *arg);
    /* Called each time that /ready has answered 200 in the life `starts`. */
    void (*on_ready)(uint32_t starts, void *arg);
    /* Asked of a life that has to be initialised again: has it been?  0, or a negative number and a
     * sentence in reason.  NULL: it has not. */
    int (*init_ok)(uint32_t starts, char *reason, size_t size, void *arg);
    /* 0, or a negative number and a sentence in reason. */
    int (*plugin_ok)(const char *id, char *reason, size_t size, void *arg);
    /* How many heartbeats in a row the supervisor has not taken.  NULL: none. */
    unsigned (*untaken)(void *arg);
    void *arg;               /* of all these */
    int64_t (*now_ms)(void); /* NULL: hr_now_ms */
};

/* 0 or -errno. */
int hr_checks_new(const struct hr_checks_config *config, struct hr_checks **ret);
/* Running probes are dropped.  NULL is fine. */
void hr_checks_free(struct hr_checks *c);

/* Have a plugin/<id> for each of these and no other: "plugins" of the settings.  What was known of
 * one that stays is kept.  0; or -EPROTO or -ENOSPC (over HR_MAX_PLUGINS) and nothing has changed.
 */
int hr_checks_set_plugins(struct hr_checks *c, const json_t *plugins);

/* Begin to measure. */
void hr_checks_start(struct hr_checks *c);

/* The session key has become known, or another one; copied, and wiped at the end.  NULL: none. */
void hr_checks_set_key(struct hr_checks *c, const char *key);

/* The board has changed: forget what belongs to an earlier life and probe the new one at once. */
void hr_checks_board_changed(struct hr_checks *c);

/* ---- the endpoints ---- */

struct hr_checks_query {
    bool verbose;
    const char *exclude[HR_EXCLUDES_MAX]; /* borrowed; sorted, each once */
    int nexclude;
    unsigned ignored; /* those there was no room for */
};

/* Leave out the check of that name, which is borrowed. */
void hr_checks_exclude(struct hr_checks_query *q, const char *name);

/* For an answer that is not made here.  Is the check of that name to be left out?  used: one for
 * each word, those that have left out something are marked. */
bool hr_checks_excluded(const struct hr_checks_query *q, const char *name,
                        bool used[HR_EXCLUDES_MAX]);
/* Warn of those that have not. */
void hr_checks_warn_unused(struct hr_buf *out, const struct hr_checks_query *q,
                           const bool used[HR_EXCLUDES_MAX]);

enum { HR_CHECK_REASON_MAX = 320 }; /* bytes */

/* Does this endpoint as a whole pass?  If not: the first check that fails, whose name is borrowed,
 * and why. */
bool hr_checks_pass(struct hr_checks *c, enum hr_gate gate, const char **ret_name, char *reason,
                    size_t size);

/* Answer a request for "/readyz", "/livez/process" and so on, in the format of the Kubernetes API
 * server, appended to out.  Returns the HTTP status: 200; 503 for a failure (and then always
 * verbose); 404 with nothing appended if there is no such endpoint or check. */
unsigned hr_checks_answer(struct hr_checks *c, const char *path, const struct hr_checks_query *q,
                          struct hr_buf *out);

/* "startup", "live", "ready". */
const char *hr_gate_name(enum hr_gate gate);

/* New reference: [{"name","ok","status","message","since_seconds","gates","observed","unit",
 * "age_seconds","failing_gates"}, ...].  status: "pass", "warn" for one that fails but makes no
 * endpoint fail, "fail". */
json_t *hr_checks_status(struct hr_checks *c);

/* New reference: what `disk` has seen: [{"path","free_bytes","size_bytes"}, ...]. */
json_t *hr_checks_disks(const struct hr_checks *c);

hr_collector hr_checks_collect; /* arg is the struct hr_checks */

#endif
