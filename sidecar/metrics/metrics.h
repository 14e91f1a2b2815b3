/* SPDX-License-Identifier: MIT
 * /metrics: a list of collectors, and those collectors that belong to no other part.
 * Every name starts with handrail_, in base units; a family is written by one collector only.
 *
 * Loop's thread only.
 */
#ifndef HR_SIDECAR_METRICS_METRICS_H
#define HR_SIDECAR_METRICS_METRICS_H

#include "common/board.h"
#include "common/buf.h"
#include "common/expo.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    HR_COLLECTORS_MAX = 16,
    /* Bytes of a page: four times what the longest can be, which HR_MAX_PLUGINS with as many tools
     * as there are and the longest names make (tests/unit/mcp_series.c); one plugin must not be
     * able to make all metrics disappear. */
    HR_METRICS_MAX = 16 * 1024 * 1024,
};

struct hr_metrics {
    struct {
        hr_collector *fn;
        void *arg;
    } list[HR_COLLECTORS_MAX];
    int count;
    size_t last;     /* bytes of the last page */
    bool complained; /* that a collector uses common/expo.h wrongly */
};

/* Append a collector; arg is borrowed for the life of m.  Adding more than HR_COLLECTORS_MAX is a
 * mistake of the program and asserted. */
void hr_metrics_add(struct hr_metrics *m, hr_collector *fn, void *arg);

/* The whole page, appended to out.  0, or -errno, and then out must not be served. */
int hr_metrics_render(struct hr_metrics *m, enum hr_expo_format format, struct hr_buf *out);

hr_collector hr_metrics_collect_build; /* handrail_build_info; arg is not used */

/* The services and the server, as the supervisor has them; arg is a struct hr_metrics_board. */
struct hr_metrics_board {
    const struct hr_board *board;
};
hr_collector hr_metrics_collect_board;

/* Requests to the health listener by endpoint and class of the answer. */
enum hr_endpoint {
    HR_EP_STARTUPZ,
    HR_EP_LIVEZ,
    HR_EP_READYZ,
    HR_EP_WARMZ,
    HR_EP_HEALTHZ,
    HR_EP_METRICS,
    HR_EP_STATUS,
    HR_EP_PLUGINS,
    HR_EP_CRASHES,
    HR_EP_PAGE,
    HR_EP_OTHER,
    HR_NENDPOINTS
};
enum { HR_STATUS_CLASSES = 5 }; /* 1xx to 5xx */
struct hr_metrics_requests {
    uint64_t count[HR_NENDPOINTS][HR_STATUS_CLASSES];
};
void hr_metrics_request(struct hr_metrics_requests *r, enum hr_endpoint endpoint, unsigned status);
hr_collector hr_metrics_collect_requests; /* arg is the struct hr_metrics_requests */

#endif
