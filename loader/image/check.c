/* SPDX-License-Identifier: MIT
 * handrail check: the command line, and the frame of its steps.  See check.h. */
#include "check.h"

#include "commands.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "limited.h"
#include "loader/cli/text.h"
#include "loader/toolhost/builtin_names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_MAX = 4 * 1024 * 1024 }; /* bytes of what a step has found */

/* ---- a step ---------------------------------------------------------------------------------- */

struct step {
    const char *name; /* for people, if it does not come to an end */
    void (*function)(struct hr_image_check *c);
    int limit_s;
};

static const struct step step_server = {"looking for the server", hr_check_server, 10};
static const struct step step_configuration = {"reading the configuration", hr_check_configuration,
                                               10};
static const struct step step_plugin = {"loading the plugin", hr_check_plugin, 45};
static const struct step step_spec = {"looking at the specification", hr_check_spec, 10};
static const struct step step_agent = {"importing the agent class", hr_check_agent,
                                       HR_CHECK_IMPORT_S + 15};
static const struct step step_container = {"looking at the container", hr_check_container, 10};

/* A container's HOME is what its image sets, and else the folder of its user's entry, or "/".  If
 * it is that of whoever checks, then no image has set it. */
static bool home_is_set(void)
{
    const char *home = getenv("HOME");
    const struct passwd *own = getpwuid(geteuid());
    return home && *home && strcmp(home, own ? own->pw_dir : "/") != 0;
}

/* "UID" or "UID:GID".  0 or -errno. */
static int read_ids(const char *text, int64_t *uid, int64_t *gid)
{
    enum { ID_MAX = UINT32_MAX - 1 }; /* the last one is no id */
    char number[24];
    size_t n = strcspn(text, ":");
    (void)snprintf(number, sizeof(number), "%.*s", (int)(n < sizeof(number) ? n : 0), text);
    int err = hr_parse_int(number, 0, ID_MAX, uid);
    return err || !text[n] ? err : hr_parse_int(text + n + 1, 0, ID_MAX, gid);
}

/* "NAME", "UID" or "UID:GID", with the HOME and the groups that a container's user has: without an
 * entry and a GID that is root's, which images for any uid (OpenShift) rely on.  0 or -errno. */
static int become_user(const char *user)
{
    int64_t uid = 0;
    int64_t gid = -1;
    bool keep_home = home_is_set();
    bool number = *user >= '0' && *user <= '9';
    int err = number ? read_ids(user, &uid, &gid) : 0;
    if (err)
        return err;
    const struct passwd *entry = number ? getpwuid((uid_t)uid) : getpwnam(user);
    if (!number && !entry)
        return -ENOENT;
    if (entry)
        uid = entry->pw_uid;
    if (gid < 0)
        gid = entry ? entry->pw_gid : 0;
    if (!keep_home)
        (void)setenv("HOME", entry ? entry->pw_dir : "/", 1);
    if (geteuid() == uid)
        return 0;
    err = entry ? initgroups(entry->pw_name, (gid_t)gid) : setgroups(0, NULL);
    if (err < 0 || setgid((gid_t)gid) < 0 || setuid((uid_t)uid) < 0)
        return -errno;
    return 0;
}

struct work {
    const struct step *step;
    struct hr_image_check *check;
};

