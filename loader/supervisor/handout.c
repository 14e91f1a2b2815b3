/* SPDX-License-Identifier: MIT
 * What is handed to the programs we run.  See handout.h; the shapes are in common/handoff.h. */
#include "handout.h"

#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/utf8.h"
#include "control_listen.h"
#include "listen.h"
#include "loader/config/server_command.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int listen_on(const char *variable, struct hr_address *address, int *ret_fd)
{
    char text[HR_ADDRESS_TEXT];
    int err = hr_listen_tcp(address, ret_fd);
    if (!err)
        return 0;
    hr_address_format(address, text);
    hr_error("cannot listen on %s: %s: free that address or set %s to another one", text,
             strerror(-err), variable);
    return HR_EXIT_CONFIG;
}

/* The settings as a sealed file in place of the one before.  Steals root.  0 or -errno. */
static int seal_settings(json_t *root, int *fd)
{
    int fresh = -1;
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    size_t n = text ? strlen(text) : 0;
    int err = !text ? -ENOMEM : n > HR_SETTINGS_MAX ? -E2BIG : 0;
    json_decref(root);
    if (!err)
        err = hr_memfd_sealed("handrail-settings", text, n, &fresh);
    if (text)
        explicit_bzero(text, n);
    free(text);
    if (err)
        return err;
    hr_close(fd);
    *fd = fresh;
    return 0;
}

/* The variables that its confinement grants, as far as we have them ourselves.  New reference. */
static json_t *granted_variables(const struct hr_plugin_config *p)
{
    json_t *found = json_object();
    const json_t *names = json_object_get(p->confinement, "environment");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const char *value = getenv(name);
        /* Not text: JSON cannot carry it; an absent variable is what the plugin then has to report.
         */
        if (value && json_object_set_new(found, name, json_string(value)) < 0)
            hr_warn("plugin %s: variable %s is not handed on: it is not UTF-8", p->id, name);
    }
    return found;
}

int hr_handout_toolhost(struct hr_handout *h, const struct hr_config *c, uint32_t i)
{
    const struct hr_plugin_config *p = &c->plugins[i];
    if (h->toolhosts[i].calls_fd < 0) {
        int err = hr_listen_abstract(h->toolhosts[i].name, &h->toolhosts[i].calls_fd);
        if (err)
            return err;
    }
    return seal_settings(json_pack("{s:s, s:s, s:s*, s:O, s:s, s:O, s:o, s:I}", "id", p->id, "path",
                                   p->path, "sha256", p->sha256[0] ? p->sha256 : NULL, "config",
                                   p->config, "ipc_key", h->ipc_key, "confinement", p->confinement,
                                   "environment", granted_variables(p), "watchdog_ms",
                                   (json_int_t)c->sidecar_watchdog_ms),
                         &h->toolhosts[i].settings_fd);
}

static json_t *plugin_entry(const struct hr_handout *h, uint32_t i,
                            const struct hr_plugin_config *p)
{
    char hex[2 * HR_ABSTRACT_NAME_MAX + 1];
    const char *name = h->toolhosts[i].name;
    size_t n = 0;
    for (; name[n]; n++)
        (void)snprintf(hex + 2 * n, 3, "%02x", (unsigned char)name[n]);
    hex[2 * n] = '\0';
    return json_pack("{s:s, s:s, s:i, s:b}", "id", p->id, "socket", hex, "service",
                     (int)i + HR_INDEX_TOOLHOST, "required", p->required);
}

/* The key in a variable, or NULL. */
static const char *key_in(const char *variable)
{
    const char *key = getenv(variable);
    size_t n = key ? strlen(key) : 0;
    if (hr_utf8_valid(key, n) == n)
        return n ? key : NULL;
    hr_warn("%s is not UTF-8: the sidecar goes without that key; set it to plain text", variable);
    return NULL;
}

static void set_key(json_t *agent, const char *name, const char *value)
{
    if (value)
        (void)json_object_set_new(agent, name, json_string(value));
}

/* The settings of the sidecar of `handrail mcp`; list is taken over. */
static json_t *stdio_settings(const struct hr_handout *h, const struct hr_config *c, json_t *list)
{
    return json_pack("{s:b, s:s, s:o, s:I}", "stdio", 1, "ipc_key", h->ipc_key, "plugins", list,
                     "watchdog_ms", (json_int_t)c->sidecar_watchdog_ms);
}

/* Whom to tell what happens; NULL if nobody is.  New reference. */
static json_t *webhook_settings(const struct hr_config *c)
{
    if (!c->webhook)
        return NULL;
    const char *secret = c->webhook_authorization;
    size_t n = secret ? strlen(secret) : 0;
    while (n && isspace((unsigned char)secret[n - 1])) /* a file's last newline */
        n--;
    return json_pack("{s:s, s:o*}", "url", c->webhook, "authorization",
                     n ? json_stringn_nocheck(secret, n) : NULL);
}

/* The editor's port, if the server will start one: as it decides, and where it listens then; else
 * 0.
 */
