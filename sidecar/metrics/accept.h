/* SPDX-License-Identifier: MIT
 * What a client wants an answer to be, a scraper above all: its headers Accept and Accept-Encoding
 * (RFC 9110, 12.5).
 *
 * Prometheus 2.42 sends
 *     application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,
 *     text/plain;version=0.0.4;q=0.5, and anything else with q=0.1
 * and 3.5 the same with other weights, "escaping=allow-utf-8" and text/plain;version=1.0.0.  Our
 * names need no escaping, so that parameter and all others but version and q are passed over.  A
 * part of a header that cannot be read asks for nothing.
 */
#ifndef HR_SIDECAR_METRICS_ACCEPT_H
#define HR_SIDECAR_METRICS_ACCEPT_H

#include "common/expo.h"

#include <stdbool.h>

/* The format wanted most.  OpenMetrics only for who asks for it: people get the text that they can
 * read everywhere, and so does who accepts neither, as any answer tells more than a 406.
 * accept: NULL without such a header. */
enum hr_expo_format hr_accept_format(const char *accept);

/* Is plain text asked for, and more than JSON ("application/json" or "application/health+json")? */
bool hr_accept_text(const char *accept);

/* May the answer be compressed, and is that not wanted less than the plain one?  NULL as above. */
bool hr_accept_gzip(const char *accept_encoding);

#endif
