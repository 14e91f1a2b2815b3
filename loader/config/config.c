/* SPDX-License-Identifier: MIT
 * The configuration.  See config.h. */
#include "config.h"

#include "agent_command.h"
#include "agent_config.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "options.h"
#include "program.h"
#include "registry.h"
#include "server_command.h"
#include "settings.h"
#include "variables.h"
#include "web_url.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool hr_config_is_nested(void)
{
    const char *text = getenv("HANDRAIL_SUPERVISED");
    return text && strcmp(text, "1") == 0;
}

/* How whoever has set it calls it. */
static const char *source(const struct hr_config *c, const char *option,
                          char out[HR_SETTING_SOURCE])
{
    hr_setting_source(c, hr_setting_find(option, strlen(option)), out);
    return out;
}

/* What was asked for stays; the other one follows. */
static int match_backoff(const struct hr_config *c, const char *prefix,
                         struct hr_service_settings *s)
{
    char names[2][64];
    char sources[2][HR_SETTING_SOURCE];
    if (s->backoff_ms <= s->backoff_max_ms)
        return 0;
    (void)snprintf(names[0], sizeof(names[0]), "%sbackoff", prefix);
    (void)snprintf(names[1], sizeof(names[1]), "%sbackoff-max", prefix);
    bool first_given = hr_setting_origin(c, names[0]) != HR_FROM_DEFAULT;
    bool max_given = hr_setting_origin(c, names[1]) != HR_FROM_DEFAULT;
    if (max_given && first_given) {
        hr_error("%s is more than %s: it must not be", source(c, names[0], sources[0]),
                 source(c, names[1], sources[1]));
        return HR_EXIT_CONFIG;
    }
    if (max_given)
        s->backoff_ms = s->backoff_max_ms;
    else
        s->backoff_max_ms = s->backoff_ms;
    return 0;
}

/* Settings whose value depends on others. */
static int match_settings(struct hr_config *c)
{
    if (!c->sidecar) { /* a plain init does nothing that was not asked for */
        if (hr_setting_origin(c, "restart") == HR_FROM_DEFAULT)
            c->server.restart = HR_RESTART_NEVER;
        if (hr_setting_origin(c, "grace") == HR_FROM_DEFAULT)
            c->grace_ms = 0;
        /* Not of an image that is only looked at by hand, or inside another handrail. */
        if (c->on_claim && !c->nested && hr_setting_origin(c, "sidecar") != HR_FROM_DEFAULT)
            hr_warn("--on-claim: it is never run, because without the sidecar nobody sees a claim");
    }
    int code = match_backoff(c, "", &c->server);
    if (!code)
        code = match_backoff(c, "sidecar-", &c->sidecar_settings);
    if (!code)
        code = match_backoff(c, "toolhost-", &c->toolhosts);
    return code;
}

/* Where the agent-server is probed: the host it is told to bind, unless that is every address or a
 * name, which only the server can resolve. */
static int load_agent(struct hr_config *c)
{
    int64_t port = c->agent_port;
    bool is_server = hr_is_agent_server(c->command);
    const char *(*option)(char *const *, const char *) =
        is_server ? hr_server_option : hr_command_option;
    const char *text = option(c->command, "--port");
    if (text && hr_setting_origin(c, "agent-port") == HR_FROM_DEFAULT &&
        hr_parse_int(text, 1, 65535, &port) && is_server) {
        hr_error("--port in the server's command is \"%s\": expected a port number from 1 to 65535",
                 text);
        return HR_EXIT_CONFIG;
    }
    c->agent_port = (uint16_t)port;

    struct hr_address a;
    char with_port[HR_ADDRESS_TEXT];
    const char *host = option(c->command, "--host");
    (void)snprintf(c->agent_host, sizeof(c->agent_host), "127.0.0.1");
    if (!host || strcmp(host, "0.0.0.0") == 0)
        return 0;
    bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(with_port, sizeof(with_port), v6 ? "[%.48s]:0" : "%.48s:0", host);
    if (hr_address_parse(with_port, "", &a))
        return 0;
    if (strcmp(host, "::") == 0)
        host = "::1";
    (void)snprintf(c->agent_host, sizeof(c->agent_host), "%s", host);
    return 0;
}

static int check_addresses(const struct hr_config *c)
{
    char text[HR_ADDRESS_TEXT];
    char names[2][HR_SETTING_SOURCE];
    uint16_t health = hr_address_port(&c->health);
    uint16_t mcp = hr_address_port(&c->mcp);
    if (!hr_address_is_loopback(&c->mcp)) {
        hr_address_format(&c->mcp, text);
        hr_error("%s is %s: the tools are offered on a loopback address only, such as "
                 "127.0.0.1:60011",
                 source(c, "mcp-addr", names[0]), text);
        return HR_EXIT_CONFIG;
    }
    if ((health && health == mcp) || health == c->agent_port || mcp == c->agent_port) {
        hr_error("ports clash: agent-server %u, %s %u, %s %u: give each its own", c->agent_port,
                 source(c, "health-addr", names[0]), health, source(c, "mcp-addr", names[1]), mcp);
        return HR_EXIT_CONFIG;
    }
    return 0;
}

