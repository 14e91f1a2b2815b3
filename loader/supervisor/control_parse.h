/* SPDX-License-Identifier: MIT
 * One order to PID 1: a line of JSON, read by control.c.
 *
 *   {"order":"status"}                              {"order":"stop"}
 *   {"order":"restart","service":"toolhost/echo"}   {"order":"reload"}
 *   {"order":"drain","on":true}                     {"order":"crashes"}
 *   {"order":"crash","number":3}
 *
 * The line comes from outside and is read by PID 1, so this is not a JSON library: one flat object
 * of strings, whole numbers and booleans, every key known, once, and of that order.  Pure;
 * allocates nothing and reads each byte a fixed number of times. */
#ifndef HR_SUPERVISOR_CONTROL_PARSE_H
#define HR_SUPERVISOR_CONTROL_PARSE_H

#include "common/board.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hr_order {
    HR_ORDER_STATUS,
    HR_ORDER_RESTART,
    HR_ORDER_STOP,
    HR_ORDER_RELOAD,
    HR_ORDER_DRAIN,
    HR_ORDER_CRASHES,
    HR_ORDER_CRASH,
    HR_NORDERS
};

enum { HR_ORDER_ERROR = 256 }; /* bytes that hold any message of the parser, with its NUL */

struct hr_control_order {
    enum hr_order order;
    char service[HR_SERVICE_NAME_MAX]; /* restart: as on the board, never "" */
    bool on;                           /* drain */
    uint64_t number;                   /* crash: from 1 */
};

/* Read line[0..n), without its newline.  0, or -EINVAL with what is wrong, and at which byte, in
 * error; *ret is untouched then. */
int hr_control_parse(const char *line, size_t n, struct hr_control_order *ret,
                     char error[HR_ORDER_ERROR]);

/* "status", "restart", ...; for logs. */
const char *hr_order_name(enum hr_order order);

#endif
