/* SPDX-License-Identifier: MIT
 * Writing HTML that no value can break out of.
 *
 * The markup is a literal format; a value goes in with %s, which escapes it.  So the safe way is
 * the only one there is, inside an element as well as in a quoted attribute. */
#ifndef HR_SIDECAR_PAGE_HTML_H
#define HR_SIDECAR_PAGE_HTML_H

#include "common/buf.h"

enum { HR_HTML_TEXT_MAX = 400 }; /* bytes of one value; the rest is an ellipsis */

struct hr_html {
    struct hr_buf *out;
    int err; /* the first failure; nothing is written after it */
};

/* Append markup.  Of printf there are %s (escaped; NULL is nothing), %lld, %d and %%. */
void hr_html(struct hr_html *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append as it is: our own style and script. */
void hr_html_verbatim(struct hr_html *h, const char *text);

#endif