/* What is worse: the first code that is not 0. */
static int worse(int code, int other)
{
    return code ? code : other;
}

/* Where the two files are, once the settings are known.  0 or 78. */
static int find_files(struct hr_config *c)
{
    size_t room = sizeof(c->registry_path);
    int n = snprintf(c->agent_config_path, room, "%s/agent_config.json", c->config_dir);
    int m = c->registry ? snprintf(c->registry_path, room, "%s", c->registry)
                        : snprintf(c->registry_path, room, "%s/tool_registry.json", c->config_dir);
    if (n > 0 && m > 0 && (size_t)n < room && (size_t)m < room)
        return 0;
    hr_error("the name of the %s is longer than %zu bytes",
             (size_t)n >= room ? "configuration's folder" : "tool registry", room - 1);
    return HR_EXIT_CONFIG;
}

/* agent_config.json, which may say where the registry is. */
static int load_agent_config(struct hr_config *c)
{
    int code = find_files(c);
    if (code)
        return code;
    code = hr_agent_config_load(c);
    return worse(code, find_files(c));
}

static int load_registry(struct hr_config *c)
{
    int code = hr_registry_load(c->registry_path, c->registry != NULL, c);
    if (!code)
        code = hr_agent_config_native(c);
    hr_registry_stamp(c);
    return code;
}

/* Do two command names mean the same program? */
static bool same_name(const char *a, const char *b)
{
    const char *x = strrchr(a, '/');
    const char *y = strrchr(b, '/');
    return strcmp(x ? x + 1 : a, y ? y + 1 : b) == 0;
}

/* A launcher that gives the whole command as arguments to an image's entrypoint.  If it names the
 * server once more, that is dropped and the flags stay; if it is another command ("/venv/bin/python
 * -m openhands.agent_server"), it is the command. */
static bool is_whole_command(char **argv)
{
    return argv[1] && !same_name(argv[0], argv[1]) && strchr(argv[1], '/') &&
           hr_program_is_executable(argv[1]);
}

static int real_command(char **argv, char ***ret_command)
{
    char *server = NULL;
    int err = hr_real_server(argv[0], &server);
    if (err == -EINVAL) {
        hr_error(
            "HANDRAIL_SERVER is \"%s\": expected the absolute path of the server, which is not "
            "handrail itself",
            getenv("HANDRAIL_SERVER"));
        return HR_EXIT_CONFIG;
    }
    if (err) {
        hr_error("called as \"%s\", but there is no %s.real beside it and HANDRAIL_SERVER does not "
                 "name the server",
                 argv[0], argv[0]);
        return 127;
    }
    if (argv[1] && same_name(argv[0], argv[1]))
        argv++;
    argv[0] = server; /* lives as long as the process */
    *ret_command = argv;
    return 0;
}

/* A shell for somebody to type at: no script, no command, on a terminal. */
static bool is_a_prompt(char *const *argv)
{
    static const char *const shells[] = {"sh", "bash", "dash", "ash", "zsh", "fish"};
    bool shell = false;
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        shell = shell || same_name(argv[0], shells[i]);
    for (argv++; shell && *argv; argv++) /* "-i", "-l", "--norc", but no "-c" and no "-xc" */
        shell = (*argv)[0] == '-' && ((*argv)[1] == '-' || !strchr(*argv, 'c'));
    return shell && isatty(STDIN_FILENO);
}

/* An image that is looked at by hand: the shell needs the terminal, and there is no server. */
static void match_terminal(struct hr_config *c)
{
    if (hr_setting_origin(c, "sidecar") != HR_FROM_DEFAULT || !is_a_prompt(c->command))
        return;
    hr_info("%s on a terminal: only running it; --sidecar supervises it all the same",
            c->command[0]);
    c->sidecar = false;
}

/* From the environment alone: an option would be in `ps`. */
static int load_webhook(struct hr_config *c)
{
    const char *text = getenv("HANDRAIL_WEBHOOK_AUTHORIZATION");
    if (!c->webhook || !text || !*text)
        return 0;
    if (hr_header_value_check(text)) {
        hr_error("HANDRAIL_WEBHOOK_AUTHORIZATION: expected the value of an Authorization header, "
                 "such as \"Bearer ...\": one line of UTF-8, without control characters");
        return HR_EXIT_CONFIG;
    }
    c->webhook_authorization = text;
    return 0;
}

/* What has to go together, all being known.  0 or 78. */
static int match_all(struct hr_config *c)
{
    int code = c->stdio ? match_backoff(c, "toolhost-", &c->toolhosts) : match_settings(c);
    if (code || !c->sidecar || c->nested || c->stdio)
        return code;
    code = load_webhook(c);
    if (!code)
        code = load_agent(c);
    return code ? code : check_addresses(c);
}

