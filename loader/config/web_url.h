/* SPDX-License-Identifier: MIT
 * URLs that somebody names in the configuration, looked at before anything is started: http or
 * https, a host, maybe a port, a path and a query; all of it printable ASCII.
 *
 * No user and no password: what is in an option is in `ps`, and they would be in logs.  No fragment
 * and no white space: nobody who asks for it would send it, so it is a mistake. */
#ifndef HR_CONFIG_WEB_URL_H
#define HR_CONFIG_WEB_URL_H

enum { HR_WEB_URL_MAX = 2048 }; /* bytes */

/* 0 or -EINVAL. */
int hr_web_url_check(const char *url);

/* The value of a header, as it would be sent: without control characters.  White space at its end,
 * which a file that was made with an editor has, does not count.  0 or -EINVAL. */
int hr_header_value_check(const char *value);

#endif
