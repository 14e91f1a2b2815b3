/* SPDX-License-Identifier: MIT
 * The status page at "/": one HTML document for people, made from the same JSON that machines get.
 *
 * It is whole by itself (style, script and icon are inside, nothing is fetched from anywhere) and
 * works without JavaScript.  With it, page.js fetches "/" again and replaces what has changed; so
 * there is one renderer, and it is this one.
 *
 * Nothing that is shown is trusted: a plugin's name, a process's last words, a label.  Every value
 * is escaped and cut (html.h), no member has to be there or to be of its type, and the policy below
 * lets a browser run this script and no other.
 *
 * Pure: what it is given is what it shows.  Loop's thread only, as jansson's reference counts are.
 */
#ifndef HR_SIDECAR_PAGE_PAGE_H
#define HR_SIDECAR_PAGE_PAGE_H

#include "common/buf.h"

#include <jansson.h>

#define HR_PAGE_TYPE "text/html; charset=utf-8"

enum {
    HR_PAGE_MAX = 16 * 1024 * 1024, /* bytes; above what all that can be shown comes to */
    HR_PAGE_TOOLS_MAX = 256, /* of all plugins that it should be given; the rest is counted */
};

/* The value of Content-Security-Policy for the page: it names the hashes of its style and script.
 */
extern const char hr_page_policy[];

/* Append the page for these answers of /status, /plugins and /crashes; NULL or anything unexpected
 * is shown as not known.  0, or -E2BIG or -ENOMEM, and then out must not be served. */
int hr_page_render(const json_t *status, const json_t *plugins, const json_t *crashes,
                   struct hr_buf *out);

#endif
