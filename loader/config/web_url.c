/* SPDX-License-Identifier: MIT
 * URLs in the configuration.  See web_url.h. */
#include "web_url.h"

#include "common/fd.h"
#include "common/utf8.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum {
    HOST_MAX = 253, /* bytes of a name in DNS */
    PORT_DIGITS = 5,
    VALUE_MAX = 8192, /* bytes of a header's value: what servers commonly take */
};

static bool is_printable(const char *s)
{
    for (; *s; s++)
        if (*s <= ' ' || *s >= 0x7f || *s == '\\')
            return false;
    return true;
}

static bool is_port(const char *s, size_t n)
{
    char text[PORT_DIGITS + 1];
    int64_t port = 0;
    if (n > PORT_DIGITS)
        return false;
    memcpy(text, s, n);
    text[n] = '\0';
    return hr_parse_int(text, 1, UINT16_MAX, &port) == 0;
}

static bool is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr(".-_", s[i]))
            return false;
    return n > 0 && n <= HOST_MAX;
}

/* "[::1]": s is behind the bracket, n ends before the other one. */
static bool is_ipv6(const char *s, size_t n)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (n >= sizeof(text))
        return false;
    memcpy(text, s, n);
    text[n] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* "host", "host:port", "[address]:port" */
static bool is_authority(const char *s, size_t n)
{
    const char *end = s + n;
    const char *rest = NULL; /* what follows the host */
    if (n && *s == '[') {
        const char *close = memchr(s, ']', n);
        if (!close || !is_ipv6(s + 1, (size_t)(close - s - 1)))
            return false;
        rest = close + 1;
    } else {
        rest = memchr(s, ':', n);
        if (!rest)
            rest = end;
        if (!is_name(s, (size_t)(rest - s)))
            return false;
    }
    return rest == end || (*rest == ':' && is_port(rest + 1, (size_t)(end - rest - 1)));
}

int hr_web_url_check(const char *url, bool tls)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0           ? 7
                    : tls && strncasecmp(url, "https://", 8) == 0 ? 8
                                                                  : 0;
    if (!scheme || strnlen(url, HR_WEB_URL_MAX + 1) > HR_WEB_URL_MAX || !is_printable(url) ||
        strchr(url, '#'))
        return -EINVAL;
    const char *authority = url + scheme;
    return is_authority(authority, strcspn(authority, "/?")) ? 0 : -EINVAL;
}

int hr_header_value_check(const char *value)
{
    size_t n = strnlen(value, VALUE_MAX + 1);
    if (n > VALUE_MAX)
        return -EINVAL;
    while (n && isspace((unsigned char)value[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
            return -EINVAL;
    return n && hr_utf8_valid(value, n) == n ? 0 : -EINVAL;
}
