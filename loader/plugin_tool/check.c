/* SPDX-License-Identifier: MIT
 * handrail plugin check: choosing cases, running each in its own process, and the report. */
#include "check.h"

#include "call.h"
#include "commands.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/json_text.h"
#include "common/log.h"
#include "loader/cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
    "check PLUGIN [--args=TOOL=JSON ...] [options]\n\n"
    "Try everything that a host may do to a plugin, each case in a process of its\n"
    "own, confined as in an image, but without anything that it may write unless\n"
    "--confinement grants it.  Arguments are made up from the schemas; --args gives\n"
    "better ones.\n"
    "Exit code: 1 if a case failed.";

enum { STEP_LIMIT_MS = 60 * 1000 };

static const struct {
    const struct hr_case *cases;
    const size_t *n;
} groups[] = {
    {hr_cases_file, &hr_ncases_file},     {hr_cases_load, &hr_ncases_load},
    {hr_cases_inside, &hr_ncases_inside}, {hr_cases_calls, &hr_ncases_calls},
    {hr_cases_phase, &hr_ncases_phase},
};

/* What a case's process sends back. */
struct answer {
    enum hr_verdict verdict;
    size_t bar; /* as in struct hr_check */
    char finding[HR_FINDING_MAX];
};

/* What bars cases, and the first of them. */
struct bar {
    const char *name; /* NULL: nothing yet */
    char why[HR_FINDING_MAX];
    unsigned barred;
};

/* ---- for the cases ------------------------------------------------------------------------- */

enum hr_verdict hr_found(struct hr_check *c, enum hr_verdict verdict, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(c->finding, sizeof(c->finding), fmt, ap);
    va_end(ap);
    c->bar = 0;
    return verdict;
}

enum hr_verdict hr_barred(struct hr_check *c, const char *before, const char *why)
{
    (void)hr_found(c, HR_CASE_FAILED, "%s%s", before, why);
    c->bar = strlen(before) + 1;
    return HR_CASE_FAILED;
}

void hr_goes_on(const struct hr_check *c)
{
    static const struct answer a = {.verdict = HR_CASE_GOES_ON};
    (void)hr_write_all(c->out, &a, sizeof(a));
}

bool hr_foreign_line(struct hr_run *r, char *line, size_t size)
{
    hr_run_drain(r);
    const char *p = hr_buf_str(&r->log);
    while (*p) {
        size_t n = strcspn(p, "\n");
        (void)snprintf(line, size, "%.*s", (int)(n < size ? n : size - 1), p);
        if (!strstr(line, " handrail-toolhost["))
            return true;
        p += n + (p[n] == '\n');
    }
    return false;
}

bool hr_check_start(struct hr_check *c, int host_minor, struct hr_run *r)
{
    const struct hr_run_options how = {.host_minor = host_minor};
    struct hr_why why = {{0}};
    hr_goes_on(c);
    if (hr_run_start(c->target, &how, r, &why) == 0)
        return true;
    (void)hr_barred(c, "it does not start: ", why.text);
    return false;
}

const char *hr_tool_name(const struct hr_run *r, size_t tool)
{
    const char *s = json_string_value(json_object_get(json_array_get(r->tools, tool), "name"));
    return s ? s : "?";
}

char *hr_check_arguments(const struct hr_check *c, const struct hr_run *r, size_t tool,
                         enum hr_sample kind)
{
    const char *name = hr_tool_name(r, tool);
    size_t n = strlen(name);
    for (size_t i = 0; c->options->given[i] && kind != HR_SAMPLE_ODD; i++)
        if (strncmp(c->options->given[i], name, n) == 0 && c->options->given[i][n] == '=')
            return strdup(c->options->given[i] + n + 1);
    json_t *v = hr_sample(json_object_get(json_array_get(r->tools, tool), "inputSchema"), kind);
    char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
    json_decref(v);
    return text;
}

/* Are the arguments that the author gave for tools of r, and what those accept?  What a host would
 * never hand on must not be blamed on the plugin. */
