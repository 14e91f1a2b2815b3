/* SPDX-License-Identifier: MIT
 * The list of collectors.  See metrics.h. */
#include "metrics.h"

#include "common/log.h"

#include <assert.h>

void hr_metrics_add(struct hr_metrics *m, hr_collector *fn, void *arg)
{
    assert(m->count < HR_COLLECTORS_MAX);
    m->list[m->count].fn = fn;
    m->list[m->count].arg = arg;
    m->count++;
}

int hr_metrics_render(struct hr_metrics *m, enum hr_expo_format format, struct hr_buf *out)
{
    struct hr_expo e;
    size_t before = out->len;
    (void)hr_buf_reserve(out, m->last + m->last / 8); /* most pages are as long as the one before */
    hr_expo_init_as(&e, out, format);
    for (int i = 0; i < m->count; i++)
        m->list[i].fn(&e, m->list[i].arg);
    int err = hr_expo_finish(&e);
    m->last = err ? 0 : out->len - before;
    if (e.misuse && !m->complained) {
        m->complained = true;
        hr_error("metrics: %s is not written as its type wants it, or twice: parts of it are "
                 "left out; this is a mistake in handrail",
                 e.misuse);
    }
    return err;
}

void hr_metrics_collect_build(struct hr_expo *e, void *arg)
{
    (void)arg;
    hr_expo_family(e, "handrail_build_info", "info", "Always 1; the version is in the label.");
    hr_expo_sample(e, "handrail_build_info", 1, "version", HR_VERSION, NULL);
}
