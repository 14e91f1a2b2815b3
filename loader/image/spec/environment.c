/* SPDX-License-Identifier: MIT
 * The environment.  See judge.h. */
#include "judge.h"

#include "expression.h"
#include "loader/config/agent_config.h"
#include "loader/image/secret.h"
#include "loader/supervisor/preflight_checks.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool hr_spec_is_placeholder(const char *value)
{
    size_t n = strlen(value);
    return n == 0 || (value[0] == '$' && strchr("{(", value[1])) ||
           (value[0] == '<' && value[n - 1] == '>');
}

/* What it is, if there is a well-known token anywhere in it; else NULL. */
static const char *find_token(const char *value)
{
    const char *what = NULL;
    for (const char *p = value; *p; p++)
        if ((p == value || !isalnum((unsigned char)p[-1])) && hr_secret_token(p, &what))
            return what;
    return NULL;
}

static void check_variable(const struct hr_spec *s, const struct hr_yaml_node *n)
{
    const char *value = hr_spec_text(n);
    const char *what = NULL;
    if (!hr_spec_matches(HR_RE_VARIABLE, n->key))
        hr_spec_say_key(s, n, HR_SPEC_ENV_NAME, "\"%.64s\" is not the name of a variable", n->key);
    if (value && hr_secret_variable(n->key) && hr_secret_literal(value))
        hr_spec_say(s, n, HR_SPEC_ENV_SECRET, "the value of %.64s stands here for all to read",
                    n->key);
    else if (value && (what = find_token(value)))
        hr_spec_say(s, n, HR_SPEC_ENV_SECRET, "%.64s has %s in it, for all to read", n->key, what);
}

/* CUSTOM_AGENT_MODULE and CUSTOM_AGENT_CLASS against the agent's. */
static void check_agent(const struct hr_spec *s, const char *name, enum hr_spec_field field)
{
    const struct hr_yaml_node *n = hr_yaml_member(s->field[HR_FIELD_ENVIRONMENT], name);
    const char *value = hr_spec_text(n);
    const char *agent = hr_spec_text(s->field[field]);
    if (value && agent && strcmp(value, agent) != 0)
        hr_spec_say(s, n, HR_SPEC_ENV_AGENT, "%s is \"%.128s\", and the agent's is \"%.128s\"",
                    name, value, agent);
}

/* ---- as the agent-server will read them ------------------------------------------------------ */

/* The variable that a finding of the preflight begins with. */
static const struct hr_yaml_node *named_in(const struct hr_spec *s, const char *text)
{
    char name[HR_YAML_KEY_MAX + 1];
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, " "), text);
    return hr_yaml_member(s->field[HR_FIELD_ENVIRONMENT], name);
}

static void say_preflight(void *arg, const char *id, const char *text)
{
    const struct hr_spec *s = arg;
    bool fatal = strcmp(id, "env-number") == 0 || strcmp(id, "env-json") == 0;
    hr_spec_say(s, named_in(s, text), fatal ? HR_SPEC_ENV_FATAL : HR_SPEC_ENV_MISREAD, "%s", text);
}

static void free_environment(char **env)
{
    for (size_t i = 0; env[i]; i++)
        free(env[i]);
    free(env);
}

/* The variables that processes can have, as they have them: NULL-ended, and the rest of the room is
 * NULL too.  NULL: no memory. */
static char **make_environment(const struct hr_spec *s, const struct hr_yaml_node *map)
{
    char **env = calloc((size_t)map->size + 1, sizeof(*env));
    size_t n = 0;
    for (const struct hr_yaml_node *c = map->first; env && c; c = c->next) {
        size_t bytes = strlen(c->key) + 1 + (hr_spec_text(c) ? strlen(c->text) : 0);
        if (bytes > HR_AGENT_VALUE_MAX)
            hr_spec_say(s, c, HR_SPEC_ENV_FATAL,
                        "NAME=VALUE has %zu bytes, and the kernel takes at most %d", bytes,
                        HR_AGENT_VALUE_MAX);
        if (!hr_spec_text(c) || bytes > HR_AGENT_VALUE_MAX)
            continue;
        env[n] = malloc(bytes + 1);
        if (!env[n]) {
            free_environment(env);
            return NULL;
        }
        (void)snprintf(env[n++], bytes + 1, "%s=%s", c->key, c->text);
    }
    return env;
}

/* The preflight knows.  0 or -ENOMEM. */
static int check_as_server(const struct hr_spec *s, const struct hr_yaml_node *map)
{
    struct hr_preflight_facts facts = {.say = say_preflight};
    char **env = make_environment(s, map);
    if (!env)
        return -ENOMEM;
    facts.env = env;
    facts.arg = (void *)(uintptr_t)s;
    hr_preflight_values(&facts);
    free_environment(env);
    return 0;
}

int hr_spec_judge_environment(const struct hr_spec *s)
{
    const struct hr_yaml_node *map = s->field[HR_FIELD_ENVIRONMENT];
    if (!map)
        return 0;
    for (const struct hr_yaml_node *c = map->first; c; c = c->next)
        check_variable(s, c);
    check_agent(s, "CUSTOM_AGENT_MODULE", HR_FIELD_MODULE);
    check_agent(s, "CUSTOM_AGENT_CLASS", HR_FIELD_CLASS);
    return check_as_server(s, map);
}
