/* clang-format off */
/* SPDX-License-Identifier: MIT
 * What the supervisor hands to the programs it starts: descriptors at fixed numbers, and one sealed
 * anonymous file with settings as JSON.  Keys travel in that file, never in argv or environment.
 *
 * Every descriptor is the supervisor's own for as long as it lives, so a program that is restarted
 * finds the same sockets, with whatever clients are queued on them.
 *
 * Settings of the sidecar:
 *
 *     { "agent":   {"host": "127.0.0.1", "port": 60000,  a numeric address to probe
 *                   "session_key": "...",                of the server's environment, if any
 *                   "init_key": "...",                   OH_SECRET_KEY, if any
 *                   "deferred": false},                  it starts dormant (OH_DEFERRED_INIT)
 *       "mcp":     {"token": "<hex>"},                   bearer token of the MCP endpoint
 *       "pool":    {"podinfo_dir": "/etc/podinfo"},      of a downwardAPI volume, if it is there
 *       "ipc_key": "<hex>",                              first frame to every toolhost
 *       "plugins": [{"id": "...", "socket": "<hex>", "service": 2, "required": false}, ...],
 *       "webhook": {"url": "...",                        whom to tell what happens; optional
 *                   "authorization": "Bearer ..."},      value of that header; optional
 *       "checks": {"disk": {...}, ...},                  health checks, below
 *       "watchdog_ms": 30000 }                           silence that is taken for a hang; 0: none
 *
 * Of a check there is what is not its default: "period_ms", "timeout_ms", "failures", "successes",
 * "gates" (["ready", "live"]), and what is its own: "limit_ms" of alive and loop-lag, "free_percent"
 * or "free_bytes" of disk and memory, "pressure_percent" of memory, "path" of workspace.  A
 * "port/<n>" exists by being there.
 *
 * Of `handrail mcp` it has standard input and output to serve instead:
 *
 *     { "stdio": true, "ipc_key": "...", "plugins": [...], "watchdog_ms": 30000 }
 *
 * "socket" is an abstract unix address in hexadecimal, without its leading NUL; "service" is the
 * toolhost's index on the board.  Disabled plugins are not listed.  The server is service 0, the
 * sidecar service 1.
 *
 * Settings of a toolhost:
 *
 *     { "id": "...", "path": "/abs/plugin.so", "config": {...}, "ipc_key": "<hex>",
 *       "confinement": {...},              as the registry has it (common/confinement.h)
 *       "environment": {"NAME": "..."},    the variables that it grants
 *       "sha256": "<hex>",                 which the file has to have; optional
 *       "watchdog_ms": 30000,              silence for which it is ended; 0 or absent: none
 *       "host_minor": 0 }                  appear as a host of that ABI minor; optional, for trials
 *
 * HR_FD_NOTIFY is a packet socket, one for all lives of a program.  Upwards go notifications, one
 * line each in a single write():
 *   "READY=1\n"                  the sender itself is ready
 *   "WATCHDOG=1\n"               its loop turns; from the first one on it has to come
 *   "SERVER=<starts>\n"          (sidecar) the server's life with that number has answered /ready
 *   "PHASE=<phase> <seen>[ <uid>]\n"  (sidecar) what it has found the pod to be: common/phase.h
 *   "CLAIM=1\n"                  (sidecar) the claim, for the hook, is attached: a sealed file
 *   "INIT=<starts> <status>\n"   (sidecar) answer to an order; status: of HTTP, or -errno
 *   "PAUSED=<starts> <status>\n" likewise
 * Downwards, to the sidecar alone, go orders, one packet each, with at most one descriptor: the
 * read end of a pipe that holds the whole body of an accepted POST /api/init, if it is not said
 * otherwise.
 *   "INIT <starts>"    as soon as this life answers /ready: POST the body to its /api/init, and do
 *                      not notify SERVER= before that has worked
 *   "PAUSE <starts>"   POST /api/conversations/prepare-for-sandbox-pause, with the first session
 *                      key of the body if one is attached, else the one of the settings
 *   "KEY <starts>"     nothing is to be done: the body is there for the session key in it.  Has no
 *                      answer
 *   "PLUGINS"          settings with other plugins are attached; nothing else in them has changed
 * An order for another life than the present one is answered with -ESTALE (or not at all).
 */
/* clang-format on */
#ifndef HR_COMMON_HANDOFF_H
#define HR_COMMON_HANDOFF_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_FD_SETTINGS = 3,
    HR_FD_NOTIFY = 4, /* packet socket */
    /* sidecar */
    HR_FD_BOARD = 5,
    HR_FD_EVENT = 6, /* eventfd, non-blocking: readable when the board has changed */
    HR_FD_HEALTH = 7,
    HR_FD_MCP = 8,
    HR_FD_PROBE = 9, /* listening unix stream socket; may be missing */
    /* toolhost */
    HR_FD_CALLS = 5, /* listening unix stream socket */
};

enum {
    HR_SETTINGS_MAX = 1024 * 1024, /* bytes */
    HR_NOTIFICATION_MAX = 512,     /* bytes of a notification or an order */
};

/* Exit codes of our own programs, from sysexits.h where it has one. */
enum {
    HR_EXIT_USAGE = 64,
    HR_EXIT_SOFTWARE = 70,
    HR_EXIT_OSERR = 71,
    HR_EXIT_IOERR = 74,    /* what was asked for cannot be written */
    HR_EXIT_TEMPFAIL = 75, /* trying again can help */
    HR_EXIT_CONFIG = 78,   /* trying again cannot help */
};

/* Parse the settings behind fd.  The object is the caller's (json_decref).  0, -EPROTO, -errno. */
int hr_settings_read(int fd, json_t **ret);

/* Send one notification line: "READY=1", "STATUS=why not".  One that is too long is cut.  Errors
 * are ignored: there is nobody to tell. */
void hr_notify(const char *line);

/* Send an order, with fd unless that is -1 (the caller's still).  Never blocks.  0 or -errno. */
int hr_order_send(int socket, const char *order, int fd);

/* Receive one packet of the supervisor's without waiting: its text, NUL-terminated and without a
 * final newline, and a descriptor (close-on-exec, the caller's) or -1.  Errors: hr_packet_read().
 */
int hr_packet_receive(int socket, char *text, size_t size, int *ret_fd);

/* What to do with an order.  *fd: what came along, or -1; -1 if it has been taken over. */
typedef void hr_order_obey(const char *text, int *fd, void *arg);

/* A descriptor kept free for the one of an order, which is lost where there is none.  Or -1. */
int hr_order_place(int socket);

/* Obey the orders that have come.  *place is the above, and remains the caller's to close.  0, or
 * -errno: no more can be taken; -EPIPE: the supervisor is gone. */
int hr_orders_take(int socket, int *place, hr_order_obey *obey, void *arg);

#endif
