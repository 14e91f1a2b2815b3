/* SPDX-License-Identifier: MIT
 * The table of settings.  See settings.h. */
#include "settings.h"

#include "common/handoff.h"
#include "common/log.h"
#include "config_file.h"
#include "server_command.h"
#include "setting_value.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOG_RATE_MAX = 1000 * 1000, /* lines a second */
    GRACE_MCP_MS = 5 * 1000,    /* clients wait for a server's end, and for no longer */
};

#define SEC(n) ((n)*INT64_C(1000)) /* in milliseconds */
#define DAY    SEC(INT64_C(86400))

// NOLINTBEGIN(bugprone-macro-parentheses): members and pieces of strings stand without them
#define NAMES(name, NAME) .option = (name), .variable = "HANDRAIL_" NAME
#define SECONDS(least, normal)                                                                     \
    .type = HR_SETTING_SECONDS, .value = "SECONDS", .min = (least), .max = DAY, .fallback = (normal)
#define COUNT(word, least, most, normal)                                                           \
    .type = HR_SETTING_COUNT, .value = (word), .min = (least), .max = (most), .fallback = (normal)
#define SWITCH(normal)        .type = HR_SETTING_SWITCH, .value = "off|on", .fallback = (normal)
#define CHOICE(words, normal) .type = HR_SETTING_CHOICE, .value = (words), .fallback = (normal)
#define PATH(word, normal)    .type = HR_SETTING_PATH, .value = (word), .fallback_text = (normal)
#define URL                   .type = HR_SETTING_URL, .value = "URL"
#define ADDRESS(normal)       .type = HR_SETTING_ADDRESS, .value = "ADDR:PORT", .fallback_text = (normal)
#define AT(member)                                                                                 \
    .offset = offsetof(struct hr_config, member), .size = sizeof(((struct hr_config *)0)->member)

/* The nine settings of one kind of process.  cap, failures, start, stop: what differs. */
#define SERVICE(name, NAME, in, member, cap, failures, start, stop)                                \
    {NAMES(name "restart", NAME "RESTART"),                                                        \
     .group = (in),                                                                                \
     .live = true,                                                                                 \
     CHOICE("never|on-failure|always", HR_RESTART_ON_FAILURE),                                     \
     AT(member.restart),                                                                           \
     .help = "start it again? not with --no-sidecar"},                                             \
        {NAMES(name "backoff", NAME "BACKOFF"),                                                    \
         .group = (in),                                                                            \
         .live = true,                                                                             \
         SECONDS(1, 500),                                                                          \
         AT(member.backoff_ms),                                                                    \
         .help = "delay of a restart; it doubles each time"},                                      \
        {NAMES(name "backoff-max", NAME "BACKOFF_MAX"),                                            \
         .group = (in),                                                                            \
         .live = true,                                                                             \
         SECONDS(1, cap),                                                                          \
         AT(member.backoff_max_ms),                                                                \
         .help = "the longest delay of a restart"},                                                \
        {NAMES(name "stable", NAME "STABLE"),                                                      \
         .group = (in),                                                                            \
         .live = true,                                                                             \
         SECONDS(0, SEC(10)),                                                                      \
         AT(member.stable_ms),                                                                     \
         .help = "up for this long: the first restart is at once"},                                \
        {NAMES(name "backoff-reset", NAME "BACKOFF_RESET"),                                        \
         .group = (in),                                                                            \
         .live = true,                                                                             \
         SECONDS(0, SEC(30)),                                                                      \
         AT(member.backoff_reset_ms),                                                              \
         .help = "up for this long: the doubling starts over"},                                    \
        {NAMES(name "budget", NAME "BUDGET"),                                                      \
         .group = (in),                                                                            \
         .live = true,                                                                             \
         COUNT("N", 0, HR_BUDGET_MAX, failures),                                                   \
         AT(member.budget),                                                                        \
         .help = "failures before it is given up; 0: never"},                                      \
        {NAMES(name "budget-window", NAME "BUDGET_WINDOW"),                                        \
         .group = (in),                                                                            \
         .live = true,                                                                             \
         SECONDS(SEC(1), SEC(600)),                                                                \
         AT(member.budget_window_ms),                                                              \
         .help = "the time within which they count"},                                              \
        {NAMES(name "start-timeout", NAME "START_TIMEOUT"),                                        \
         .group = (in),                                                                            \
         .live = true,                                                                             \
         SECONDS(0, start),                                                                        \
         AT(member.start_timeout_ms),                                                              \
         .help = "not ready by then: killed; 0: no limit"},                                        \
    {                                                                                              \
        NAMES(name "stop-timeout", NAME "STOP_TIMEOUT"),                                           \
            .group = (in), .live = true, SECONDS(0, stop), AT(member.stop_timeout_ms),             \
            .help = "not gone by then: killed; 0: only by --grace"                                 \
    }

