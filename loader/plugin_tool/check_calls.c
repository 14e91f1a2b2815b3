/* SPDX-License-Identifier: MIT
 * handrail plugin check: calls, one and many, and those that nobody waits for any more. */
#include "check.h"
#include "common/clock.h"
#include "common/schema/schema.h"
#include "loader/toolhost/call.h"
#include "loader/toolhost/dispatch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 15 * 1000 };

/* ---- one answer ---------------------------------------------------------------------------- */

static enum hr_verdict died(struct hr_check *c, struct hr_run *r, size_t tool, int err,
                            const char *when)
{
    (void)poll(NULL, 0, 20);
    if (hr_run_has_ended(r) || err == -EPIPE) {
        char ending[HR_RUN_ENDING_MAX];
        hr_run_ending(r, ending, sizeof(ending));
        const char *log = hr_buf_str(&r->log);
        size_t n = strlen(log);
        const char *end = n > 300 ? log + n - 300 : log;
        return hr_found(c, HR_CASE_FAILED, "tool \"%s\": its process %s %s%s%s",
                        hr_tool_name(r, tool), ending, when, n ? ": " : "", end);
    }
    return hr_found(c, HR_CASE_FAILED, "tool \"%s\": no answer came %s: %s", hr_tool_name(r, tool),
                    when, strerror(-err));
}

static int32_t status_of(const struct hr_run_event *e)
{
    int32_t status = 0;
    memcpy(&status, e->payload, sizeof(status));
    return status;
}

/* The part of that kind; false if there is none. */
static bool part_of(const struct hr_run_event *e, enum hr_part_kind kind, const char **ret_data,
                    size_t *ret_len)
{
    struct hr_frame_part part;
    const char *data = NULL;
    size_t at = 0;
    while (hr_part_next(e->payload + sizeof(int32_t), e->frame.len - sizeof(int32_t), &at, &part,
                        &data) == 1)
        if (part.kind == (uint32_t)kind) {
            *ret_data = data;
            *ret_len = part.len;
            return true;
        }
    return false;
}

