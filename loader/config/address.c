/* SPDX-License-Identifier: MIT
 * Numeric socket addresses.  See address.h. */
#include "address.h"

#include "common/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

int hr_address_parse(const char *text, const char *default_host, struct hr_address *ret)
{
    char host[INET6_ADDRSTRLEN];
    int64_t port = 0;
    const char *colon = strrchr(text, ':');
    if (!colon || hr_parse_int(colon + 1, 0, 65535, &port))
        return -EINVAL;
    const char *from = text;
    size_t n = (size_t)(colon - text);
    if (n == 0) {
        from = default_host;
        n = strlen(default_host);
    } else if (n > 2 && text[0] == '[' && colon[-1] == ']') {
        from = text + 1;
        n -= 2;
    } else if (memchr(text, ':', n)) {
        return -EINVAL; /* an IPv6 address without brackets is ambiguous */
    }
    if (n >= sizeof(host))
        return -EINVAL;
    memcpy(host, from, n);
    host[n] = '\0';

    struct hr_address a = {0};
    struct sockaddr_in *in4 = (struct sockaddr_in *)&a.sa;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.sa;
    if (inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
        in4->sin_family = AF_INET;
        in4->sin_port = htons((uint16_t)port);
        a.len = sizeof(*in4);
    } else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        a.len = sizeof(*in6);
    } else {
        return -EINVAL;
    }
    *ret = a;
    return 0;
}

void hr_address_format(const struct hr_address *a, char out[HR_ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "?";
    int v6 = a->sa.ss_family == AF_INET6;
    const void *raw = v6 ? (const void *)&((const struct sockaddr_in6 *)&a->sa)->sin6_addr
                         : (const void *)&((const struct sockaddr_in *)&a->sa)->sin_addr;
    (void)inet_ntop(a->sa.ss_family, raw, host, sizeof(host));
    (void)snprintf(out, HR_ADDRESS_TEXT, v6 ? "[%s]:%u" : "%s:%u", host,
                   (unsigned)hr_address_port(a));
}

bool hr_address_is_loopback(const struct hr_address *a)
{
    if (a->sa.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a->sa)->sin6_addr);
    uint32_t host = ntohl(((const struct sockaddr_in *)&a->sa)->sin_addr.s_addr);
    return host >> 24 == 127;
}

uint16_t hr_address_port(const struct hr_address *a)
{
    if (a->sa.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a->sa)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&a->sa)->sin_port);
}