static uint16_t vscode_port(void)
{
    const char *enabled = getenv("OH_ENABLE_VSCODE");
    const char *text = getenv("OH_VSCODE_PORT");
    int64_t port = HR_VSCODE_PORT;
    if ((enabled && *enabled && !hr_server_bool(enabled)) || access(HR_VSCODE_PROGRAM, X_OK) < 0)
        return 0;
    if (text && *text && hr_parse_int(text, 1, 65535, &port))
        return 0; /* the server will say what is wrong with it */
    return (uint16_t)port;
}

/* The settings of the health checks, with a look at the editor's port.  New reference. */
static json_t *checks_settings(const struct hr_handout *h, const struct hr_config *c)
{
    json_t *checks = hr_check_settings_json(&c->checks);
    char name[sizeof("port/65535")];
    (void)snprintf(name, sizeof(name), "port/%u", h->vscode_port);
    if (h->vscode_port && !json_object_get(checks, name))
        (void)json_object_set_new(checks, name, json_object());
    return checks;
}

int hr_handout_sidecar(struct hr_handout *h, const struct hr_config *c)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->nplugins; i++)
        if (c->plugins[i].path)
            (void)json_array_append_new(list, plugin_entry(h, i, &c->plugins[i]));
    if (c->stdio)
        return seal_settings(stdio_settings(h, c, list), &h->sidecar_settings_fd);
    json_t *agent = json_pack("{s:s, s:i, s:b}", "host", c->agent_host, "port", (int)c->agent_port,
                              "deferred", hr_server_bool(getenv("OH_DEFERRED_INIT")));
    set_key(agent, "session_key", h->session_key);
    set_key(agent, "init_key", key_in("OH_SECRET_KEY"));
    return seal_settings(json_pack("{s:o, s:{s:s}, s:s, s:o, s:o, s:I, s:{s:s}, s:o*}", "agent",
                                   agent, "mcp", "token", h->mcp_token, "ipc_key", h->ipc_key,
                                   "plugins", list, "checks", checks_settings(h, c), "watchdog_ms",
                                   (json_int_t)c->sidecar_watchdog_ms, "pool", "podinfo_dir",
                                   c->podinfo_dir, "webhook", webhook_settings(c)),
                         &h->sidecar_settings_fd);
}

/* The first session key the server is given: OH_SESSION_API_KEYS is a JSON list, or each has a
 * variable of its own; SESSION_API_KEY is the old name.  Allocated, NULL for none. */
static char *session_key(void)
{
    static const char *const names[] = {"OH_SESSION_API_KEYS_0", "SESSION_API_KEY"};
    const char *list = getenv("OH_SESSION_API_KEYS");
    json_t *parsed = list ? json_loads(list, 0, NULL) : NULL;
    const char *key = json_string_value(json_array_get(parsed, 0));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !(key && *key); i++)
        key = key_in(names[i]);
    char *copy = key && *key ? strdup(key) : NULL;
    json_decref(parsed);
    return copy;
}

/* Probes over the network do not need it, so the pod runs without it. */
static void listen_for_probes(struct hr_handout *h)
{
    char name[HR_CONTROL_NAME_MAX];
    int err = hr_probe_listen(name, &h->probe_fd);
    if (err)
        hr_warn("cannot listen on the probe socket %s: %s: running without it, so handrail probe "
                "will not work",
                name, strerror(-err));
}

/* What is for the network and for the server.  0 or the exit code. */
static int make_endpoints(const struct hr_config *c, struct hr_handout *h)
{
    h->health = c->health;
    h->mcp = c->mcp;
    h->session_key = session_key();
    h->vscode_port = vscode_port();
    listen_for_probes(h);
    int code = listen_on("HANDRAIL_HEALTH_ADDR", &h->health, &h->health_fd);
    return code ? code : listen_on("HANDRAIL_MCP_ADDR", &h->mcp, &h->mcp_fd);
}

int hr_handout_make(const struct hr_config *c, struct hr_handout *ret)
{
    struct hr_handout *h = ret;
    h->sidecar_settings_fd = h->health_fd = h->mcp_fd = h->probe_fd = -1;
    for (uint32_t i = 0; i < HR_MAX_PLUGINS; i++)
        h->toolhosts[i].calls_fd = h->toolhosts[i].settings_fd = -1;
    h->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int code = c->stdio ? 0 : make_endpoints(c, h);
    if (code)
        return code;
    int err = hr_random_hex(h->ipc_key, HR_KEY_BYTES);
    if (!err)
        err = hr_random_hex(h->mcp_token, HR_KEY_BYTES);
    for (uint32_t i = 0; i < c->nplugins && !err; i++)
        err = hr_handout_toolhost(h, c, i);
    if (!err)
        err = hr_handout_sidecar(h, c);
    if (!err)
        return 0;
    hr_error("cannot prepare what our programs need: %s", strerror(-err));
    return err == -E2BIG ? HR_EXIT_CONFIG : HR_EXIT_OSERR;
}

void hr_handout_url(const struct hr_handout *h, char out[HR_URL_TEXT])
{
    char address[HR_ADDRESS_TEXT];
    hr_address_format(&h->mcp, address);
    (void)snprintf(out, HR_URL_TEXT, "http://%s/mcp", address);
}
