/* SPDX-License-Identifier: MIT
 * Ports.  See judge.h. */
#include "judge.h"

#include "expression.h"
#include "loader/config/server_command.h"
#include "loader/image/port_owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535, PORT_NAME_MAX = 15, COMMAND_MAX = 64 };

static char server_name[] = HR_SPEC_SERVER_NAME;

uint16_t hr_spec_port(const struct hr_yaml_node *port)
{
    const struct hr_yaml_node *n = hr_yaml_member(port, "port");
    if (!n || n->kind != HR_YAML_INTEGER || strlen(n->text) > 5)
        return 0;
    long value = strtol(n->text, NULL, 10); /* it is a decimal number of at most 5 bytes */
    return value >= 1 && value <= PORT_MAX ? (uint16_t)value : 0;
}

static void check_number(const struct hr_spec *s, const struct hr_yaml_node *port)
{
    const struct hr_yaml_node *n = hr_yaml_member(port, "port");
    if (!n || hr_spec_port(port))
        return;
    if (n->text)
        hr_spec_say(s, n, HR_SPEC_PORT, "expected a number from 1 to %d, got %s%.64s%s", PORT_MAX,
                    n->kind == HR_YAML_TEXT ? "\"" : "", n->text,
                    n->kind == HR_YAML_TEXT ? "\", which is text" : "");
    else
        hr_spec_say(s, n, HR_SPEC_PORT, "expected a number from 1 to %d, got %s", PORT_MAX,
                    n->what);
}

static void check_name(const struct hr_spec *s, const struct hr_yaml_node *port)
{
    const struct hr_yaml_node *name = hr_yaml_member(port, "name");
    const char *text = hr_spec_text(name);
    if (text && (strlen(text) > PORT_NAME_MAX || !hr_spec_matches(HR_RE_PORT_NAME, text)))
        hr_spec_say(s, name, HR_SPEC_PORT_NAME, "\"%.64s\" is not the name of a port", text);
}

static void check_reserved(const struct hr_spec *s, const struct hr_yaml_node *port)
{
    const char *name = hr_spec_text(hr_yaml_member(port, "name"));
    const struct hr_port_owner *owner = hr_port_owner(hr_spec_port(port));
    if (!owner || !name || (*owner->name && strncmp(name, owner->name, strlen(owner->name)) == 0))
        return;
    hr_spec_say(s, hr_yaml_member(port, "port"), HR_SPEC_PORT_RESERVED, "%u is the port of %s%s%s",
                owner->port, owner->whose, *owner->name ? ", which may be named here as " : "",
                owner->name);
}

/* The first port before this one with that name or number; NULL: there is none. */
static const struct hr_yaml_node *find_earlier(const struct hr_yaml_node *port, const char *name,
                                               uint16_t number)
{
    for (const struct hr_yaml_node *c = port->parent->first; c != port; c = c->next) {
        const char *other = name ? hr_spec_text(hr_yaml_member(c, "name")) : NULL;
        if ((other && strcmp(name, other) == 0) || (number && hr_spec_port(c) == number))
            return c;
    }
    return NULL;
}

static void check_twice(const struct hr_spec *s, const struct hr_yaml_node *port)
{
    const struct hr_yaml_node *name = hr_yaml_member(port, "name");
    const char *text = hr_spec_text(name);
    uint16_t number = hr_spec_port(port);
    const struct hr_yaml_node *same = text ? find_earlier(port, text, 0) : NULL;
    if (same)
        hr_spec_say(s, name, HR_SPEC_PORT_TWICE, "the name \"%.64s\" is taken by line %u", text,
                    same->line);
    same = number ? find_earlier(port, NULL, number) : NULL;
    if (same)
        hr_spec_say(s, hr_yaml_member(port, "port"), HR_SPEC_PORT_TWICE,
                    "port %u is taken by line %u", number, same->line);
}

/* The command of the flat form against the port that is published for the server. */
static void check_command(const struct hr_spec *s)
{
    char *argv[COMMAND_MAX + 2] = {server_name};
    const struct hr_yaml_node *command = s->field[HR_FIELD_COMMAND];
    const struct hr_yaml_node *ports = s->field[HR_FIELD_PORTS];
    size_t n = 1;
    if (!command || !ports)
        return;
    for (const struct hr_yaml_node *c = command->first; c && n <= COMMAND_MAX; c = c->next)
        argv[n++] = c->text ? c->text : argv[0];
    const char *told = hr_server_option(argv, "--port");
    for (const struct hr_yaml_node *c = ports->first; c && told; c = c->next) {
        char number[16];
        const char *name = hr_spec_text(hr_yaml_member(c, "name"));
        (void)snprintf(number, sizeof(number), "%u", hr_spec_port(c));
        if (name && strcmp(name, server_name) == 0 && strcmp(number, told) != 0)
            hr_spec_say(s, hr_yaml_member(c, "port"), HR_SPEC_SERVER_PORT,
                        "agent-server is port %s here, and --port %.16s in the command", number,
                        told);
    }
}

void hr_spec_judge_ports(const struct hr_spec *s)
{
    const struct hr_yaml_node *ports = s->field[HR_FIELD_PORTS];
    for (const struct hr_yaml_node *c = ports ? ports->first : NULL; c; c = c->next) {
        check_number(s, c);
        check_name(s, c);
        check_reserved(s, c);
        check_twice(s, c);
    }
    check_command(s);
}
