/* SPDX-License-Identifier: MIT
 * The configuration.  See config.h. */
#include "config.h"

#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "options.h"
#include "registry.h"
#include "server_command.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    GRACE_DEFAULT_MS = 25 * 1000, /* inside the 30 s a pod gets by default */
    AGENT_PORT_DEFAULT = 8000,    /* the agent-server's own default */
};
static const char config_dir_default[] = "/app/config";

/* A variable's value, NULL when it is unset or empty. */
static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* The mode: option, else HANDRAIL_SIDECAR=on|off, else on. */
static int load_mode(const struct hr_options *o, struct hr_config *c)
{
    const char *text = env("HANDRAIL_SIDECAR");
    c->sidecar = true;
    if (o->sidecar >= 0) {
        c->sidecar = o->sidecar != 0;
    } else if (text && strcmp(text, "off") == 0) {
        c->sidecar = false;
    } else if (text && strcmp(text, "on") != 0) {
        hr_error("HANDRAIL_SIDECAR is \"%s\": expected on or off", text);
        return HR_EXIT_CONFIG;
    }
    return 0;
}

static int load_policy(const struct hr_options *o, struct hr_config *c)
{
    int restart = c->sidecar ? HR_RESTART_ON_FAILURE : HR_RESTART_NEVER;
    const char *text = env("HANDRAIL_RESTART");
    if (o->restart >= 0) {
        restart = o->restart;
    } else if (text && hr_restart_parse(text, &restart)) {
        hr_error("HANDRAIL_RESTART is \"%s\": expected never, on-failure or always", text);
        return HR_EXIT_CONFIG;
    }
    c->restart = (enum hr_restart)restart;

    c->grace_ms = c->sidecar ? GRACE_DEFAULT_MS : 0;
    text = env("HANDRAIL_GRACE");
    if (o->grace_ms >= 0) {
        c->grace_ms = o->grace_ms;
    } else if (text && hr_grace_parse(text, &c->grace_ms)) {
        hr_error("HANDRAIL_GRACE is \"%s\": expected whole seconds, 0 for no limit", text);
        return HR_EXIT_CONFIG;
    }
    return 0;
}

/* Where the agent-server is probed: the host it is told to bind, unless that is every address or a
 * name, which only the server can resolve. */
static int load_agent(struct hr_config *c)
{
    int64_t port = AGENT_PORT_DEFAULT;
    const char *where = "HANDRAIL_AGENT_PORT";
    const char *text = env(where);
    if (!text) {
        where = "--port in the server's command";
        text = hr_command_option(c->command, "--port");
    }
    if (text && hr_parse_int(text, 1, 65535, &port)) {
        hr_error("%s is \"%s\": expected a port number from 1 to 65535", where, text);
        return HR_EXIT_CONFIG;
    }
    c->agent_port = (uint16_t)port;

    struct hr_address a;
    char with_port[HR_ADDRESS_TEXT];
    const char *host = hr_command_option(c->command, "--host");
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

static int load_address(const char *name, const char *fallback, const char *default_host,
                        struct hr_address *ret)
{
    const char *text = env(name);
    if (hr_address_parse(text ? text : fallback, default_host, ret) == 0)
        return 0;
    hr_error("%s is \"%s\": expected a numeric address and port such as %s", name, text, fallback);
    return HR_EXIT_CONFIG;
}

static int load_addresses(struct hr_config *c)
{
    char text[HR_ADDRESS_TEXT];
    int code = load_address("HANDRAIL_HEALTH_ADDR", "0.0.0.0:60010", "0.0.0.0", &c->health);
    if (!code)
        code = load_address("HANDRAIL_MCP_ADDR", "127.0.0.1:60011", "127.0.0.1", &c->mcp);
    if (code)
        return code;
    uint16_t health = hr_address_port(&c->health);
    uint16_t mcp = hr_address_port(&c->mcp);
    if (!hr_address_is_loopback(&c->mcp)) {
        hr_address_format(&c->mcp, text);
        hr_error("HANDRAIL_MCP_ADDR is %s: the tools are offered on a loopback address only, such "
                 "as 127.0.0.1:60011",
                 text);
        return HR_EXIT_CONFIG;
    }
    if ((health && health == mcp) || health == c->agent_port || mcp == c->agent_port) {
        hr_error("ports clash: agent-server %u, HANDRAIL_HEALTH_ADDR %u, HANDRAIL_MCP_ADDR %u: "
                 "give each its own",
                 c->agent_port, health, mcp);
        return HR_EXIT_CONFIG;
    }
    return 0;
}

static int load_registry(const struct hr_options *o, struct hr_config *c)
{
    if (o->registry)
        return hr_registry_load(o->registry, true, c);
    char path[PATH_MAX];
    const char *dir = o->config_dir ? o->config_dir : env("HANDRAIL_CONFIG_DIR");
    int n = snprintf(path, sizeof(path), "%s/tool_registry.json", dir ? dir : config_dir_default);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        hr_error("the configuration folder's name is longer than %d bytes", PATH_MAX);
        return HR_EXIT_CONFIG;
    }
    return hr_registry_load(path, false, c);
}

static int load(const struct hr_options *o, struct hr_config *ret)
{
    struct hr_config c = {.command = o->command};
    int code = load_mode(o, &c);
    if (!code)
        code = load_policy(o, &c);
    if (!code && c.sidecar) {
        code = load_agent(&c);
        if (!code)
            code = load_addresses(&c);
        if (!code)
            code = load_registry(o, &c);
    }
    if (code)
        hr_config_free(&c);
    else
        *ret = c;
    return code;
}

int hr_config_load(char **argv, struct hr_config *ret)
{
    struct hr_options o;
    int code = hr_options_parse(argv, &o);
    if (code)
        return code;
    if (!o.command[0]) {
        hr_error("no command given: handrail run [options] -- CMD ARGS");
        return HR_EXIT_USAGE;
    }
    return load(&o, ret);
}

/* Do two command names mean the same program? */
static bool same_name(const char *a, const char *b)
{
    const char *x = strrchr(a, '/');
    const char *y = strrchr(b, '/');
    return strcmp(x ? x + 1 : a, y ? y + 1 : b) == 0;
}

int hr_config_load_as_server(char **argv, struct hr_config *ret)
{
    char *server = NULL;
    int err = hr_real_server(argv[0], &server);
    if (err == -EINVAL) {
        hr_error(
            "HANDRAIL_SERVER is \"%s\": expected the absolute path of the server, which is not "
            "handrail itself",
            env("HANDRAIL_SERVER"));
        return HR_EXIT_CONFIG;
    }
    if (err) {
        hr_error("called as \"%s\", but there is no %s.real beside it and HANDRAIL_SERVER does not "
                 "name the server",
                 argv[0], argv[0]);
        return 127;
    }
    /* A launcher that gives the whole command as arguments to an image's entrypoint: the server's
     * own name comes first once more. */
    if (argv[1] && same_name(argv[0], argv[1]))
        argv++;
    argv[0] = server; /* lives as long as the process */
    struct hr_options o = {.sidecar = -1, .restart = -1, .grace_ms = -1, .command = argv};
    return load(&o, ret);
}

void hr_config_free(struct hr_config *c)
{
    for (uint32_t i = 0; i < c->nplugins; i++) {
        free(c->plugins[i].path);
        json_decref(c->plugins[i].config);
    }
    c->nplugins = 0;
}
