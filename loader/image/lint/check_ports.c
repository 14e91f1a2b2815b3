/* SPDX-License-Identifier: MIT
 * Rules about ports.  See check.h. */
#include "check.h"
#include "common/fd.h"
#include "loader/image/port_owner.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Who has the port that a text is: a number, and perhaps /tcp behind it. */
static const struct hr_port_owner *taken(const char *text, size_t n)
{
    char number[8];
    int64_t value = 0;
    const char *slash = memchr(text, '/', n);
    size_t digits = slash ? (size_t)(slash - text) : n;
    if (digits >= sizeof(number) || (slash && strncasecmp(slash, "/udp", 4) == 0))
        return NULL;
    (void)snprintf(number, sizeof(number), "%.*s", (int)digits, text);
    return hr_parse_int(number, 1, 65535, &value) == 0 ? hr_port_owner(value) : NULL;
}

/* NUMBER or FIRST-LAST, perhaps with a protocol; an address and a port before it do not count. */
static bool is_expose(const char *p, size_t n)
{
    char part[64];
    int64_t first = 0;
    if (snprintf(part, sizeof(part), "%.*s", (int)n, p) >= (int)sizeof(part))
        return false;
    char *colon = strrchr(part, ':');
    char *number = colon ? colon + 1 : part;
    char *slash = strchr(number, '/');
    if (slash && slash[1] && strcasecmp(slash, "/tcp") != 0 && strcasecmp(slash, "/udp") != 0 &&
        strcasecmp(slash, "/sctp") != 0)
        return false;
    if (slash)
        *slash = '\0';
    char *dash = strchr(number, '-');
    if (dash)
        *dash++ = '\0';
    return hr_parse_int(number, 0, 65535, &first) == 0 &&
           (!dash || hr_parse_int(dash, first, 65535, &first) == 0);
}

static void check_expose(struct hr_lint *l, const struct hr_site *s)
{
    for (size_t k = 0; k < s->i->words.n; k++) {
        const struct hr_word *w = &s->i->words.at[k];
        for (const char *p = w->expanded; *p;) {
            size_t n = strcspn(p, " ");
            const struct hr_port_owner *port = l->server && s->kept ? taken(p, n) : NULL;
            if (n && w->known && !is_expose(p, n))
                hr_lint_say(l, HR_LINT_SYNTAX, s->i, w, "EXPOSE %.*s is no port", (int)n, p);
            /* Handrail's health endpoints are there to be reached, and so is the server. */
            if (port && port->port != 60000 && !(port->port == 60010 && l->handrail))
                hr_lint_say(l, HR_LINT_PORT_EXPOSED, s->i, w, "EXPOSE %.*s: that port is for %s",
                            (int)n, p, port->whose);
            p += n + strspn(p + n, " ");
        }
    }
}

static bool is_owners(const struct hr_port_owner *port, const char *variable)
{
    for (size_t i = 0; port->variables[i]; i++)
        if (strcmp(variable, port->variables[i]) == 0)
            return true;
    return strncmp(variable, "HANDRAIL_", 9) == 0;
}

/* PORT, JUPYTER_PORT, PORT_HTTP: it is a port that something listens on. */
static bool names_port(const char *variable)
{
    const char *at = strcasestr(variable, "PORT");
    return at && (at == variable || at[-1] == '_') && (!at[4] || at[4] == '_');
}

static void check_variables(struct hr_lint *l, const struct hr_site *s)
{
    for (size_t k = 0; k < s->i->words.n; k++) {
        const struct hr_word *w = &s->i->words.at[k];
        const struct hr_port_owner *port = taken(w->expanded, strlen(w->expanded));
        bool worker = strncmp(w->text, "WORKER_", 7) == 0;
        if (port && (names_port(w->text) || worker) && !is_owners(port, w->text))
            hr_lint_say(l, HR_LINT_PORT_CLASH, s->i, w, "%s=%s is the port of %s", w->text,
                        w->expanded, port->whose);
    }
}

/* The value of the option --port at a word: behind "=", or the next word; "" if it is another. */
static const char *port_option(const struct hr_command *c, size_t k)
{
    static const char option[] = "--port";
    const char *word = c->words[k].text;
    if (strncmp(word, option, sizeof(option) - 1) != 0)
        return "";
    word += sizeof(option) - 1;
    if (*word == '=')
        return word + 1;
    return !*word && k + 1 < c->n ? c->words[k + 1].text : "";
}

/* Of what starts the server 60000 is its own. */
static void check_command(struct hr_lint *l, const struct hr_site *s)
{
    for (size_t c = 0; c < s->script.n; c++)
        for (size_t k = 0; k < s->script.commands[c].n; k++) {
            const struct hr_script_word *w = &s->script.commands[c].words[k];
            const char *value = port_option(&s->script.commands[c], k);
            const struct hr_port_owner *port = taken(value, strlen(value));
            if (port && port->port != 60000)
                hr_lint_say_in(l, HR_LINT_PORT_CLASH, s->i, w, "--port %s is the port of %s", value,
                               port->whose);
        }
}

void hr_check_ports(struct hr_lint *l, const struct hr_site *s)
{
    if (s->i->kind == HR_EXPOSE && !s->i->broken)
        check_expose(l, s);
    if (!l->server || !s->kept || s->i->broken)
        return;
    if (s->i->kind == HR_ENV)
        check_variables(l, s);
    else if (s->i->kind == HR_CMD || s->i->kind == HR_ENTRYPOINT)
        check_command(l, s);
}
