/* SPDX-License-Identifier: MIT
 * The list of collectors.  See metrics.h. */
#include "metrics.h"

#include <assert.h>

void hr_metrics_add(struct hr_metrics *m, hr_collector *fn, void *arg)
{
    assert(m->count < HR_COLLECTORS_MAX);
    m->list[m->count].fn = fn;
    m->list[m->count].arg = arg;
    m->count++;
}

int hr_metrics_render(const struct hr_metrics *m, struct hr_buf *out)
{
    struct hr_expo e;
    hr_expo_init(&e, out);
    for (int i = 0; i < m->count; i++)
        m->list[i].fn(&e, m->list[i].arg);
    return hr_expo_finish(&e);
}