static bool given_are_right(struct hr_check *c, const struct hr_run *r)
{
    bool right = true;
    for (const char *const *given = c->options->given; *given && right; given++) {
        char name[65] = "";
        struct hr_buf why;
        size_t n = strcspn(*given, "=");
        hr_buf_init(&why, HR_FINDING_MAX);
        if (n < sizeof(name))
            (void)snprintf(name, sizeof(name), "%.*s", (int)n, *given);
        int tool = hr_run_tool(r, name);
        if (tool < 0 || !(*given)[n]) {
            right = false;
            (void)hr_buf_adds(&why, "expected TOOL=JSON, with a tool of this plugin");
        } else {
            right =
                hr_call_accepted(json_array_get(r->tools, (size_t)tool), *given + n + 1, &why) == 0;
        }
        if (!right)
            (void)hr_found(c, HR_CASE_FAILED, "--args=%.200s: %s", *given, hr_buf_str(&why));
        hr_buf_free(&why);
    }
    return right;
}

enum hr_verdict hr_each_tool(struct hr_check *c, struct hr_run *r, enum hr_sample kind,
                             hr_tool_case *f)
{
    enum hr_verdict verdict = HR_CASE_OK;
    size_t tried = 0;
    size_t without = 0;
    char names[256] = "";
    if (!given_are_right(c, r))
        return HR_CASE_FAILED;
    for (size_t i = 0; i < json_array_size(r->tools) && verdict == HR_CASE_OK; i++) {
        char *args = hr_check_arguments(c, r, i, kind);
        hr_goes_on(c);
        if (args) {
            verdict = f(c, r, i, args);
            tried++;
        } else if (strlen(names) + strlen(hr_tool_name(r, i)) + 3 < sizeof(names)) {
            (void)snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
                           without++ ? ", " : "", hr_tool_name(r, i));
        }
        free(args);
    }
    if (verdict == HR_CASE_OK && (tried == 0 || without))
        return hr_found(c, tried ? HR_CASE_OK : HR_CASE_SKIPPED,
                        "no arguments can be made up for %s: give some with --args, or put "
                        "\"examples\" into the schema",
                        names);
    return verdict;
}

/* ---- running ------------------------------------------------------------------------------- */

/* The process of a case, which ends with ours: its group gets no signal from the terminal. */
_Noreturn static void run_here(const struct hr_case *one, struct hr_check *c, int out, pid_t parent)
{
    struct answer a = {.verdict = HR_CASE_FAILED};
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(HR_EXIT_OSERR);
    hr_log_init("handrail-plugin", HR_LOG_NONE);
    c->finding[0] = '\0';
    c->out = out;
    a.verdict = one->function(c);
    a.bar = c->bar;
    memcpy(a.finding, c->finding, sizeof(a.finding));
    _exit(hr_write_all(out, &a, sizeof(a)) ? 1 : 0);
}

/* How a case's process ended that gave no answer. */
static void explain(int status, bool late, struct answer *a)
{
    a->verdict = HR_CASE_FAILED;
    if (late)
        (void)snprintf(a->finding, sizeof(a->finding), "it did not come to an end within %d s",
                       STEP_LIMIT_MS / 1000);
    else if (WIFSIGNALED(status))
        (void)snprintf(a->finding, sizeof(a->finding), "the process was killed by signal %d (%s)",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)snprintf(a->finding, sizeof(a->finding),
                       "the process was ended with code %d: by an exit() of the plugin's?",
                       WEXITSTATUS(status));
}

/* Wait for its answer, as long as it goes on.  0; -ETIMEDOUT, or -EPIPE if it ended without. */
static int read_answer(int fd, struct answer *a)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    do {
        if (poll(&ready, 1, STEP_LIMIT_MS) == 0)
            return -ETIMEDOUT;
        if (read(fd, a, sizeof(*a)) != sizeof(*a)) /* less than PIPE_BUF: whole or not at all */
            return -EPIPE;
    } while (a->verdict == HR_CASE_GOES_ON);
    return 0;
}

static int run_case(const struct hr_case *one, struct hr_check *c, struct answer *a)
{
    int p[2] = {-1, -1};
    int status = 0;
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    (void)fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        hr_close(&p[0]);
        run_here(one, c, p[1], parent);
    }
    if (pid < 0) {
        int err = -errno;
        hr_close(&p[0]);
        hr_close(&p[1]);
        return err;
    }
    (void)setpgid(pid, pid);
    hr_close(&p[1]);
    int err = read_answer(p[0], a);
    (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    hr_close(&p[0]);
    if (err)
        explain(status, err == -ETIMEDOUT, a);
    return 0;
}