/* A whole call whose answer is what it must be whatever the arguments are. */
static enum hr_verdict answers(struct hr_check *c, struct hr_run *r, size_t tool, const char *args)
{
    struct hr_run_event e;
    uint64_t id = 0;
    const char *error = NULL;
    size_t n = 0;
    int err = hr_run_call(r, 0, (int)tool, args, strlen(args), TIMEOUT_MS, &id);
    if (!err)
        err = hr_run_answer(r, 0, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
    if (err)
        return died(c, r, tool, err, "in a call");
    int32_t status = status_of(&e);
    if (status == HANDRAIL_E_TIMEOUT)
        return hr_found(c, HR_CASE_WARNED, "tool \"%s\" did not answer within %d s",
                        hr_tool_name(r, tool), TIMEOUT_MS / 1000);
    const char *name = hr_status_name(status);
    bool reason = part_of(&e, HR_PART_ERROR, &error, &n) && n > 0 &&
                  !(n == strlen(name) && memcmp(error, name, n) == 0); /* the host's own word */
    if (status < 0 && !reason)
        return hr_found(
            c, HR_CASE_FAILED,
            "tool \"%s\" fails (%s) without a reason, for %.200s: use host->set_error()",
            hr_tool_name(r, tool), hr_status_name(status), args);
    return HR_CASE_OK;
}

static enum hr_verdict with(struct hr_check *c, enum hr_sample kind, hr_tool_case *f)
{
    struct hr_run r;
    return hr_check_start(c, -1, &r) ? hr_each_tool(c, &r, kind, f) : HR_CASE_FAILED;
}

static enum hr_verdict call_least(struct hr_check *c)
{
    return with(c, HR_SAMPLE_LEAST, answers);
}

static enum hr_verdict call_full(struct hr_check *c)
{
    return with(c, HR_SAMPLE_FULL, answers);
}

static enum hr_verdict call_odd(struct hr_check *c)
{
    return with(c, HR_SAMPLE_ODD, answers);
}

/* ---- what the answer holds ------------------------------------------------------------------ */

static enum hr_verdict structured(struct hr_check *c, struct hr_run *r, size_t tool,
                                  const char *args)
{
    struct hr_run_event e;
    uint64_t id = 0;
    const char *text = NULL;
    size_t n = 0;
    char why[512];
    const json_t *output = json_object_get(json_array_get(r->tools, tool), "outputSchema");
    if (!output)
        return HR_CASE_OK;
    int err = hr_run_call(r, 0, (int)tool, args, strlen(args), TIMEOUT_MS, &id);
    if (!err)
        err = hr_run_answer(r, 0, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
    if (err)
        return died(c, r, tool, err, "in a call");
    if (status_of(&e) < 0)
        return HR_CASE_OK;
    if (!part_of(&e, HR_PART_JSON, &text, &n))
        return hr_found(c, HR_CASE_FAILED,
                        "tool \"%s\" has an output schema, and no structured result: use "
                        "host->set_json()",
                        hr_tool_name(r, tool));
    struct hr_schema *schema = NULL;
    struct hr_buf errors;
    hr_buf_init(&errors, 700);
    json_t *value = json_loadb(text, n, JSON_ALLOW_NUL, NULL);
    err = hr_schema_compile(output, NULL, &schema, why, sizeof(why));
    if (!err)
        err = hr_schema_validate(schema, value, &errors);
    json_decref(value);
    hr_schema_free(schema);
    if (err)
        return hr_found(c, HR_CASE_FAILED,
                        "tool \"%s\": its result is not what its output schema says: %s",
                        hr_tool_name(r, tool), errors.len ? hr_buf_str(&errors) : why);
    return HR_CASE_OK;
}

static enum hr_verdict result_structured(struct hr_check *c)
{
    return with(c, HR_SAMPLE_FULL, structured);
}

/* ---- many ----------------------------------------------------------------------------------- */

/* n calls of all tools, so many at a time, on that many connections: each is answered once.  0, or
 * -errno of the first that was not. */
static int flood(struct hr_check *c, struct hr_run *r, int n, int connections)
{
    struct hr_run_event e;
    uint64_t ids[512];
    size_t ntools = json_array_size(r->tools);
    int sent = 0;
    for (int i = 0; i < n; i++) {
        size_t tool = (size_t)i % ntools;
        char *args = hr_check_arguments(c, r, tool, HR_SAMPLE_FULL);
        int err = args ? hr_run_call(r, i % connections, (int)tool, args, strlen(args), TIMEOUT_MS,
                                     &ids[sent])
                       : 0;
        sent += args != NULL;
        free(args);
        if (err)
            return err;
    }
    if (sent == 0)
        return -ENODATA;
    for (int k = 0; k < connections; k++) {
        int due = 0;
        for (int i = 0; i < n; i++)
            due += i % connections == k;
        for (int got = 0; got < due && sent > 0;) {
            int rc = hr_run_next(r, k, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
            if (rc != 1)
                return rc ? rc : -ETIMEDOUT;
            got += e.frame.type == HR_FRAME_RESULT;
        }
    }
    return 0;
}

static enum hr_verdict flooded(struct hr_check *c, struct hr_run *r, int err)
{
    if (err == -ENODATA)
        return hr_found(c, HR_CASE_SKIPPED,
                        "no arguments can be made up for every tool: see --args");
    return err ? died(c, r, 0, err, "among many calls") : HR_CASE_OK;
}

/* All tools must have arguments, or the counts would not be right. */
static bool has_all_arguments(const struct hr_check *c, const struct hr_run *r)
{
    for (size_t i = 0; i < json_array_size(r->tools); i++) {
        char *args = hr_check_arguments(c, r, i, HR_SAMPLE_FULL);
        if (!args)
            return false;
        free(args);
    }
    return true;
}

static enum hr_verdict call_parallel(struct hr_check *c)
{
    struct hr_run r;
    if (!hr_check_start(c, -1, &r))
        return HR_CASE_FAILED;
    return flooded(c, &r, has_all_arguments(c, &r) ? flood(c, &r, 64, 1) : -ENODATA);
}

static enum hr_verdict call_connections(struct hr_check *c)
{
    struct hr_run r;
    if (!hr_check_start(c, -1, &r))
        return HR_CASE_FAILED;
    if (!has_all_arguments(c, &r))
        return flooded(c, &r, -ENODATA);
    for (int i = 1; i < HR_RUN_CONNECTIONS; i++)
        if (hr_run_connect(&r, i))
            return hr_found(c, HR_CASE_FAILED, "a connection was refused");
    return flooded(c, &r, flood(c, &r, 64, HR_RUN_CONNECTIONS));
}

/* What its process holds after so many calls. */
struct held {
    int calls;
    long kib, fds, threads;
};

static struct held held_after(const struct hr_run *r, int calls)
{
    return (struct held){calls, hr_run_rss_kib(r), hr_run_descriptors(r), hr_run_threads(r)};
}

static long bytes_a_call(const struct held *from, const struct held *to)
{
    return (to->kib - from->kib) * 1024 / (to->calls - from->calls);
}

/* What is kept for later has an end; memory that is lost is lost in the second half as well. */
static enum hr_verdict grown(struct hr_check *c, const char *tool, const struct held *from,
                             const struct held *half, const struct held *to)
{
    enum { TOLERATED_KIB = 1024, TOLERATED_BYTES = 64 };
    const int calls = to->calls - from->calls;
    if (to->fds - from->fds > 4)
        return hr_found(c, HR_CASE_FAILED,
                        "tool \"%s\" leaves descriptors open: %ld more after %d calls", tool,
                        to->fds - from->fds, calls);
    if (to->threads - from->threads > HR_WORKERS_MAX)
        return hr_found(c, HR_CASE_FAILED,
                        "tool \"%s\" leaves threads behind: %ld more after %d calls", tool,
                        to->threads - from->threads, calls);
    if (to->kib - from->kib > TOLERATED_KIB && bytes_a_call(from, to) >= TOLERATED_BYTES &&
        bytes_a_call(half, to) >= TOLERATED_BYTES)
        return hr_found(c, HR_CASE_FAILED,
                        "tool \"%s\" takes memory with each call: %ld KiB more after %d", tool,
                        to->kib - from->kib, calls);
    return HR_CASE_OK;
}

static enum hr_verdict repeated(struct hr_check *c, struct hr_run *r, size_t tool, const char *args)
{
    enum { WARM_UP = 50, TIMES = 10000, BUDGET_MS = 8000 };
    struct hr_run_event e;
    struct held from = {0};
    struct held half = {0};
    int i = 0;
    int64_t began = hr_now_ms();
    int64_t now = began;
    for (; i < WARM_UP + TIMES && now < began + BUDGET_MS; i++, now = hr_now_ms()) {
        uint64_t id = 0;
        if (i == WARM_UP)
            from = held_after(r, i);
        else if (i > WARM_UP && !half.calls &&
                 (i == WARM_UP + TIMES / 2 || now > began + BUDGET_MS / 2))
            half = held_after(r, i);
        int err = hr_run_call(r, 0, (int)tool, args, strlen(args), TIMEOUT_MS, &id);
        if (!err)
            err = hr_run_answer(r, 0, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
        if (err)
            return died(c, r, tool, err, "when it was called again and again");
    }
    if (!half.calls) /* too slow to tell */
        return HR_CASE_OK;
    const struct held to = held_after(r, i);
    return grown(c, hr_tool_name(r, tool), &from, &half, &to);
}

static enum hr_verdict call_repeat(struct hr_check *c)
{
    return with(c, HR_SAMPLE_LEAST, repeated);
}

/* ---- nobody waits any more ------------------------------------------------------------------ */

/* After the time in which a plugin has to let go of a call, it is still there and answers. */
static enum hr_verdict lives_on(struct hr_check *c, struct hr_run *r, size_t tool, const char *args,
                                int number, const char *after)
{
    struct hr_run_event e;
    uint64_t id = 0;
    int64_t by = hr_now_ms() + HR_GRACE_MS + 500;
    while (hr_now_ms() < by && !hr_run_has_ended(r))
        (void)poll(NULL, 0, 20);
    if (hr_run_has_ended(r))
        return hr_found(c, HR_CASE_FAILED,
                        "tool \"%s\" does not let go of a call %s, so its process was ended: poll "
                        "host->cancelled() or host->cancel_fd()",
                        hr_tool_name(r, tool), after);
    int err = hr_run_call(r, number, (int)tool, args, strlen(args), TIMEOUT_MS, &id);
    if (!err)
        err = hr_run_answer(r, number, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
    return err ? died(c, r, tool, err, after) : HR_CASE_OK;
}

static enum hr_verdict cancelled(struct hr_check *c, struct hr_run *r, size_t tool,
                                 const char *args)
{
    static const int delays_ms[] = {0, 0, 1, 2, 5, 10, 20, 50};
    struct hr_run_event e;
    for (size_t i = 0; i < sizeof(delays_ms) / sizeof(delays_ms[0]); i++) {
        uint64_t id = 0;
        int err = hr_run_call(r, 0, (int)tool, args, strlen(args), TIMEOUT_MS, &id);
        (void)poll(NULL, 0, delays_ms[i]);
        if (!err)
            err = hr_run_cancel(r, 0, id);
        if (!err)
            err = hr_run_answer(r, 0, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
        if (err)
            return died(c, r, tool, err, "after a cancellation");
    }
    return lives_on(c, r, tool, args, 0, "that is cancelled");
}

static enum hr_verdict call_cancel(struct hr_check *c)
{
    return with(c, HR_SAMPLE_FULL, cancelled);
}

static enum hr_verdict late(struct hr_check *c, struct hr_run *r, size_t tool, const char *args)
{
    struct hr_run_event e;
    for (uint32_t ms = 1; ms <= 16; ms *= 2) {
        uint64_t id = 0;
        int err = hr_run_call(r, 0, (int)tool, args, strlen(args), ms, &id);
        if (!err)
            err = hr_run_answer(r, 0, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
        if (err)
            return died(c, r, tool, err, "after its deadline");
    }
    return lives_on(c, r, tool, args, 0, "whose deadline has passed");
}

static enum hr_verdict call_deadline(struct hr_check *c)
{
    return with(c, HR_SAMPLE_FULL, late);
}

static enum hr_verdict gone(struct hr_check *c, struct hr_run *r, size_t tool, const char *args)
{
    for (int i = 0; i < 5; i++) {
        uint64_t id = 0;
        if (hr_run_connect(r, 1))
            return hr_found(c, HR_CASE_FAILED, "tool \"%s\": a connection was refused",
                            hr_tool_name(r, tool));
        (void)hr_run_call(r, 1, (int)tool, args, strlen(args), TIMEOUT_MS, &id);
        hr_run_disconnect(r, 1);
    }
    return lives_on(c, r, tool, args, 0, "whose caller has gone");
}

static enum hr_verdict call_gone(struct hr_check *c)
{
    return with(c, HR_SAMPLE_FULL, gone);
}

/* ---- large ---------------------------------------------------------------------------------- */

/* The arguments with one string made a MiB long, where the schema lets it; NULL: nowhere. */
static char *enlarged(const json_t *schema, const char *args)
{
    enum { LARGE = 1024 * 1024 };
    struct hr_schema *compiled = NULL;
    const char *name = NULL;
    json_t *value = NULL;
    char *text = NULL;
    json_t *o = json_loads(args, JSON_ALLOW_NUL, NULL);
    char *filler = malloc(LARGE);
    if (filler)
        memset(filler, 'x', LARGE);
    if (filler && hr_schema_compile(schema, NULL, &compiled, NULL, 0) == 0) {
        json_object_foreach (o, name, value) {
            json_t *copy = text || !json_is_string(value) ? NULL : json_copy(o);
            (void)json_object_set_new(copy, name, json_stringn(filler, LARGE));
            if (copy && hr_schema_validate(compiled, copy, NULL) == 0)
                text = json_dumps(copy, JSON_COMPACT);
            json_decref(copy);
        }
    }
    hr_schema_free(compiled);
    json_decref(o);
    free(filler);
    return text;
}

static enum hr_verdict large(struct hr_check *c, struct hr_run *r, size_t tool, const char *args)
{
    char *text = enlarged(json_object_get(json_array_get(r->tools, tool), "inputSchema"), args);
    enum hr_verdict v = text ? answers(c, r, tool, text) : HR_CASE_OK;
    free(text);
    return v;
}

static enum hr_verdict call_large(struct hr_check *c)
{
    return with(c, HR_SAMPLE_FULL, large);
}

/* ---- what its flags promise ----------------------------------------------------------------- */

static enum hr_verdict twice(struct hr_check *c, struct hr_run *r, size_t tool, const char *args)
{
    int32_t status[2] = {0, 0};
    const json_t *notes = json_object_get(json_array_get(r->tools, tool), "annotations");
    if (!json_is_true(json_object_get(notes, "idempotentHint")) &&
        !json_is_true(json_object_get(notes, "readOnlyHint")))
        return HR_CASE_OK;
    for (int i = 0; i < 2; i++) {
        struct hr_run_event e;
        uint64_t id = 0;
        int err = hr_run_call(r, 0, (int)tool, args, strlen(args), TIMEOUT_MS, &id);
        if (!err)
            err = hr_run_answer(r, 0, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
        if (err)
            return died(c, r, tool, err, "in a call");
        status[i] = status_of(&e);
    }
    if (status[0] != status[1])
        return hr_found(c, HR_CASE_FAILED,
                        "tool \"%s\" says that a second call changes nothing, and answers %s after "
                        "%s",
                        hr_tool_name(r, tool), hr_status_name(status[1]),
                        hr_status_name(status[0]));
    return HR_CASE_OK;
}

static enum hr_verdict call_twice(struct hr_check *c)
{
    return with(c, HR_SAMPLE_FULL, twice);
}

static enum hr_verdict call_quiet(struct hr_check *c)
{
    struct hr_run r;
    char line[200];
    if (!hr_check_start(c, -1, &r))
        return HR_CASE_FAILED;
    enum hr_verdict v = hr_each_tool(c, &r, HR_SAMPLE_FULL, answers);
    if (v != HR_CASE_OK)
        return v;
    return hr_foreign_line(&r, line, sizeof(line))
               ? hr_found(c, HR_CASE_WARNED, "it writes \"%.150s\": use host->log()", line)
               : HR_CASE_OK;
}

const struct hr_case hr_cases_calls[] = {
    {"call-least", "each tool answers, given no more than it requires", call_least},
    {"call-full", "each tool answers, given all that it takes", call_full},
    {"call-odd", "odd text and extreme numbers do no harm", call_odd},
    {"call-large", "a MiB of text does no harm", call_large},
    {"call-twice", "what is read-only or idempotent answers the same twice", call_twice},
    {"call-quiet", "calls write nothing to standard output or error", call_quiet},
    {"call-repeat", "calls leave no memory, descriptors or threads behind", call_repeat},
    {"call-parallel", "64 calls at a time are answered", call_parallel},
    {"call-connections", "calls of several connections are answered", call_connections},
    {"call-cancel", "a call that is cancelled ends", call_cancel},
    {"call-deadline", "a call whose deadline passes ends", call_deadline},
    {"call-gone", "a call whose caller has gone ends", call_gone},
    {"result-structured", "structured results are what the output schemas say", result_structured},
};
const size_t hr_ncases_calls = sizeof(hr_cases_calls) / sizeof(hr_cases_calls[0]);
