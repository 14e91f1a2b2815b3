/* SPDX-License-Identifier: MIT
 * See framing.h. */
#include "framing.h"

#include "common/fd.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* The value of a hexadecimal digit, or -1. */
static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t hr_http_unescape(char *s)
{
    char *out = s;
    for (const char *in = s; *in;) {
        int high = in[0] == '%' ? hex(in[1]) : -1;
        int low = high >= 0 ? hex(in[2]) : -1;
        if (low >= 0 && (high || low)) {
            *out++ = (char)(high << 4 | low);
            in += 3;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
    return (size_t)(out - s);
}

const char *hr_http_target_path(const char *target)
{
    static const char scheme[] = "http://";
    if (strncasecmp(target, scheme, sizeof(scheme) - 1) != 0)
        return target;
    const char *path = strchr(target + sizeof(scheme) - 1, '/');
    return path ? path : "/";
}

struct framing {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    bool unknown_coding;
    bool odd_name; /* "Content-Length ": a header for some readers, none for others */
    const char *length;
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    struct framing *f = arg;
    f->odd_name |= name[strcspn(name, " \t")] != '\0';
    if (strcasecmp(name, "Host") == 0) {
        f->hosts++;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        f->lengths++;
        f->length = value;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        f->codings++;
        f->unknown_coding |= !value || strcasecmp(value, "chunked") != 0;
    }
    return MHD_YES;
}

/* Where one body ends must not be open to two readings (RFC 9112, 6.3): libmicrohttpd takes the
 * first of several lengths.  That a Host is missing is looked for here because libmicrohttpd 0.9.75
 * answers it with two heads. */
unsigned hr_http_refusal(struct MHD_Connection *connection, const char *version, size_t body_max)
{
    struct framing f = {.hosts = 0};
    int64_t length = 0;
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &f);
    bool old = strcmp(version, "HTTP/1.0") == 0;
    if (f.hosts > 1 || (!f.hosts && !old) || f.odd_name || f.lengths + f.codings > 1 ||
        f.unknown_coding)
        return MHD_HTTP_BAD_REQUEST;
    if (f.length && hr_parse_int(f.length, 0, (int64_t)body_max, &length))
        return HR_HTTP_TOO_LARGE; /* that it is a number was checked before us */
    return 0;
}

const char *hr_http_refusal_text(unsigned status)
{
    switch (status) {
    case MHD_HTTP_BAD_REQUEST:
        return "bad request: no Host, more than one Host, Content-Length or Transfer-Encoding, a "
               "coding other than chunked, or a header with a blank before its colon\n";
    case HR_HTTP_TOO_LARGE: return "the request's body is too large\n";
    default: return "out of memory\n";
    }
}
