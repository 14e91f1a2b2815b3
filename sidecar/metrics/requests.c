/* SPDX-License-Identifier: MIT
 * Requests to the health listener.  See metrics.h. */
#include "metrics.h"

#include <stddef.h>

static const char *const names[HR_NENDPOINTS] = {
    [HR_EP_STARTUPZ] = "/startupz", [HR_EP_LIVEZ] = "/livez",
    [HR_EP_READYZ] = "/readyz",     [HR_EP_WARMZ] = "/warmz",
    [HR_EP_HEALTHZ] = "/healthz",   [HR_EP_METRICS] = "/metrics",
    [HR_EP_STATUS] = "/status",     [HR_EP_PLUGINS] = "/plugins",
    [HR_EP_CRASHES] = "/crashes",   [HR_EP_PAGE] = "/",
    [HR_EP_OTHER] = "other",
};
static const char *const classes[HR_STATUS_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};

void hr_metrics_request(struct hr_metrics_requests *r, enum hr_endpoint endpoint, unsigned status)
{
    if (endpoint < HR_NENDPOINTS && status >= 100 && status < 600)
        r->count[endpoint][status / 100 - 1]++;
}

/* A series that can never count is left out; the others are there from the start, with 0. */
static int possible(enum hr_endpoint endpoint, int class)
{
    switch (class) {
    case 1: return endpoint != HR_EP_OTHER;
    case 3: return 1;
    case 4: return endpoint != HR_EP_OTHER;
    default: return 0;
    }
}

void hr_metrics_collect_requests(struct hr_expo *e, void *arg)
{
    const struct hr_metrics_requests *r = arg;
    hr_expo_family(e, "handrail_http_requests_total", "counter",
                   "Requests answered by the health listener, by endpoint and class of status.");
    for (int i = 0; i < HR_NENDPOINTS; i++)
        for (int c = 0; c < HR_STATUS_CLASSES; c++)
            if (r->count[i][c] || possible((enum hr_endpoint)i, c))
                hr_expo_sample(e, "handrail_http_requests_total", (double)r->count[i][c],
                               "endpoint", names[i], "code", classes[c], NULL);
}
