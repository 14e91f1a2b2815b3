/* SPDX-License-Identifier: MIT
 * handrail plugin check: starting, refusing and stopping, in the plugin's process as in an image.
 */
#include "check.h"
#include "common/clock.h"
#include "loader/toolhost/dispatch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static enum hr_verdict load_starts(struct hr_check *c)
{
    struct hr_run r;
    int64_t began = hr_now_us();
    if (!hr_check_start(c, -1, &r))
        return HR_CASE_FAILED;
    double ms = (double)(hr_now_us() - began) / 1000.0;
    return hr_found(c, HR_CASE_OK, "ready after %.1f ms, %zu tools, %ld KiB of memory", ms,
                    json_array_size(r.tools), hr_run_rss_kib(&r));
}

static enum hr_verdict load_quiet(struct hr_check *c)
{
    struct hr_run r;
    char line[200];
    if (!hr_check_start(c, -1, &r))
        return HR_CASE_FAILED;
    return hr_foreign_line(&r, line, sizeof(line))
               ? hr_found(c, HR_CASE_WARNED,
                          "it writes \"%.150s\": use host->log(), whose lines have a level", line)
               : HR_CASE_OK;
}

static enum hr_verdict load_twice(struct hr_check *c)
{
    struct hr_run first;
    struct hr_run second;
    if (!hr_check_start(c, -1, &first))
        return HR_CASE_FAILED;
    if (!hr_check_start(c, -1, &second))
        return HR_CASE_FAILED;
    if (hr_run_has_ended(&first))
        return hr_found(c, HR_CASE_FAILED, "the first one ended when a second one was started");
    return HR_CASE_OK;
}

/* Where members are missing that came later. */
static enum hr_verdict answered_by_old_host(struct hr_check *c, struct hr_run *r, size_t tool,
                                            const char *args)
{
    struct hr_run_event e;
    uint64_t id = 0;
    int err = hr_run_call(r, 0, (int)tool, args, strlen(args), 20 * 1000, &id);
    if (!err)
        err = hr_run_answer(r, 0, id, hr_now_ms() + HR_RUN_PATIENCE_MS, &e);
    if (!err)
        return HR_CASE_OK;
    return hr_found(c, HR_CASE_FAILED,
                    "tool \"%s\": its process ended, which it does not on a host of today: does it "
                    "call a member of the host that it has not looked for with HANDRAIL_HAS()?",
                    hr_tool_name(r, tool));
}

/* Whether the age of the host makes the difference: what fails on this one too has other causes,
 * which the cases of calls find. */
static enum hr_verdict blame_old_host(struct hr_check *c)
{
    struct hr_run r;
    struct hr_check today = *c;
    if (hr_check_start(&today, -1, &r) &&
        hr_each_tool(&today, &r, HR_SAMPLE_FULL, answered_by_old_host) != HR_CASE_FAILED)
        return HR_CASE_FAILED;
    return hr_found(c, HR_CASE_SKIPPED, "a host of today fares no better: see call-full");
}

static enum hr_verdict load_old_host(struct hr_check *c)
{
    struct hr_run r;
    const struct hr_run_options how = {.host_minor = 0};
    struct hr_why why = {{0}};
    if (hr_run_start(c->target, &how, &r, &why)) {
        if (strstr(why.text, "needs ABI"))
            return hr_found(c, HR_CASE_SKIPPED, "%s", why.text);
        return hr_barred(c, "it does not start there: ", why.text);
    }
    enum hr_verdict v = hr_each_tool(c, &r, HR_SAMPLE_FULL, answered_by_old_host);
    if (v == HR_CASE_FAILED)
        return blame_old_host(c);
    return v == HR_CASE_SKIPPED ? HR_CASE_OK : v;
}

/* A refusal of its configuration has to say why; a crash is none. */
static enum hr_verdict start_with(struct hr_check *c, const char *config)
{
    struct hr_target t = *c->target;
    const struct hr_run_options how = {.host_minor = -1};
    struct hr_run r;
    struct hr_why why = {{0}};
    t.config = json_loads(config, 0, NULL);
    if (hr_run_start(&t, &how, &r, &why) == 0)
        return HR_CASE_OK;
    if (strstr(why.text, "its process was killed") || strstr(why.text, "was not ready") ||
        strstr(why.text, "its process ended"))
        return hr_found(c, HR_CASE_FAILED, "with the configuration %s: %s", config, why.text);
    if (strstr(why.text, "it gave no reason"))
        return hr_found(
            c, HR_CASE_FAILED,
            "it refuses the configuration %s without a reason: use host->set_error() in "
            "create()",
            config);
    if (!strstr(why.text, "create() failed") && !strstr(why.text, "does not fit its config_schema"))
        return hr_barred(c, "it does not start: ", why.text);
    return HR_CASE_OK;
}

static enum hr_verdict config_empty(struct hr_check *c)
{
    return start_with(c, "{}");
}