// NOLINTEND(bugprone-macro-parentheses)

const struct hr_setting hr_settings[] = {
    {NAMES("sidecar", "SIDECAR"), .group = HR_GROUP_MODE, SWITCH(1), AT(sidecar),
     .help = "off: a plain init, no health port, no tools"},
    {NAMES("config-dir", "CONFIG_DIR"), .group = HR_GROUP_MODE, PATH("DIR", "/app/config"),
     AT(config_dir), .help = "where the two JSON files are"},
    {NAMES("registry", "REGISTRY"), .group = HR_GROUP_MODE, PATH("FILE", NULL), AT(registry),
     .help = "the tool registry itself"},
    {NAMES("helper", "HELPER"), .group = HR_GROUP_MODE, SWITCH(1), AT(helper),
     .help = "the server imports our handrail_agent.py"},
    {NAMES("agent-port", "AGENT_PORT"), .group = HR_GROUP_MODE,
     COUNT("PORT", 1, 65535, HR_SERVER_PORT), AT(agent_port),
     .help = "the agent-server's; default: its --port"},
    {NAMES("health-addr", "HEALTH_ADDR"), .group = HR_GROUP_MODE, ADDRESS("0.0.0.0:60010"),
     AT(health), .help = "probes, metrics, status"},
    {NAMES("mcp-addr", "MCP_ADDR"), .group = HR_GROUP_MODE, ADDRESS("127.0.0.1:60011"), AT(mcp),
     .help = "native tools; a loopback address"},

    SERVICE("", "", HR_GROUP_RESTART, server, SEC(30), 10, 0, 0),
    {NAMES("on-give-up", "ON_GIVE_UP"), .live = true, .group = HR_GROUP_RESTART,
     CHOICE("exit|stay", 0), AT(stay), .help = "when it is given up; stay: /livez fails"},
    {NAMES("cleanup", "CLEANUP"), .live = true, .group = HR_GROUP_RESTART,
     CHOICE("none|known|all", HR_CLEANUP_KNOWN), AT(cleanup),
     .help = "what it left is ended before its next start"},

    {NAMES("grace", "GRACE"), .live = true, .group = HR_GROUP_STOP, SECONDS(0, SEC(25)),
     AT(grace_ms), .help = "budget of a stop; 0 (--no-sidecar): no limit"},
    {NAMES("pause-timeout", "PAUSE_TIMEOUT"), .live = true, .group = HR_GROUP_STOP,
     SECONDS(0, SEC(5)), AT(pause_ms), .help = "for the server to prepare; 0: not asked"},
    {NAMES("group", "GROUP"), .live = true, .letter = 'g', .group = HR_GROUP_STOP, SWITCH(0),
     AT(group_signals), .help = "signals go to its whole process group"},
    {NAMES("rewrite", "REWRITE"), .live = true, .letter = 'r', .group = HR_GROUP_STOP,
     .type = HR_SETTING_REWRITE, .value = "A:B", AT(rewrite),
     .help = "pass on signal A as B, 0 drops it; may be repeated"},
    {NAMES("success-code", "SUCCESS_CODE"), .live = true, .letter = 'e', .group = HR_GROUP_STOP,
     .type = HR_SETTING_CODES, .value = "CODE", AT(success_codes),
     .help = "an exit code that becomes 0; may be repeated"},

    {NAMES("watchdog-soft", "WATCHDOG_SOFT"), .live = true, .group = HR_GROUP_WATCH,
     SECONDS(0, SEC(5)), AT(watchdog_soft_ms),
     .help = "the server's loop lags this much: a warning"},
    {NAMES("watchdog", "WATCHDOG"), .group = HR_GROUP_WATCH, SECONDS(0, SEC(60)), AT(watchdog_ms),
     .help = "it lags this much: restarted; 0: never"},
    {NAMES("sidecar-watchdog", "SIDECAR_WATCHDOG"), .group = HR_GROUP_WATCH, SECONDS(0, SEC(30)),
     AT(sidecar_watchdog_ms), .help = "the same of our sidecar and toolhosts"},
    {NAMES("webhook", "WEBHOOK"), .group = HR_GROUP_WATCH, URL, AT(webhook),
     .help = "is told of phases, crashes and restarts, by POST"},
    {NAMES("check", "CHECK"), .group = HR_GROUP_WATCH, .type = HR_SETTING_CHECKS,
     .value = "NAME:KEY=VALUE,...", AT(checks),
     .help = "of a health check: period ...; may be repeated"},
    {NAMES("init-replay", "INIT_REPLAY"), .group = HR_GROUP_WATCH, SWITCH(1), AT(replay),
     .help = "give a restarted server its /api/init again"},

    {NAMES("podinfo-dir", "PODINFO_DIR"), .group = HR_GROUP_WATCH, .type = HR_SETTING_ABSOLUTE,
     .value = "DIR", .fallback_text = "/etc/podinfo", AT(podinfo_dir),
     .help = "a downwardAPI volume"},
    {NAMES("on-claim", "ON_CLAIM"), .group = HR_GROUP_WATCH, PATH("COMMAND", NULL), AT(on_claim),
     .help = "run once by a shell when claimed and ready"},
    {NAMES("on-claim-timeout", "ON_CLAIM_TIMEOUT"), .live = true, .group = HR_GROUP_WATCH,
     SECONDS(0, SEC(60)), AT(on_claim_timeout_ms),
     .help = "not done by then: tried again; 0: no limit"},

    {NAMES("log-format", "LOG_FORMAT"), .group = HR_GROUP_OUTPUT, CHOICE("raw|json", HR_LOG_TEXT),
     AT(log_format), .help = "of everybody's output"},
    {NAMES("log-rate", "LOG_RATE"), .live = true, .group = HR_GROUP_OUTPUT,
     COUNT("LINES", 0, LOG_RATE_MAX, 0), AT(log_rate),
     .help = "lines a second of each service; 0: no limit"},
    {NAMES("crash-dir", "CRASH_DIR"), .group = HR_GROUP_OUTPUT, .type = HR_SETTING_ABSOLUTE,
     .value = "DIR", AT(crash_dir), .help = "where crash reports are written too"},

    SERVICE("sidecar-", "SIDECAR_", HR_GROUP_FAMILY, sidecar_settings, SEC(1), 0, SEC(10), SEC(2)),
    SERVICE("toolhost-", "TOOLHOST_", HR_GROUP_FAMILY, toolhosts, SEC(30), 0, SEC(30), SEC(5)),
};
const size_t hr_nsettings = sizeof(hr_settings) / sizeof(hr_settings[0]);
_Static_assert(sizeof(hr_settings) / sizeof(hr_settings[0]) <= HR_MAX_SETTINGS,
               "HR_MAX_SETTINGS is too small");