/* Say once what bars cases.  true: this one is barred by it. */
static bool say_once(const struct hr_case *one, struct answer *a, struct bar *first)
{
    if (a->verdict != HR_CASE_FAILED || !a->bar)
        return false;
    const char *why = a->finding + a->bar - 1;
    if (!first->name) {
        first->name = one->name;
        (void)snprintf(first->why, sizeof(first->why), "%s", why);
    } else if (strcmp(first->why, why) == 0) {
        a->verdict = HR_CASE_SKIPPED;
        (void)snprintf(a->finding, sizeof(a->finding), "it cannot be tried: see %s", first->name);
        first->barred++;
        return true;
    }
    return false;
}

static const char *word(enum hr_verdict v)
{
    static const char *const words[] = {"ok", "FAILED", "warning", "skipped"};
    return words[v];
}

static void report(const struct hr_case *one, const struct answer *a, bool json)
{
    if (json) {
        json_t *o =
            json_pack("{s:s, s:s, s:s, s:o}", "case", one->name, "verdict", word(a->verdict),
                      "what", one->what, "finding", hr_json_text(a->finding, strlen(a->finding)));
        (void)json_dumpf(o, stdout, JSON_COMPACT);
        json_decref(o);
    } else {
        (void)printf("%-8s %-22s %s", word(a->verdict), one->name, one->what);
        if (a->finding[0]) {
            (void)fputs("\n         ", stdout);
            hr_text_print(stdout, a->finding);
        }
    }
    (void)putchar('\n');
    (void)fflush(stdout);
}

static int for_each(const struct hr_plugin_options *o, struct hr_check *c)
{
    unsigned counts[4] = {0};
    struct bar first = {.name = NULL};
    for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
        for (size_t i = 0; i < *groups[g].n; i++) {
            const struct hr_case *one = &groups[g].cases[i];
            struct answer a = {.verdict = HR_CASE_FAILED};
            if (o->only && !strstr(one->name, o->only))
                continue;
            if (o->list) {
                (void)printf("%-22s %s\n", one->name, one->what);
                continue;
            }
            int err = run_case(one, c, &a);
            if (err)
                (void)snprintf(a.finding, sizeof(a.finding), "no process for it: %s",
                               strerror(-err));
            bool barred = say_once(one, &a, &first);
            counts[a.verdict]++;
            if (o->json || !barred)
                report(one, &a, o->json);
        }
    }
    if (o->list)
        return 0;
    if (!o->json)
        (void)printf("%u passed, %u failed, %u warnings, %u skipped\n", counts[HR_CASE_OK],
                     counts[HR_CASE_FAILED], counts[HR_CASE_WARNED], counts[HR_CASE_SKIPPED]);
    if (!o->json && first.barred)
        (void)printf("mend %s first: %u cases cannot be tried before\n", first.name, first.barred);
    if (counts[HR_CASE_OK] + counts[HR_CASE_WARNED] + counts[HR_CASE_SKIPPED] +
            counts[HR_CASE_FAILED] ==
        0)
        return hr_plugin_usage(o, "no case has \"%s\" in its name: see --list",
                               o->only ? o->only : "");
    return counts[HR_CASE_FAILED] ? 1 : 0;
}

int hr_plugin_check_all(char **argv)
{
    struct hr_plugin_options o;
    struct hr_target t = {.path = NULL};
    struct hr_check c = {.options = &o, .target = &t};
    int code =
        hr_plugin_options_parse(argv, HR_OPT_TARGET | HR_OPT_CHECK | HR_OPT_JSON, 1, usage, &o);
    if (code || o.help)
        return code;
    if (o.list)
        return for_each(&o, &c);
    if (!o.words[0])
        return hr_plugin_usage(&o, "which plugin?  See handrail plugin check --help");
    code = hr_target_find(&o, o.words[0], &t);
    if (code)
        return code;
    if (!o.confinement)
        (void)json_object_set_new(t.confinement, "write", json_array());
    code = for_each(&o, &c);
    hr_target_free(&t);
    return code;
}
