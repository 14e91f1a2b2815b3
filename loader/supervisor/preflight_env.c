/* SPDX-License-Identifier: MIT
 * The preflight's look at single variables.  See preflight.h.
 *
 * The agent-server reads each field of its configuration from OH_<FIELD> by the field's type: a
 * number through int() or float(), which raise an error that ends it; a boolean by comparing with
 * "1" and "true", so that every other word is false; a list or an object through json.loads(). */
#include "loader/config/server_command.h"
#include "preflight_checks.h"
#include "python_number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    WEBHOOKS_MAX = 16, /* looked at */
    NAME_MAX_BYTES = 96,
    OH_HANDRAIL_MAX = 8, /* said */
};

/* A number the server reads: at least (or, if open, more than) min, at most (less than) max. */
struct number {
    const char *name;
    bool integer;
    bool open;
    double min;
    double max;
};

static const struct number numbers[] = {
    {"OH_VSCODE_PORT", true, false, 1, 65535},
    {"OH_MAX_CONCURRENT_RUNS", true, false, 1, INFINITY},
    {"OH_BASH_EVENTS_RETENTION_SECONDS", true, false, 1, INFINITY},
    {"OH_CONVERSATION_CONTAINER_PIDS_LIMIT", true, false, 1, INFINITY},
    {"OH_TELEMETRY_MAX_QUEUE_SIZE", true, false, 1, INFINITY},
    {"OH_TELEMETRY_EVENT_BUFFER_SIZE", true, false, 1, INFINITY},
    {"OH_TELEMETRY_NUM_RETRIES", true, false, 0, INFINITY},
    {"OH_TELEMETRY_FLUSH_DELAY", false, true, 0, INFINITY},
    {"OH_TELEMETRY_RETRY_DELAY", false, false, 0, INFINITY},
    {"OH_CONVERSATION_CONTAINER_CPUS", false, true, 0, INFINITY},
    {"OH_CONVERSATION_CONTAINER_STARTUP_TIMEOUT", false, true, 0, INFINITY},
    {"OH_CONVERSATION_STORAGE_DISK_BUDGET", false, true, 0, 1},
    {"OH_CONVERSATION_STORAGE_RETENTION_DAYS", false, true, 0, INFINITY},
    {"OH_LEASE_TTL_SECONDS", false, false, 0, INFINITY},
    {"OH_CONVERSATION_IDLE_TTL_SECONDS", false, true, 0, INFINITY},
    /* Read by the modules themselves when they are imported; any number will do. */
    {"OH_INLINE_IMAGE_MAX_MB", true, false, -INFINITY, INFINITY},
    {"OH_INLINE_IMAGE_CACHE_BYTES", true, false, -INFINITY, INFINITY},
    {"OH_INLINE_IMAGE_FETCH_TIMEOUT_S", false, false, -INFINITY, INFINITY},
    {"LOG_BACKUP_COUNT", true, false, -INFINITY, INFINITY},
    {"ACP_PROMPT_MAX_RETRIES", true, false, -INFINITY, INFINITY},
};

/* Of OH_WEBHOOKS_<n>_, for n = 0, 1, ... as long as there are any. */
static const struct number webhook_numbers[] = {
    {"EVENT_BUFFER_SIZE", true, false, 1, INFINITY}, {"FLUSH_DELAY", false, true, 0, INFINITY},
    {"NUM_RETRIES", true, false, 0, INFINITY},       {"RETRY_DELAY", true, false, 0, INFINITY},
    {"MAX_QUEUE_SIZE", true, false, 1, INFINITY},    {"MAX_BATCH_BYTES", true, false, 1, INFINITY},
    {"MAX_QUEUE_BYTES", true, false, 1, INFINITY},
};

/* fallback: what the field is without the variable. */
static const struct {
    const char *name;
    bool fallback;
} booleans[] = {
    {"OH_ENABLE_VSCODE", true},
    {"OH_PRELOAD_TOOLS", true},
    {"OH_ENABLE_BROWSER", true},
    {"OH_TRUST_FORWARDED_HEADERS", false},
    {"OH_CONVERSATION_RUNTIME_SELECTABLE", false},
    {"OH_CONVERSATION_IMAGE_HAS_BROWSER", false},
    {"OH_DEFERRED_INIT", false},
};

