/* SPDX-License-Identifier: MIT
 * A specification held against a place.  See spec.h and judge.h. */
#include "judge.h"

#include "common/buf.h"
#include "loader/config/server_version.h"
#include "loader/supervisor/secrets.h"
#include "quantity.h"

#include <stdio.h>
#include <string.h>

enum { UNKNOWN_BYTES = 1024 };

static const char *variable(char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

/* ---- agent ----------------------------------------------------------------------------------- */

static const struct {
    enum hr_spec_field field;
    const char *name;
} agent[] = {
    {HR_FIELD_MODULE, "CUSTOM_AGENT_MODULE"},
    {HR_FIELD_CLASS, "CUSTOM_AGENT_CLASS"},
};

enum { AGENT_NAMES = sizeof(agent) / sizeof(agent[0]) };

static bool is_of_agent(const char *name)
{
    for (size_t i = 0; i < AGENT_NAMES; i++)
        if (strcmp(name, agent[i].name) == 0)
            return true;
    return false;
}

/* An image without one will have the specification's; a container must have it by now. */
static void hold_agent(const struct hr_spec *s, const struct hr_spec_place *p)
{
    const char *type = hr_spec_text(s->field[HR_FIELD_AGENT_TYPE]);
    bool custom = type && strcmp(type, "custom") == 0;
    for (size_t i = 0; i < AGENT_NAMES && custom && p->env; i++) {
        const struct hr_yaml_node *n = s->field[agent[i].field];
        const char *here = variable(p->env, agent[i].name);
        if (n && here && strcmp(here, n->text) != 0)
            hr_spec_say(s, n, HR_SPEC_HELD_AGENT, "%s is \"%.128s\" here, not \"%.128s\"",
                        agent[i].name, here, n->text);
        else if (n && !here && p->running)
            hr_spec_say(s, n, HR_SPEC_HELD_AGENT, "%s is not set here; expected \"%.128s\"",
                        agent[i].name, n->text);
    }
    if (custom && p->version && hr_version_compare(p->version, HR_SERVER_IMPORTS_SINCE) < 0)
        hr_spec_say(s, s->field[HR_FIELD_AGENT_TYPE], HR_SPEC_HELD_SERVER,
                    "a custom agent, and the agent-server here is %.32s", p->version);
}

/* ---- environment ----------------------------------------------------------------------------- */

/* The values of secrets are not shown. */
static void hold_variable(const struct hr_spec *s, const struct hr_yaml_node *n, const char *here)
{
    if (!here)
        hr_spec_say(s, n, HR_SPEC_HELD_ENVIRONMENT, "%.128s is not set here", n->key);
    else if (hr_secrets_name(n->key, strlen(n->key)))
        hr_spec_say(s, n, HR_SPEC_HELD_ENVIRONMENT, "%.128s has another value here", n->key);
    else
        hr_spec_say(s, n, HR_SPEC_HELD_ENVIRONMENT, "%.128s is \"%.64s\" here, not \"%.64s\"",
                    n->key, here, n->text);
}

static void hold_environment(const struct hr_spec *s, const struct hr_spec_place *p)
{
    const struct hr_yaml_node *map = s->field[HR_FIELD_ENVIRONMENT];
    for (const struct hr_yaml_node *c = map && p->running && p->env ? map->first : NULL; c;
         c = c->next) {
        const char *here = variable(p->env, c->key);
        if (!hr_spec_text(c) || is_of_agent(c->key) || hr_spec_is_placeholder(c->text))
            continue;
        if (!here || strcmp(here, c->text) != 0)
            hold_variable(s, c, here);
    }
}

/* ---- resources ------------------------------------------------------------------------------- */

static void hold_amount(const struct hr_spec *s, enum hr_spec_field field, int decimals,
                        int64_t here, enum hr_spec_rule rule, const char *unit)
{
    const struct hr_yaml_node *n = s->field[field];
    int64_t wanted = 0;
    if (hr_spec_text(n) && here >= 0 && !hr_quantity_parse(n->text, decimals, &wanted) &&
        here < wanted)
        hr_spec_say(s, n, rule, "%.64s are %lld %s; here are %lld", n->text, (long long)wanted,
                    unit, (long long)here);
}

/* The folder of a flat specification, or where the agent works by default. */
static void hold_folder(const struct hr_spec *s)
{
    const struct hr_yaml_node *folder = s->field[HR_FIELD_WORKING_DIR];
    const char *path = hr_spec_text(folder);
    int64_t bytes = -1;
    int err = hr_spec_look_at_folder(path ? path : "/workspace", &bytes);
    if (path && err)
        hr_spec_say(s, folder, HR_SPEC_HELD_WORKING_DIR, "%.255s: %s", path, strerror(err));
    hold_amount(s, HR_FIELD_STORAGE, 0, bytes, HR_SPEC_HELD_STORAGE, "bytes");
}

static void hold_resources(const struct hr_spec *s, const struct hr_spec_place *p)
{
    hold_amount(s, HR_FIELD_MEMORY, 0, p->memory, HR_SPEC_HELD_MEMORY, "bytes");
    hold_amount(s, HR_FIELD_CPU, 3, p->millicores, HR_SPEC_HELD_CPU, "thousandths of a processor");
    if (p->running)
        hold_folder(s);
    if (p->uid == 0)
        hr_spec_say(s, NULL, HR_SPEC_HELD_USER, "the container runs as root");
}

/* ---- ports and capabilities ------------------------------------------------------------------ */

static bool listens(const struct hr_spec_place *p, uint16_t port)
{
    for (int i = 0; i < p->nlistening; i++)
        if (p->listening[i] == port)
            return true;
    return false;
}

static void hold_ports(const struct hr_spec *s, const struct hr_spec_place *p)
{
    const struct hr_yaml_node *ports = s->field[HR_FIELD_PORTS];
    for (const struct hr_yaml_node *c = ports && p->nlistening >= 0 ? ports->first : NULL; c;
         c = c->next) {
        const char *name = hr_spec_text(hr_yaml_member(c, "name"));
        uint16_t port = hr_spec_port(c);
        if (name && strcmp(name, HR_SPEC_SERVER_NAME) == 0 && port && !listens(p, port))
            hr_spec_say(s, hr_yaml_member(c, "port"), HR_SPEC_HELD_PORT,
                        "nobody listens on port %u, which is to be the agent-server's", port);
    }
}

static void hold_capabilities(const struct hr_spec *s, const struct hr_spec_place *p)
{
    const struct hr_yaml_node *list = s->field[HR_FIELD_CAPABILITIES];
    for (const struct hr_yaml_node *c = list && p->offered ? list->first : NULL; c; c = c->next) {
        char name[HR_SPEC_NAME_BYTES];
        if (!hr_spec_text(c))
            continue;
        (void)snprintf(name, sizeof(name), "%s", c->text);
        hr_spec_plain_name(name);
        if (!json_object_get(p->offered, name))
            hr_spec_say(s, c, HR_SPEC_HELD_CAPABILITY,
                        "no native tool or plugin is called %.64s; whether the agent can do it by "
                        "other means cannot be seen from here",
                        c->text);
    }
}

/* ---- what is left ---------------------------------------------------------------------------- */

static void add(struct hr_buf *list, bool is, const char *what)
{
    if (is)
        (void)hr_buf_addf(list, "%s%s", list->len ? ", " : "", what);
}

static void say_unknown(const struct hr_spec *s, const struct hr_spec_place *p)
{
    const struct hr_yaml_node *const *f = s->field;
    struct hr_buf list;
    hr_buf_init(&list, UNKNOWN_BYTES);
    add(&list, f[HR_FIELD_OWNER] || f[HR_FIELD_USERS] || f[HR_FIELD_GROUPS],
        "owner and permissions");
    add(&list, f[HR_FIELD_IMAGE], "the image's name");
    add(&list, f[HR_FIELD_MODULE] && !p->env, "the agent");
    add(&list, f[HR_FIELD_CAPABILITIES] && !p->offered, "capabilities");
    add(&list, f[HR_FIELD_ENVIRONMENT] && (!p->running || !p->env), "the environment");
    add(&list, f[HR_FIELD_MEMORY] && p->memory < 0, "memory");
    add(&list, f[HR_FIELD_CPU] && p->millicores < 0, "processors");
    add(&list, f[HR_FIELD_STORAGE] && !p->running, "storage");
    add(&list, f[HR_FIELD_WORKING_DIR] && !p->running, "the working folder");
    add(&list, f[HR_FIELD_PORTS] && p->nlistening < 0, "ports");
    if (list.len)
        hr_spec_say(s, NULL, HR_SPEC_NOT_HELD,
                    "only looked at for their form, since %s does not tell them: %s",
                    p->running ? "a container" : "an image", hr_buf_str(&list));
    hr_buf_free(&list);
}

void hr_spec_hold(const struct hr_spec *s, const struct hr_spec_place *p)
{
    hold_agent(s, p);
    hold_environment(s, p);
    hold_resources(s, p);
    hold_ports(s, p);
    hold_capabilities(s, p);
    say_unknown(s, p);
}
