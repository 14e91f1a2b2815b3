/* SPDX-License-Identifier: MIT
 * The preflight's look at the keys.  See preflight.h.
 *
 * As the agent-server has it: session keys are OH_SESSION_API_KEYS (a JSON list) and
 * OH_SESSION_API_KEYS_0, _1, ..., over those of the file; only if there are none of either, empty
 * ones included, SESSION_API_KEY.  Then the empty ones are dropped.  The secret key is
 * OH_SECRET_KEY, else that of the file; if it is not there or blank, SESSION_API_KEY or
 * OH_SESSION_API_KEYS_0 takes its place. */
#include "loader/config/server_command.h"
#include "preflight_checks.h"

#include <stdio.h>
#include <string.h>

enum { KEYS_MAX = 64 }; /* looked at */

static bool given(const char *value)
{
    return value && *value;
}

static const char *numbered_key(const struct hr_preflight_facts *f, size_t i)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "OH_SESSION_API_KEYS_%zu", i);
    return hr_preflight_env(f, name);
}

/* How many keys the environment lists, empty ones included; 0: it has no say. */
static size_t listed(const struct hr_preflight_facts *f, const json_t *list)
{
    size_t n = 0;
    if (json_is_array(list))
        return json_array_size(list);
    if (json_is_integer(list) && json_integer_value(list) > 0)
        return (size_t)json_integer_value(list);
    while (n < KEYS_MAX && numbered_key(f, n))
        n++;
    return n;
}

bool hr_preflight_has_session_key(const struct hr_preflight_facts *f)
{
    const char *text = hr_preflight_env(f, "OH_SESSION_API_KEYS");
    const json_t *filed = json_object_get(f->file, "session_api_keys");
    json_t *list = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    size_t n = listed(f, list);
    bool found = false;
    for (size_t i = 0; i < n && i < KEYS_MAX && !found; i++) {
        const char *one = numbered_key(f, i);
        found = given(one ? one : json_string_value(json_array_get(list, i)));
    }
    for (size_t i = n; i < json_array_size(filed) && !found; i++)
        found = given(json_string_value(json_array_get(filed, i)));
    if (!list && !n && !json_is_array(filed))
        found = given(hr_preflight_env(f, "SESSION_API_KEY"));
    json_decref(list);
    return found;
}

/* The one that is configured, blank or not; NULL: none. */
static const char *configured_secret(const struct hr_preflight_facts *f)
{
    return hr_preflight_setting(f, "OH_SECRET_KEY", "secret_key", NULL);
}

bool hr_preflight_has_secret(const struct hr_preflight_facts *f)
{
    const char *secret = configured_secret(f);
    return (secret && !hr_preflight_blank(secret)) ||
           given(hr_preflight_env(f, "SESSION_API_KEY")) || given(numbered_key(f, 0));
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

/* A session key somebody meant to set, and did not.  With deferred init the keys come later. */
static void check_session_key(const struct hr_preflight_facts *f, const char *host)
{
    const char *first = numbered_key(f, 0);
    const char *old = hr_preflight_env(f, "SESSION_API_KEY");
    const char *name = first && !*first ? "OH_SESSION_API_KEYS_0"
                       : old && !*old   ? "SESSION_API_KEY"
                                        : NULL;
    if (!name || hr_preflight_has_session_key(f))
        return;
    hr_preflight_found(f, "session-key-empty",
                       "%s is set but empty, and the agent-server drops empty keys%s: it will ask "
                       "nobody for a key, and listen on %.64s%s; give it a key, or unset it",
                       name, first && given(old) ? " without then looking at SESSION_API_KEY" : "",
                       host ? host : "127.0.0.1",
                       host ? "" : " only, where nobody outside of the container reaches it");
}

static void check_deferred(const struct hr_preflight_facts *f, const char *host)
{
    bool outside = host ? !is_loopback(host) : hr_preflight_has_session_key(f);
    if (hr_preflight_has_secret(f))
        return;
    if (configured_secret(f))
        hr_preflight_found(f, "init-refused",
                           "OH_SECRET_KEY is blank and OH_DEFERRED_INIT is on: the agent-server "
                           "answers every POST /api/init with 401, so it can never be initialised; "
                           "set OH_SECRET_KEY to what is sent as X-Init-API-Key");
    else if (outside)
        hr_preflight_found(f, "init-open",
                           "OH_DEFERRED_INIT is on and OH_SECRET_KEY is not set: the first POST "
                           "/api/init that comes is obeyed, whoever sends it; set OH_SECRET_KEY to "
                           "what is sent as X-Init-API-Key");
    else if (!host)
        hr_preflight_found(f, "init-unreachable",
                           "OH_DEFERRED_INIT is on without OH_SECRET_KEY, a session key or --host: "
                           "the agent-server listens on 127.0.0.1 only, where no POST /api/init "
                           "from outside reaches it; set OH_SECRET_KEY");
}

void hr_preflight_keys(const struct hr_preflight_facts *f)
{
    const char *host = hr_server_option(f->config->command, "--host");
    if (hr_preflight_flag(f, "OH_DEFERRED_INIT", "deferred_init", false)) {
        check_deferred(f, host);
        return;
    }
    check_session_key(f, host);
    if (!hr_preflight_has_secret(f))
        hr_preflight_found(f, "secret-key-unset",
                           "OH_SECRET_KEY is %s, and there is no session key to stand in for it: "
                           "after a restart the agent-server has lost the secrets of the "
                           "conversations on disk, their LLM key among them; set it to a random "
                           "text, and keep that as long as the conversations",
                           configured_secret(f) ? "blank" : "not set");
}