/* What does not come from the command line.  Everything is read, also after a first problem: all of
 * them are said in one run. */
static int load_sources(struct hr_config *c)
{
    int code = hr_settings_environment(c);
    if (!code && !c->nested && !c->stdio)
        match_terminal(c);
    if (!c->sidecar) /* a plain init, by option or variable: it does nothing that is in files */
        return code;
    code = worse(code, load_agent_config(c));
    if (c->sidecar && !c->nested)
        code = worse(code, load_registry(c));
    return code;
}

/* Everything but the options, which c has already. */
static int load(struct hr_config *c)
{
    c->nested = !c->stdio && (hr_config_is_nested() || hr_agent_server_answers(c->command));
    if (!c->nested)
        hr_variables_check(environ);
    int code = load_sources(c);
    if (!code)
        code = match_all(c);
    return code ? code : hr_agent_config_apply(c);
}

static int finish(struct hr_config *c, struct hr_config *ret)
{
    int code = load(c);
    if (code)
        hr_config_free(c);
    else
        *ret = *c;
    return code;
}

int hr_config_load(char **argv, struct hr_config *ret)
{
    struct hr_config c = {0};
    hr_settings_default(&c);
    int code = hr_options_parse(argv, NULL, &c, &c.command);
    if (code)
        return code;
    if (!c.command[0] || !c.command[0][0]) {
        hr_error("no command given: handrail run [options] -- CMD ARGS");
        return HR_EXIT_USAGE;
    }
    return finish(&c, ret);
}

int hr_config_load_as_server(char **argv, struct hr_config *ret)
{
    struct hr_config c = {0};
    hr_settings_default(&c);
    int code = 0;
    if (is_whole_command(argv))
        c.command = argv + 1;
    else
        code = real_command(argv, &c.command);
    return code ? code : finish(&c, ret);
}

int hr_config_load_to_show(char **argv, const struct hr_flag *flags, struct hr_config *ret)
{
    static char *nobody[] = {"", NULL};
    struct hr_config c = {0};
    char *program = NULL;
    hr_settings_default(&c);
    int code = hr_options_parse(argv, flags, &c, &c.command);
    if (code)
        return code;
    if (!c.command[0])
        c.command = nobody;
    (void)hr_program_find(c.command[0], "", &program);
    if (program && hr_program_is_self(program)) {
        if (is_whole_command(c.command))
            c.command++;
        else
            code = real_command(c.command, &c.command);
    }
    free(program);
    return code ? code : finish(&c, ret);
}

int hr_config_load_mcp(char **argv, struct hr_config *ret)
{
    struct hr_config c = {0};
    hr_settings_default_mcp(&c);
    int code = hr_options_parse(argv, NULL, &c, &c.command);
    if (!code && c.command[0]) {
        hr_error("unexpected argument %s; see handrail mcp --help", c.command[0]);
        code = HR_EXIT_USAGE;
    }
    return code ? code : finish(&c, ret);
}

/* What was said on the command line and in the environment. */
static void inherit(struct hr_config *c, const struct hr_config *old)
{
    for (size_t i = 0; i < hr_nsettings; i++)
        if (old->origins[i] > HR_FROM_FILE)
            hr_setting_copy(c, old, &hr_settings[i]);
    c->command = old->command;
    c->environment = json_incref(old->environment);
    memcpy(c->registry_path, old->registry_path, sizeof(c->registry_path));
    memcpy(c->agent_config_path, old->agent_config_path, sizeof(c->agent_config_path));
}

int hr_config_reread(const struct hr_config *old, const struct hr_config_text *agent_config,
                     const struct hr_config_text *registry, struct hr_config *ret)
{
    struct hr_config c = {0};
    int code = 0;
    if (old->stdio)
        hr_settings_default_mcp(&c);
    else
        hr_settings_default(&c);
    inherit(&c, old);
    if (agent_config->len >= 0)
        code = hr_agent_config_parse(c.agent_config_path, agent_config->text,
                                     (size_t)agent_config->len, &c);
    if (registry->len >= 0)
        code = worse(code,
                     hr_registry_parse(c.registry_path, registry->text, (size_t)registry->len, &c));
    if (!code)
        code = hr_agent_config_native(&c);
    bool sidecar = c.sidecar;
    c.sidecar = old->sidecar; /* what follows from it goes on doing so */
    if (!code)
        code = match_all(&c);
    c.sidecar = sidecar;
    if (code)
        hr_config_free(&c);
    else
        *ret = c;
    return code;
}

void hr_config_free(struct hr_config *c)
{
    for (uint32_t i = 0; i < c->nplugins; i++) {
        free(c->plugins[i].path);
        json_decref(c->plugins[i].config);
        json_decref(c->plugins[i].confinement);
    }
    c->nplugins = 0;
    json_decref(c->agent_config);
    json_decref(c->environment);
    c->agent_config = c->environment = NULL;
}
