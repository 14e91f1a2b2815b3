/* SPDX-License-Identifier: MIT
 * URLs that somebody names in the configuration, looked at before anything is started: http or
 * https, a host, maybe a port, a path and a query; all of it printable ASCII.
 *
 * No user and no password: what is in an option is in `ps`, and they would be in logs.  No fragment
 * and no white space: nobody who asks for it would send it, so it is a mistake. */
#ifndef HR_CONFIG_WEB_URL_H
#define HR_CONFIG_WEB_URL_H

#include <stdbool.h>

enum { HR_WEB_URL_MAX = 2048 }; /* bytes */

#ifndef HR_WEB_TLS
#define HR_WEB_TLS 1 /* 0: the libcurl that the sidecar is built with has no TLS */
#endif

/* 0 or -EINVAL.  tls: is there any? */
int hr_web_url_check(const char *url, bool tls);

/* The value of a header, as it would be sent: UTF-8 without control characters.  White space at its
 * end, which a file that was made with an editor has, does not count.  0 or -EINVAL. */
int hr_header_value_check(const char *value);

#endif