const struct hr_setting *hr_setting_find(const char *option, size_t n)
{
    for (size_t i = 0; i < hr_nsettings; i++)
        if (strncmp(hr_settings[i].option, option, n) == 0 && !hr_settings[i].option[n])
            return &hr_settings[i];
    return NULL;
}

const char *hr_setting_nearest(const char *word)
{
    const char *names[HR_MAX_SETTINGS];
    for (size_t i = 0; i < hr_nsettings; i++)
        names[i] = hr_settings[i].option;
    return hr_config_nearest(word, names, hr_nsettings);
}

enum hr_origin hr_setting_origin(const struct hr_config *c, const char *option)
{
    const struct hr_setting *s = hr_setting_find(option, strlen(option));
    return s ? (enum hr_origin)c->origins[s - hr_settings] : HR_FROM_DEFAULT;
}

void hr_setting_source(const struct hr_config *c, const struct hr_setting *s,
                       char out[HR_SETTING_SOURCE])
{
    switch ((enum hr_origin)c->origins[s - hr_settings]) {
    case HR_FROM_ENVIRONMENT: (void)snprintf(out, HR_SETTING_SOURCE, "%s", s->variable); break;
    case HR_FROM_FILE:
        (void)snprintf(out, HR_SETTING_SOURCE, "%s#/handrail/%s", c->agent_config_path, s->option);
        break;
    default: (void)snprintf(out, HR_SETTING_SOURCE, "--%s", s->option); break;
    }
}

int hr_setting_set(struct hr_config *c, const struct hr_setting *s, enum hr_origin origin,
                   const char *text)
{
    char expected[HR_SETTING_EXPECTED];
    if (hr_setting_parse(s, text, c) == 0) {
        c->origins[s - hr_settings] = (unsigned char)origin;
        return 0;
    }
    hr_setting_expected(s, text, expected);
    if (s->type == HR_SETTING_URL)
        text = "..."; /* there may be a password in it */
    if (origin == HR_FROM_OPTION) {
        hr_error("--%s=%s: expected %s", s->option, text, expected);
        return HR_EXIT_USAGE;
    }
    hr_error("%s is \"%s\": expected %s%s", s->variable, text, expected,
             strncmp(text, "tcp://", 6) == 0
                 ? " (Kubernetes sets this for a Service of that name: rename the Service, or put "
                   "enableServiceLinks: false into the pod)"
                 : "");
    return HR_EXIT_CONFIG;
}

