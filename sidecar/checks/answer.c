/* SPDX-License-Identifier: MIT
 * What the health endpoints say, in the words of the Kubernetes API server's
 * (k8s.io/apiserver/pkg/server/healthz), with two differences: a failure is 503, not 500, and the
 * reason is told, because nothing secret is in it and its readers have no other log to look at. */
#include "registry.h"

#include <stdio.h>
#include <string.h>

enum { QUOTED_MAX = 64 }; /* bytes of a stranger's word that are repeated */

static const struct {
    const char *name;
    enum hr_gate gate;
} endpoints[] = {{"startupz", HR_GATE_STARTUP}, {"livez", HR_GATE_LIVE}, {"readyz", HR_GATE_READY}};

/* Whether `name` is to be left out.  used: marks the words that matched something. */
static bool excluded(const struct hr_checks_query *q, const char *name, bool *used)
{
    bool found = false;
    for (int i = 0; i < q->nexclude; i++) {
        if (strcmp(q->exclude[i], name) == 0) {
            used[i] = true;
            found = true;
        }
    }
    return found;
}

static void quote(struct hr_buf *out, const char *s)
{
    (void)hr_buf_addc(out, '"');
    for (size_t i = 0; s[i] && i < QUOTED_MAX; i++) {
        unsigned char ch = (unsigned char)s[i];
        if (ch == '"' || ch == '\\')
            (void)hr_buf_addf(out, "\\%c", ch);
        else if (ch < ' ' || ch > '~')
            (void)hr_buf_addf(out, "\\x%02x", ch);
        else
            (void)hr_buf_addc(out, (char)ch);
    }
    (void)hr_buf_addc(out, '"');
}

static void warn_unused(struct hr_buf *out, const struct hr_checks_query *q, const bool *used)
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
}

static unsigned answer_all(struct hr_checks *c, const char *endpoint, enum hr_gate gate,
                           const struct hr_checks_query *q, struct hr_buf *out)
{
    bool used[HR_EXCLUDES_MAX] = {false};
    bool failed = false;
    size_t start = out->len;
    for (int i = 0; i < c->count; i++) {
        char reason[HR_CHECK_REASON_MAX];
        const struct hr_check *check = &c->list[i];
        if (!(check->gates & gate))
            continue;
        if (excluded(q, check->name, used)) {
            (void)hr_buf_addf(out, "[+]%s excluded: ok\n", check->name);
        } else if (hr_check_ask(c, check, gate, reason, sizeof(reason))) {
            (void)hr_buf_addf(out, "[-]%s failed: %s\n", check->name, reason);
            failed = true;
        } else {
            (void)hr_buf_addf(out, "[+]%s ok\n", check->name);
        }
    }
    warn_unused(out, q, used);
    if (failed || q->verbose) {
        (void)hr_buf_addf(out, "%s check %s\n", endpoint, failed ? "failed" : "passed");
    } else {
        out->len = start;
        (void)hr_buf_adds(out, "ok");
    }
    return failed ? 503 : 200;
}

static unsigned answer_one(struct hr_checks *c, const char *name, enum hr_gate gate,
                           struct hr_buf *out)
{
    char reason[HR_CHECK_REASON_MAX];
    for (int i = 0; i < c->count; i++) {
        const struct hr_check *check = &c->list[i];
        /* Plugins that are not required can be looked at where they would be if they were. */
        unsigned gates = check->gates ? check->gates : HR_GATE_READY;
        if (!(gates & gate) || strcmp(check->name, name) != 0)
            continue;
        if (!hr_check_ask(c, check, gate, reason, sizeof(reason))) {
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