static enum hr_verdict config_wrong(struct hr_check *c)
{
    static const char *const wrong[] = {
        "{\"handrail-check\":[1,{\"a\":null}]}",
        "{\"\":\"\",\"a\\u0001b\":1e308,\"root\":7,\"path\":[],\"timeout_ms\":\"soon\",\"max\":-1}",
    };
    enum hr_verdict v = HR_CASE_OK;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]) && v == HR_CASE_OK; i++)
        v = start_with(c, wrong[i]);
    return v;
}

/* What it says when it is asked for the first time. */
static enum hr_verdict health_answers(struct hr_check *c)
{
    struct hr_run r;
    struct hr_run_event e;
    int32_t status = 0;
    int rc = 0;
    int64_t by = hr_now_ms() + HR_RUN_START_MS + HR_HEALTH_TIMEOUT_MS + HR_GRACE_MS;
    if (!hr_check_start(c, -1, &r))
        return HR_CASE_FAILED;
    if (!json_is_true(json_object_get(r.plugin, "health")))
        return hr_found(c, HR_CASE_SKIPPED, "it has no health()");
    do
        rc = hr_run_next(&r, 0, by, &e);
    while (rc == 1 && e.frame.type != HR_FRAME_HEALTH);
    if (rc != 1 || e.frame.len < sizeof(status))
        return hr_found(c, HR_CASE_FAILED, "its process ended in health()");
    memcpy(&status, e.payload, sizeof(status));
    int n = (int)(e.frame.len - sizeof(status));
    const char *reason = e.payload + sizeof(status);
    if (status == HANDRAIL_E_TIMEOUT)
        return hr_found(c, HR_CASE_FAILED, "%.*s: look at time_left_ms()", n, reason);
    if (status == HANDRAIL_OK)
        return HR_CASE_OK;
    if (strlen(hr_status_name(status)) == (size_t)n &&
        memcmp(hr_status_name(status), reason, (size_t)n) == 0)
        return hr_found(c, HR_CASE_WARNED,
                        "it says \"%.*s\", and not why: use host->add_text() in health()", n,
                        reason);
    return hr_found(c, HR_CASE_OK, "here it says that it cannot work: %.*s", n, reason);
}

static enum hr_verdict stops(struct hr_check *c, struct hr_run *r)
{
    int64_t began = hr_now_ms();
    int status = hr_run_stop(r);
    int64_t ms = hr_now_ms() - began;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return hr_found(c, HR_CASE_FAILED, "it had to be killed: destroy() has to end soon");
    if (WIFSIGNALED(status))
        return hr_found(c, HR_CASE_FAILED, "it was killed by signal %d (%s)", WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status))
        return hr_found(c, HR_CASE_FAILED, "it ended with code %d", WEXITSTATUS(status));
    return ms > 3000 ? hr_found(c, HR_CASE_WARNED, "it took %lld ms", (long long)ms) : HR_CASE_OK;
}

static enum hr_verdict stop_idle(struct hr_check *c)
{
    struct hr_run r;
    return hr_check_start(c, -1, &r) ? stops(c, &r) : HR_CASE_FAILED;
}

static enum hr_verdict send_and_pass(struct hr_check *c, struct hr_run *r, size_t tool,
                                     const char *args)
{
    uint64_t id = 0;
    (void)c;
    (void)hr_run_call(r, 0, (int)tool, args, strlen(args), 20 * 1000, &id);
    return HR_CASE_OK;
}

static enum hr_verdict stop_busy(struct hr_check *c)
{
    struct hr_run r;
    if (!hr_check_start(c, -1, &r))
        return HR_CASE_FAILED;
    for (int i = 0; i < 8; i++) {
        enum hr_verdict v = hr_each_tool(c, &r, HR_SAMPLE_FULL, send_and_pass);
        if (v != HR_CASE_OK)
            return v;
    }
    (void)poll(NULL, 0, 5);
    c->finding[0] = '\0';
    return stops(c, &r);
}

static enum hr_verdict load_often(struct hr_check *c)
{
    for (int i = 0; i < 20; i++) {
        struct hr_run r;
        if (!hr_check_start(c, -1, &r))
            return HR_CASE_FAILED;
        enum hr_verdict v = stops(c, &r);
        if (v != HR_CASE_OK)
            return v;
        hr_run_free(&r);
    }
    return HR_CASE_OK;
}

const struct hr_case hr_cases_load[] = {
    {"load-starts", "it becomes ready", load_starts},
    {"load-quiet", "it writes nothing to standard output or error", load_quiet},
    {"load-twice", "it can run twice at the same time", load_twice},
    {"load-often", "it starts and stops 20 times in a row", load_often},
    {"load-old-host", "it runs on a host of ABI 1.0", load_old_host},
    {"config-empty", "without a configuration it starts, or says what it needs", config_empty},
    {"config-wrong", "rubbish for a configuration is refused with a reason, or ignored",
     config_wrong},
    {"health-answers", "its health() answers in time, and says what is wrong", health_answers},
    {"stop-idle", "it stops when it is asked to", stop_idle},
    {"stop-busy", "it stops in the middle of calls", stop_busy},
};
const size_t hr_ncases_load = sizeof(hr_cases_load) / sizeof(hr_cases_load[0]);
