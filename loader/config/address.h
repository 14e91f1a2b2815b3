/* SPDX-License-Identifier: MIT
 * Numeric socket addresses: "127.0.0.1:60011", "[::]:60010", or ":60010" for the default host.
 * No names are ever resolved. */
#ifndef HR_CONFIG_ADDRESS_H
#define HR_CONFIG_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct hr_address {
    struct sockaddr_storage sa;
    socklen_t len;
};

enum { HR_ADDRESS_TEXT = 64 }; /* bytes that hold any address as text */

/* 0 or -EINVAL.  default_host: numeric, used when the text names only a port. */
int hr_address_parse(const char *text, const char *default_host, struct hr_address *ret);

/* "host:port", IPv6 in brackets. */
void hr_address_format(const struct hr_address *a, char out[HR_ADDRESS_TEXT]);

bool hr_address_is_loopback(const struct hr_address *a);
uint16_t hr_address_port(const struct hr_address *a);

#endif
