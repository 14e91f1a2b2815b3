/* SPDX-License-Identifier: MIT
 * The server's notification socket: the protocol of sd_notify(3), so any server that speaks it to
 * systemd speaks it to us, and a few words of our own for our helper in the agent-server.
 *
 * A datagram is "NAME=value" lines.  Taken: READY=1, STOPPING=1, STATUS=..., WATCHDOG=1,
 * WATCHDOG=trigger, WATCHDOG_USEC=n; from the helper also
 *
 *   X_HANDRAIL_LAG_MS=n            worst lag of the event loop since the last heartbeat
 *   X_HANDRAIL_AGENT=ok            the custom agent class is one
 *   X_HANDRAIL_AGENT_ERROR=text    it is not, and why
 *   X_HANDRAIL_ACTIVITY=1          it was asked for something that may be its use
 *   X_HANDRAIL_INIT=n              the descriptor that comes along is the read end of a pipe that
 *                                  holds the n bytes of an accepted POST /api/init
 *
 * Anything else is passed over.  Back to the helper goes the pod's phase: helper.h.  Used by the
 * supervisor alone; nothing here allocates or waits.
 */
#ifndef HR_SUPERVISOR_NOTIFY_H
#define HR_SUPERVISOR_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    HR_NOTIFY_MAX = 4096,     /* bytes of a datagram, as systemd has it */
    HR_NOTIFY_NAME_MAX = 108, /* bytes of a socket's name with its NUL: "@abstract" or a path */
};

struct hr_notice {
    bool ready;
    bool stopping;
    bool beat;
    bool trigger; /* WATCHDOG=trigger: it wants to be treated as hung */
    bool agent_ok;
    bool activity;
    int64_t watchdog_ms; /* -1: not told */
    int64_t lag_ms;      /* -1: not told */
    int64_t init_bytes;  /* -1: not told */
    const char *status;  /* NULL: not told; these two point into the text */
    const char *agent_error;
};

/* Take a datagram apart.  text is NUL-terminated and is changed. */
void hr_notice_parse(char *text, struct hr_notice *ret);

/* Open the socket under a random abstract name, which is written to `name` as NOTIFY_SOCKET wants
 * it ("@...").  Non-blocking, and with credentials: to be read with hr_packet_read().  0 or
 * -errno. */
int hr_notify_open(char name[HR_NOTIFY_NAME_MAX], int *ret_fd);

/* Our own word to whoever supervises us: a datagram to the socket called `name` ("@abstract" or an
 * absolute path), without waiting.  0 or -errno. */
int hr_notify_upwards(const char *name, const char *text);

#endif
