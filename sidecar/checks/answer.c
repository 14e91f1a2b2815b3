/* SPDX-License-Identifier: MIT
 * What the health endpoints say, byte for byte in the words of the Kubernetes API server's
 * (k8s.io/apiserver/pkg/server/healthz), with one difference: a failure is 503, not 500, and tells
 * its reason instead of "reason withheld", because nothing secret is in it and its readers have no
 * other log to look at. */
#include "registry.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned gate; /* bit of enum hr_gate; 0: every one that the check is part of */
} endpoints[] = {{"startupz", HR_GATE_STARTUP},
                 {"livez", HR_GATE_LIVE},
                 {"readyz", HR_GATE_READY},
                 {"healthz", 0}};

/* Where name is in the sorted list, or where it would be. */
static int find_exclude(const struct hr_checks_query *q, const char *name, bool *ret_found)
{
    int low = 0;
    int high = q->nexclude;
    *ret_found = false;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(q->exclude[middle], name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void hr_checks_exclude(struct hr_checks_query *q, const char *name)
{
    bool found = false;
    int at = find_exclude(q, name, &found);
    if (found)
        return;
    if (q->nexclude == HR_EXCLUDES_MAX) {
        q->ignored++;
        return;
    }
    memmove(&q->exclude[at + 1], &q->exclude[at],
            (size_t)(q->nexclude - at) * sizeof(q->exclude[0]));
    q->exclude[at] = name;
    q->nexclude++;
}

bool hr_checks_excluded(const struct hr_checks_query *q, const char *name,
                        bool used[HR_EXCLUDES_MAX])
{
    bool found = false;
    int at = find_exclude(q, name, &found);
    if (found)
        used[at] = true;
    return found;
}

/* As Go's %q, but that what is not ASCII is shown byte by byte: it cannot be the name of a check,
 * and may do anything to a terminal. */
static void quote(struct hr_buf *out, const char *s)
{
    static const char special[] = "\"\\\a\b\f\n\r\t\v";
    static const char letters[] = "\"\\abfnrtv";
    (void)hr_buf_addc(out, '"');
    for (; *s; s++) {
        const char *known = strchr(special, *s);
        if (known)
            (void)hr_buf_addf(out, "\\%c", letters[known - special]);
        else if (*s < ' ' || *s > '~')
            (void)hr_buf_addf(out, "\\x%02x", (unsigned)(unsigned char)*s);
        else
            (void)hr_buf_addc(out, *s);
    }
    (void)hr_buf_addc(out, '"');
}

void hr_checks_warn_unused(struct hr_buf *out, const struct hr_checks_query *q,
                           const bool used[HR_EXCLUDES_MAX])
{
    bool any = false;
    for (int i = 0; i < q->nexclude; i++) {
        if (used[i])
            continue;
        (void)hr_buf_adds(
            out, any ? "," : "warn: some health checks cannot be excluded: no matches for ");
        quote(out, q->exclude[i]);
        any = true;
    }
    if (any)
        (void)hr_buf_addc(out, '\n');
    if (q->ignored)
        (void)hr_buf_addf(out,
                          "warn: %u more of exclude were not looked at: there are %d at most\n",
                          q->ignored, HR_EXCLUDES_MAX);
}

/* One check as that endpoint has it; all of its own endpoints for gate 0. */
static int ask(struct hr_checks *c, const struct hr_check *check, unsigned gate, char *reason,
               size_t size)
{
    if (gate || !check->gates)
        return hr_check_ask(c, check, gate, reason, size);
    int err = 0;
    for (unsigned bit = 1; !err && bit <= check->gates; bit <<= 1)
        if (check->gates & bit)
            err = hr_check_ask(c, check, bit, reason, size);
    return err;
}

_Static_assert((int)HR_EXCLUDES_MAX >= (int)HR_CHECKS_MAX, "every check can be excluded");

/* Without printf: this is most of what a probe costs that is not the kernel's. */
static void add_line(struct hr_buf *out, const char *before, const char *name, const char *after)
{
    (void)hr_buf_adds(out, before);
    (void)hr_buf_adds(out, name);
    (void)hr_buf_adds(out, after);
}

static unsigned answer_all(struct hr_checks *c, const char *endpoint, unsigned gate,
                           const struct hr_checks_query *q, struct hr_buf *out)
{
    bool used[HR_EXCLUDES_MAX] = {false};
    bool failed = false;
    size_t start = out->len;
    for (int i = 0; i < c->count; i++) {
        char reason[HR_CHECK_REASON_MAX];
        const struct hr_check *check = &c->list[i];
        if (!(gate ? check->gates & gate : check->gates))
            continue;
        if (hr_checks_excluded(q, check->name, used)) {
            add_line(out, "[+]", check->name, " excluded: ok\n");
        } else if (ask(c, check, gate, reason, sizeof(reason))) {
            (void)hr_buf_addf(out, "[-]%s failed: %s\n", check->name, reason);
            failed = true;
        } else {
            add_line(out, "[+]", check->name, " ok\n");
        }
    }
    hr_checks_warn_unused(out, q, used);
    if (failed || q->verbose) {
        (void)hr_buf_addf(out, "%s check %s\n", endpoint, failed ? "failed" : "passed");
    } else {
        out->len = start;
        (void)hr_buf_adds(out, "ok");
    }
    return failed ? 503 : 200;
}

static unsigned answer_one(struct hr_checks *c, const char *name, unsigned gate, struct hr_buf *out)
{
    char reason[HR_CHECK_REASON_MAX];
    for (int i = 0; i < c->count; i++) {
        const struct hr_check *check = &c->list[i];
        /* Plugins that are not required can be looked at where they would be if they were. */
        unsigned gates = check->gates ? check->gates : HR_GATE_READY;
        if ((gate && !(gates & gate)) || strcmp(check->name, name) != 0)
            continue;
        if (!ask(c, check, gate, reason, sizeof(reason))) {
            (void)hr_buf_adds(out, "ok");
            return 200;
        }
        (void)hr_buf_addf(out, "internal server error: %s\n", reason);
        return 503;
    }
    return 404;
}

unsigned hr_checks_answer(struct hr_checks *c, const char *path, const struct hr_checks_query *q,
                          struct hr_buf *out)
{
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        const char *name = endpoints[i].name;
        size_t n = strlen(name);
        if (path[0] != '/' || strncmp(path + 1, name, n) != 0)
            continue;
        const char *rest = path + 1 + n;
        if (!*rest)
            return answer_all(c, name, endpoints[i].gate, q, out);
        if (*rest == '/')
            return answer_one(c, rest + 1, endpoints[i].gate, out);
    }
    return 404;
}