/* Those that are read as one JSON text.  Empty is fine for an object, and an error for a list. */
static const struct {
    const char *name;
    bool list;
} texts[] = {
    {"OH", false},
    {"OH_TELEMETRY", false},
    {"OH_SESSION_API_KEYS", true},
    {"OH_ALLOW_CORS_ORIGINS", true},
    {"OH_WEBHOOKS", true},
    {"OH_PREVIOUS_SECRET_KEYS", true},
    {"OH_REGISTERED_MARKETPLACES", true},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Kubernetes sets <SERVICE>_PORT=tcp://<address>:<port> in every pod of a Service's namespace. */
static void say_service(const struct hr_preflight_facts *f, const char *name, const char *value)
{
    char service[NAME_MAX_BYTES];
    (void)snprintf(service, sizeof(service), "%.*s", (int)(strlen(name) - strlen("_PORT")), name);
    for (char *c = service; *c; c++) {
        if (*c == '_')
            *c = '-';
        else
            *c = (char)tolower((unsigned char)*c);
    }
    hr_preflight_found(
        f, "env-number",
        "%s is \"%.64s\", which is not a number: %s.  Kubernetes sets this for a "
        "Service named %s: rename the Service, or put enableServiceLinks: false into "
        "the pod",
        name, value, hr_preflight_ends, service);
}

static void range_text(const struct number *r, char *out, size_t size)
{
    const char *more = r->open ? "more than" : "at least";
    if (isfinite(r->max))
        (void)snprintf(out, size, "%s %.0f and %s %.0f", more, r->min,
                       r->open ? "less than" : "at most", r->max);
    else
        (void)snprintf(out, size, "%s %.0f", more, r->min);
}

static bool in_range(const struct number *r, double value)
{
    if (isinf(r->min))
        return true;
    if (r->open) /* written so that a NaN is outside */
        return value > r->min && (value < r->max || isinf(r->max));
    return value >= r->min && value <= r->max;
}

static void check_number(const struct hr_preflight_facts *f, const char *name,
                         const struct number *r)
{
    char range[64];
    double number = 0;
    const char *value = hr_preflight_env(f, name);
    int err = value ? hr_python_number(value, r->integer, &number) : 0;
    size_t n = strlen(name);
    if (!value || err == -ENOTSUP || (!err && in_range(r, number)))
        return;
    if (!err) {
        range_text(r, range, sizeof(range));
        hr_preflight_found(f, "env-number",
                           "%s is \"%.64s\": the agent-server takes %s and will end with code 1 at "
                           "each start",
                           name, value, range);
    } else if (strncmp(value, "tcp://", 6) == 0 && strcmp(name + n - 5, "_PORT") == 0) {
        say_service(f, name, value);
    } else {
        hr_preflight_found(f, "env-number",
                           "%s is \"%.64s\", which is not a %s: %s; give it one, or unset it", name,
                           value, r->integer ? "whole number" : "number", hr_preflight_ends);
    }
}

static bool any_with_prefix(const struct hr_preflight_facts *f, const char *prefix)
{
    for (char *const *e = f->env; *e; e++)
        if (strncmp(*e, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

static void check_webhooks(const struct hr_preflight_facts *f)
{
    char name[NAME_MAX_BYTES];
    for (int i = 0; i < WEBHOOKS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "OH_WEBHOOKS_%d_", i);
        if (!any_with_prefix(f, name))
            return;
        for (size_t k = 0; k < COUNT(webhook_numbers); k++) {
            (void)snprintf(name, sizeof(name), "OH_WEBHOOKS_%d_%s", i, webhook_numbers[k].name);
            check_number(f, name, &webhook_numbers[k]);
        }
    }
}

/* A word that says false is read as false: nothing goes wrong. */
static bool says_false(const char *value)
{
    static const char *const words[] = {"0", "false", "no", "off", "n", "f"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    return false;
}

static void check_boolean(const struct hr_preflight_facts *f, const char *name, bool fallback)
{
    const char *value = hr_preflight_env(f, name);
    if (!value || hr_server_bool(value) || says_false(value))
        return;
    if (*value)
        hr_preflight_found(
            f, "env-boolean",
            "%s is \"%.64s\", which the agent-server reads as false: write 1 or true "
            "if it is meant to be on, 0 or false if not",
            name, value);
    else if (fallback)
        hr_preflight_found(f, "env-boolean",
                           "%s is empty, which the agent-server reads as false, though without the "
                           "variable it is true: unset it, or write 1 or 0",
                           name);
}

/* The value is not shown: keys and tokens may be in it. */
static void check_json(const struct hr_preflight_facts *f, const char *name, bool list)
{
    const char *value = hr_preflight_env(f, name);
    if (!value || (!*value && !list))
        return;
    json_t *j = json_loads(value, JSON_DECODE_ANY, NULL);
    bool good =
        list ? json_is_array(j) || json_is_integer(j) || json_is_boolean(j) : json_is_object(j);
    json_decref(j);
    if (good)
        return;
    if (list)
        hr_preflight_found(
            f, "env-json",
            "%s is not a JSON list: %s; write [\"...\"], or use %s_0, %s_1 and so on", name,
            hr_preflight_ends, name, name);
    else
        hr_preflight_found(f, "env-json", "%s is not a JSON object: %s; write {...}, or unset it",
                           name, hr_preflight_ends);
}

void hr_preflight_values(const struct hr_preflight_facts *f)
{
    for (size_t i = 0; i < COUNT(numbers); i++)
        check_number(f, numbers[i].name, &numbers[i]);
    check_webhooks(f);
    for (size_t i = 0; i < COUNT(booleans); i++)
        check_boolean(f, booleans[i].name, booleans[i].fallback);
    for (size_t i = 0; i < COUNT(texts); i++)
        check_json(f, texts[i].name, texts[i].list);
}

void hr_preflight_names(const struct hr_preflight_facts *f)
{
    static const char wrong[] = "OH_HANDRAIL";
    const char *class = hr_preflight_env(f, "CUSTOM_AGENT_CLASS");
    const char *module = hr_preflight_env(f, "CUSTOM_AGENT_MODULE");
    int said = 0;
    for (char *const *e = f->env; *e && said < OH_HANDRAIL_MAX; e++) {
        if (strncmp(*e, wrong, sizeof(wrong) - 1) != 0)
            continue;
        int n = (int)strcspn(*e, "=");
        hr_preflight_found(f, "name-oh-handrail",
                           "%.*s is read by nobody: OH_ is the agent-server's; handrail's own "
                           "variables begin with HANDRAIL_, as in %.*s",
                           n < 200 ? n : 200, *e, n < 200 ? n - 3 : 197, *e + 3);
        said++;
    }
    if (class && *class && !(module && *module))
        hr_preflight_found(f, "agent-class-alone",
                           "CUSTOM_AGENT_CLASS is \"%.64s\", but CUSTOM_AGENT_MODULE does not say "
                           "which module it is in: nothing is imported, and a conversation that "
                           "asks for it is refused with 422; set both",
                           class);
}