void hr_setting_copy(struct hr_config *to, const struct hr_config *from, const struct hr_setting *s)
{
    memcpy((char *)to + s->offset, (const char *)from + s->offset, s->size);
    to->origins[s - hr_settings] = from->origins[s - hr_settings];
}

void hr_settings_merge(struct hr_config *c, const struct hr_config *other)
{
    for (size_t i = 0; i < hr_nsettings; i++)
        if (c->origins[i] == HR_FROM_DEFAULT && other->origins[i] == HR_FROM_FILE &&
            (!c->stdio || hr_setting_is_for_mcp(&hr_settings[i])))
            hr_setting_copy(c, other, &hr_settings[i]);
}

void hr_settings_default(struct hr_config *c)
{
    for (size_t i = 0; i < hr_nsettings; i++) {
        hr_setting_fall_back(&hr_settings[i], c);
        c->origins[i] = HR_FROM_DEFAULT;
    }
}

void hr_settings_default_mcp(struct hr_config *c)
{
    hr_settings_default(c);
    c->stdio = true;
    c->sidecar_settings.restart = HR_RESTART_NEVER; /* its end is ours */
    c->grace_ms = GRACE_MCP_MS;
}

bool hr_setting_is_for_mcp(const struct hr_setting *s)
{
    static const char family[] = "toolhost-";
    static const char *const some[] = {"config-dir", "registry", "grace",
                                       "log-format", "log-rate", "crash-dir"};
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
        if (strcmp(s->option, some[i]) == 0)
            return true;
    return strncmp(s->option, family, sizeof(family) - 1) == 0;
}

int hr_settings_environment(struct hr_config *c)
{
    int code = 0;
    for (size_t i = 0; i < hr_nsettings; i++) {
        const char *text = getenv(hr_settings[i].variable);
        if (!text || !*text || c->origins[i] == HR_FROM_OPTION ||
            (c->stdio && !hr_setting_is_for_mcp(&hr_settings[i])))
            continue;
        int r = hr_setting_set(c, &hr_settings[i], HR_FROM_ENVIRONMENT, text);
        if (r)
            code = r;
    }
    return code;
}

/* "  -r, --rewrite=A:B      what it does [default]" */
static void help_line(FILE *to, const struct hr_setting *s, const char *normal)
{
    char left[64];
    char letter[8] = "";
    if (s->letter)
        (void)snprintf(letter, sizeof(letter), "-%c, ", s->letter);
    (void)snprintf(left, sizeof(left), "%s--%s=%s", letter, s->option, s->value);
    /* A long one has its line to itself. */
    (void)fprintf(to, strlen(left) > 26 ? "  %s\n%29s%s" : "  %-26s%1s%s", left, "", s->help);
    if (*normal)
        (void)fprintf(to, " [%s]", normal);
    (void)fputc('\n', to);
}

void hr_settings_help(FILE *to)
{
    static const char *const headings[] = {
        [HR_GROUP_MODE] = "What runs, and where",
        [HR_GROUP_RESTART] = "Restarts of the server",
        [HR_GROUP_STOP] = "Signals and the stop",
        [HR_GROUP_WATCH] = "Watching the server, and the pod",
        [HR_GROUP_OUTPUT] = "Output",
    };
    static struct hr_config defaults;
    char normal[HR_SETTING_TEXT];
    const struct hr_setting *before = NULL;
    hr_settings_default(&defaults);
    for (const struct hr_setting *s = hr_settings; s < hr_settings + hr_nsettings; s++) {
        if (s->group == HR_GROUP_FAMILY)
            continue;
        if (!before || before->group != s->group)
            (void)fprintf(to, "%s%s:\n", before ? "\n" : "", headings[s->group]);
        hr_setting_format(&defaults, s, normal);
        help_line(to, s, normal);
        before = s;
    }
}

void hr_settings_help_mcp(FILE *to)
{
    static struct hr_config defaults;
    char normal[HR_SETTING_TEXT];
    hr_settings_default_mcp(&defaults);
    for (const struct hr_setting *s = hr_settings; s < hr_settings + hr_nsettings; s++) {
        if (s->group == HR_GROUP_FAMILY || !hr_setting_is_for_mcp(s))
            continue;
        hr_setting_format(&defaults, s, normal);
        help_line(to, s, normal);
    }
}