/* In the child. */
static int do_step(void *arg)
{
    const struct work *w = arg;
    struct hr_report report;
    struct hr_image_check c = *w->check;
    hr_report_init(&report, w->check->report->command);
    c.report = &report;
    c.facts = json_copy(w->check->facts);
    int err = c.options->user ? become_user(c.options->user) : 0;
    if (err)
        hr_report_add(&report, &hr_check_rules[HR_RULE_USER], NULL, NULL, "--user=%s: %s",
                      c.options->user, err == -ENOENT ? "no user has that name" : strerror(-err));
    else
        w->step->function(&c);
    json_t *answer = json_pack("{s:o, s:o}", "findings", report.findings, "facts", c.facts);
    int bad = !answer || json_dumpf(answer, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    return bad ? HR_EXIT_SOFTWARE : 0;
}

/* What it has to say to people. */
static void print_lines(const struct hr_image_check *c, const json_t *facts)
{
    size_t i;
    json_t *line;
    json_array_foreach (json_object_get(facts, "good"), i, line) {
        if (c->report->format != HR_REPORT_TEXT)
            continue;
        (void)fputs("ok: ", stdout);
        hr_text_print(stdout, json_string_value(line));
        (void)fputc('\n', stdout);
    }
}

/* Run a step; true if it has found no error. */
static bool run(const struct step *step, struct hr_image_check *c)
{
    struct work w = {step, c};
    struct hr_buf output;
    size_t errors = c->report->errors;
    int status = 0;
    hr_buf_init(&output, ANSWER_MAX);
    int err = hr_limited_call(do_step, &w, (int64_t)1000 * step->limit_s, &output, &status);
    json_t *answer = err ? NULL : json_loadb(hr_buf_str(&output), output.len, 0, NULL);
    json_t *facts = json_object_get(answer, "facts");
    if (facts) {
        hr_report_take(c->report, json_object_get(answer, "findings"));
        print_lines(c, facts);
        (void)json_object_del(facts, "good");
        (void)json_object_update(c->facts, facts);
    } else if (err == -ETIMEDOUT) {
        hr_report_add(c->report, &hr_check_rules[HR_RULE_CHECK_SLOW], NULL, NULL,
                      "%s did not come to an end within %d s", step->name, step->limit_s);
    } else {
        hr_report_add(c->report, &hr_check_rules[HR_RULE_CHECK_FAILED], NULL, NULL,
                      "%s ended without an answer: %s (status %d)", step->name,
                      err ? strerror(-err) : "its process failed", status);
    }
    json_decref(answer);
    hr_buf_free(&output);
    return c->report->errors == errors;
}

/* ---- for the steps --------------------------------------------------------------------------- */

void hr_check_good(struct hr_image_check *c, const char *fmt, ...)
{
    char line[HR_FINDING_TEXT];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    json_t *lines = json_object_get(c->facts, "good");
    if (!lines)
        (void)json_object_set_new(c->facts, "good", lines = json_array());
    json_t *text = json_string(line);
    (void)json_array_append_new(lines, text ? text : json_string("(no UTF-8)"));
}

char **hr_check_command(const struct hr_image_check *c, char *two[2])
{
    static char name[PATH_MAX];
    if (c->options->command)
        return c->options->command;
    (void)snprintf(name, sizeof(name), "%s", hr_text_get(c->facts, "server", "agent-server"));
    two[0] = name;
    two[1] = NULL;
    return two;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool drop(const char *line, size_t n)
{
    (void)line;
    (void)n;
    return true;
}

/* Which tools there are already.  Their plugins' ids by name, in `owners`. */
static void check_tools(struct hr_image_check *c, json_t *owners)
{
    const char *id = c->config->plugins[c->plugin].id;
    size_t i;
    json_t *tool;
    json_array_foreach (json_object_get(c->facts, "tools"), i, tool) {
        const char *name = json_string_value(tool);
        const char *other = json_string_value(json_object_get(owners, name));
        if (other && strcmp(other, id) != 0)
            hr_report_add(c->report, &hr_check_rules[HR_RULE_TOOL_TWICE],
                          &(struct hr_place){.file = c->config->registry_path}, NULL,
                          "plugins %s and %s both have a tool \"%s\"", other, id, name);
        else
            (void)json_object_set_new(owners, name, json_string(id));
    }
    (void)json_object_del(c->facts, "tools");
}

/* The tools of agent_config.json that no module registers: somebody else has to have them. */
static void check_agent_tools(struct hr_image_check *c, const json_t *owners)
{
    size_t i;
    json_t *tool;
    json_array_foreach (json_object_get(c->config->agent_config, "tools"), i, tool) {
        char pointer[40];
        const char *name = json_string_value(json_object_get(tool, "name"));
        if (json_object_get(tool, "module") || hr_builtin_tool_name(name) ||
            json_object_get(owners, name))
            continue;
        (void)snprintf(pointer, sizeof(pointer), "/tools/%zu/name", i);
        hr_report_add(
            c->report, &hr_check_rules[HR_RULE_TOOL_UNKNOWN],
            &(struct hr_place){.file = c->config->agent_config_path, .pointer = pointer}, NULL,
            "no plugin has the tool \"%s\", and no module is named that registers it", name);
    }
}

static void check_plugins(struct hr_image_check *c)
{
    json_t *owners = json_object();
    bool all_known = true; /* of a plugin that did not start, the tools are not */
    for (c->plugin = 0; c->plugin < c->config->nplugins; c->plugin++) {
        (void)run(&step_plugin, c);
        all_known = json_object_get(c->facts, "tools") && all_known;
        check_tools(c, owners);
    }
    if (all_known)
        check_agent_tools(c, owners);
    json_decref(owners);
}

void hr_check_image(const struct hr_check_options *o, struct hr_report *report)
{
    static struct hr_config config;
    struct hr_image_check c = {.options = o, .report = report, .facts = json_object()};
    char *two[2];
    (void)unsetenv("HANDRAIL_SUPERVISED"); /* as it is for the container's first process */
    (void)run(&step_server, &c);
    if (run(&step_configuration, &c)) {
        hr_log_divert(drop); /* it has been read once, and everything about it said */
        int code = hr_config_load(hr_check_command(&c, two), &config);
        hr_log_divert(NULL);
        c.config = code ? NULL : &config;
    }
    if (c.config)
        check_plugins(&c);
    if (c.config && !o->root)
        (void)run(&step_agent, &c);
    if (c.config && !o->root && !o->at_build)
        (void)run(&step_container, &c);
    if (o->spec)
        (void)run(&step_spec, &c);
    if (c.config)
        hr_config_free(&config);
    json_decref(c.facts);
}

/* ---- the command line ------------------------------------------------------------------------ */

static const char help[] =
    "usage: handrail check [options] [-- CMD ARGS]\n"
    "\n"
    "Find what will go wrong in an image, before it does: at its build (handrail\n"
    "install ends with it), in CI, or in the running container.  CMD is the server's\n"
    "command there, if it is another than the server's name alone.\n"
    "\n"
    "  --user=NAME|UID[:GID]      as whom the container runs, for root to check as\n"
    "  --server=PATH              as for handrail install\n"
    "  --root=DIR                 of an image that lies there; nothing of it is run\n"
    "  --spec=FILE|-              a sandbox specification to hold it against\n"
    "  --spec-only=FILE|-         look at that file alone, and at no image\n"
    "  --build                    nothing is known of the container yet: leave out\n"
    "                             its ports, keys, folders and volumes\n"
    "  --format=text|json|sarif   of what is found\n"
    "  --strict                   warnings are errors\n"
    "\n"
    "handrail explain RULE tells more of what is found.  Exit code: 0, 1 if there are\n"
    "errors, 64 for wrong usage, 66 for a root or a specification that cannot be\n"
    "read.\n";

static int usage(const char *arg)
{
    (void)fprintf(stderr, "handrail check: unexpected argument %s; see handrail check --help\n",
                  arg);
    return HR_EXIT_USAGE;
}

/* 0; HR_EXIT_USAGE; -1: help was asked for, and given. */
static int parse(char **argv, struct hr_check_options *o, struct hr_report *report)
{
    size_t ngiven = 0;
    for (argv++; *argv; argv++) {
        const char *value = NULL;
        int ours = hr_report_option(report, *argv);
        if (ours < 0)
            return HR_EXIT_USAGE;
        if (ours > 0)
            continue;
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
            (void)fputs(help, stdout);
            return -1;
        }
        if (strcmp(*argv, "--") == 0) {
            o->command = argv[1] ? argv + 1 : NULL;
            return argv[1] ? 0 : usage("--");
        }
        if (strcmp(*argv, "--build") == 0)
            o->at_build = true;
        else if ((value = hr_report_value(*argv, "--user=")))
            o->user = value;
        else if ((value = hr_report_value(*argv, "--root=")))
            o->root = value;
        else if ((value = hr_report_value(*argv, "--spec=")))
            o->spec = value;
        else if ((value = hr_report_value(*argv, "--spec-only=")))
            o->spec_only = value;
        else if ((value = hr_report_value(*argv, "--server=")) && ngiven < HR_SITES_MAX)
            o->given[ngiven++] = value;
        else
            return usage(*argv);
    }
    return 0;
}

/* What is asked for, where the options say.  0 or an exit code. */
static int look(struct hr_check_options *o, struct hr_report *report)
{
    int code = hr_check_spec_read(o);
    if (!code)
        code = hr_root_enter("check", o->root);
    if (!code && o->spec_only)
        code = hr_check_spec_alone(o, report);
    else if (!code)
        hr_check_image(o, report);
    return code;
}

int hr_image_check(char **argv)
{
    struct hr_check_options o = {.root = NULL};
    struct hr_report report;
    hr_report_init(&report, argv[0]);
    hr_report_rules(&report, hr_check_rules, HR_NCHECK_RULES);
    int code = parse(argv, &o, &report);
    if (!code)
        code = look(&o, &report);
    if (!code)
        code = hr_report_end(&report, stdout);
    hr_buf_free(&o.spec_text);
    hr_report_free(&report);
    return code < 0 ? 0 : code;
}
