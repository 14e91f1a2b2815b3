/* SPDX-License-Identifier: MIT
 * handrail plugin bench: how fast a tool is, through its process as in an image, without HTTP. */
#include "call.h"
#include "commands.h"
#include "common/clock.h"
#include "loader/cli/text.h"
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "bench TOOL [JSON] [--calls=N] [--connections=N] [options]\n\n"
    "Call a tool again and again with the same arguments, and say how long it took.\n"
    "That is from sending a call to its answer, through the plugin's process as in an\n"
    "image.  --plugin=PLUGIN: of this one.";

struct bench {
    const struct hr_plugin_options *o;
    struct hr_run *run;
    const char *args;
    int64_t *sent_us;  /* of each call */
    int64_t *taken_us; /* likewise, in the order of their ends */
    int64_t calls, done, failed;
    uint64_t first_id;
    uint32_t timeout_ms;
    int tool;
};

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int send_one(struct bench *b, int64_t i)
{
    uint64_t id = 0;
    b->sent_us[i] = hr_now_us();
    int err = hr_run_call(b->run, 0, b->tool, b->args, strlen(b->args), b->timeout_ms, &id);
    if (i == 0)
        b->first_id = id;
    return err;
}

static void take_answer(struct bench *b, const struct hr_run_event *e)
{
    int32_t status = 0;
    uint64_t i = e->frame.id - b->first_id;
    if (e->frame.type != HR_FRAME_RESULT || i >= (uint64_t)b->calls ||
        e->frame.len < sizeof(status))
        return;
    memcpy(&status, e->payload, sizeof(status));
    b->failed += status < 0;
    b->taken_us[b->done++] = hr_now_us() - b->sent_us[i];
}

/* All calls, so many at a time.  0 or -errno. */
static int go(struct bench *b)
{
    struct hr_run_event e;
    int64_t sent = 0;
    int rc = 0;
    while (b->done < b->calls) {
        while (sent < b->calls && sent - b->done < b->o->connections)
            if ((rc = send_one(b, sent++)))
                return rc;
        rc = hr_run_next(b->run, 0, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
        if (rc != 1)
            return rc ? rc : -ETIMEDOUT;
        take_answer(b, &e);
    }
    return 0;
}

/* Processor time of the plugin's process, in us. */
static double cpu_us(const struct hr_run *r)
{
    char path[64];
    char text[1024];
    unsigned long user = 0;
    unsigned long system_time = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)r->pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f)
        (void)fclose(f);
    text[n] = '\0';
    char *at = strrchr(text, ')'); /* then field 3 follows; 14 and 15 are wanted */
    for (int i = 0; at && i < 12; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        return 0;
    user = strtoul(at, &at, 10);
    system_time = strtoul(at, NULL, 10);
    return (double)(user + system_time) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double at(const struct bench *b, double part)
{
    return (double)b->taken_us[(int64_t)((double)(b->calls - 1) * part)] / 1000.0;
}

static void report(struct bench *b, double seconds, double cpu, long before_kib)
{
    qsort(b->taken_us, (size_t)b->calls, sizeof(b->taken_us[0]), compare);
    long after_kib = hr_run_rss_kib(b->run);
    json_t *o =
        json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i}", "tool",
                  b->o->words[0], "calls", (json_int_t)b->calls, "failed", (json_int_t)b->failed,
                  "at_a_time", (json_int_t)b->o->connections, "calls_per_second",
                  (double)b->calls / seconds, "p50_ms", at(b, 0.5), "p90_ms", at(b, 0.9), "p99_ms",
                  at(b, 0.99), "max_ms", at(b, 1.0), "cpu_us_per_call", cpu / (double)b->calls,
                  "rss_kib_before", (int)before_kib, "rss_kib_after", (int)after_kib);
    if (b->o->json) {
        (void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        (void)putchar('\n');
    } else {
        (void)printf("%lld calls, %lld at a time, %lld failed: %.0f a second\n"
                     "  p50 %.3f ms   p90 %.3f ms   p99 %.3f ms   max %.3f ms\n"
                     "  processor %.1f us a call; memory %ld KiB before, %ld KiB after\n",
                     (long long)b->calls, (long long)b->o->connections, (long long)b->failed,
                     (double)b->calls / seconds, at(b, 0.5), at(b, 0.9), at(b, 0.99), at(b, 1.0),
                     cpu / (double)b->calls, before_kib, after_kib);
    }
    json_decref(o);
}

static int measure(struct bench *b)
{
    enum { WARM_UP = 100 };
    struct hr_run_event e;
    uint64_t id = 0;
    int err = 0;
    for (int i = 0; i < WARM_UP && i < b->calls && !err; i++) {
        err = hr_run_call(b->run, 0, b->tool, b->args, strlen(b->args), b->timeout_ms, &id);
        if (!err)
            err = hr_run_answer(b->run, 0, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
    }
    long before_kib = hr_run_rss_kib(b->run);
    double cpu = cpu_us(b->run);
    int64_t began = hr_now_us();
    if (!err)
        err = go(b);
    double seconds = (double)(hr_now_us() - began) / 1e6;
    if (err) {
        (void)fprintf(stderr, "handrail plugin bench: after %lld calls: %s\n", (long long)b->done,
                      err == -EPIPE ? "its process ended" : strerror(-err));
        return 1;
    }
    report(b, seconds, cpu_us(b->run) - cpu, before_kib);
    return b->failed ? 1 : 0;
}

static int bench(const struct hr_plugin_options *o, const struct hr_target *t, const char *args)
{
    const struct hr_run_options how = {.host_minor = -1, .pass_log = true};
    struct hr_run r;
    struct hr_why why = {{0}};
    struct bench b = {.o = o, .run = &r, .args = args, .calls = o->calls};
    if (hr_run_start(t, &how, &r, &why)) {
        (void)fprintf(stderr, "handrail plugin bench: %s: %s\n", t->path, why.text);
        return 1;
    }
    int code = 1;
    b.tool = hr_run_tool(&r, o->words[0]);
    b.sent_us = calloc((size_t)b.calls, sizeof(*b.sent_us));
    b.taken_us = calloc((size_t)b.calls, sizeof(*b.taken_us));
    if (b.tool < 0) {
        (void)fprintf(stderr, "handrail plugin bench: %s has no tool \"%s\"\n", t->id, o->words[0]);
    } else if (!b.sent_us || !b.taken_us) {
        (void)fprintf(stderr, "handrail plugin bench: no memory for so many calls\n");
    } else {
        const json_t *tool = json_array_get(r.tools, (size_t)b.tool);
        b.timeout_ms = hr_call_timeout(o, tool);
        code = hr_call_validate("bench", tool, args) ? 1 : measure(&b);
    }
    free(b.sent_us);
    free(b.taken_us);
    (void)hr_run_stop(&r);
    hr_run_free(&r);
    return code;
}

int hr_plugin_bench(char **argv)
{
    struct hr_plugin_options o;
    struct hr_target t;
    int code = hr_plugin_options_parse(
        argv, HR_OPT_TARGET | HR_OPT_PLUGIN | HR_OPT_TIMEOUT | HR_OPT_LOAD | HR_OPT_JSON, 2, usage,
        &o);
    if (code || o.help)
        return code;
    if (!o.words[0])
        return hr_plugin_usage(&o, "which tool?  See handrail plugin bench --help");
    code = o.plugin ? hr_target_find(&o, o.plugin, &t) : hr_target_of_tool(&o, o.words[0], &t);
    if (code)
        return code;
    code = bench(&o, &t, o.words[1] ? o.words[1] : "{}");
    hr_target_free(&t);
    return code;
}
