/* SPDX-License-Identifier: MIT
 * What comes with an order, read: the order itself, and the session key in the body.  Pure; called
 * by the orders and by tests/fuzz.  Allocates nothing, so that no copy of a key stays behind. */
#ifndef HR_SIDECAR_ORDERS_PARSE_H
#define HR_SIDECAR_ORDERS_PARSE_H

#include <stddef.h>
#include <stdint.h>

enum hr_order_kind { HR_ORDER_INIT, HR_ORDER_PAUSE, HR_ORDER_KEY };

struct hr_order {
    enum hr_order_kind kind;
    uint32_t starts; /* the life it is for; not 0 */
};

/* "INIT 3", "PAUSE 3", "KEY 3".  0 or -EPROTO. */
int hr_order_parse(const char *text, struct hr_order *ret);

enum { HR_SESSION_KEY_MAX = 1024 }; /* bytes, without the NUL */

/* The first of "session_api_keys" in a JSON object, NUL-terminated, into out, which holds
 * HR_SESSION_KEY_MAX + 1 bytes and is untouched on failure.  The last of several members of that
 * name counts, as for the server.  It is made for bodies that the server has accepted: of others it
 * says -ENOKEY or takes what looks like one.  0, or -ENOKEY if there is none that can be sent: too
 * long, or with a control character in it. */
int hr_order_session_key(const char *body, size_t len, char *out);

#endif
