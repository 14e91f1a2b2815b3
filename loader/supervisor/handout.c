/* SPDX-License-Identifier: MIT
 * What is handed to the programs we run.  See handout.h; the shapes are in common/handoff.h. */
#include "handout.h"

#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

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

/* The settings as a sealed file.  Steals root.  0 or exit code. */
static int seal_settings(json_t *root, int *ret_fd)
{
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    size_t n = text ? strlen(text) : 0;
    int err = !text ? -ENOMEM : n > HR_SETTINGS_MAX ? -E2BIG : 0;
    json_decref(root);
    if (!err)
        err = hr_memfd_sealed("handrail-settings", text, n, ret_fd);
    if (text)
        explicit_bzero(text, n);
    free(text);
    if (!err)
        return 0;
    hr_error("cannot prepare the settings of a program: %s", strerror(-err));
    return err == -E2BIG ? HR_EXIT_CONFIG : HR_EXIT_OSERR;
}

/* Socket and settings of one toolhost; appends its entry to `list` for the sidecar. */
static int make_toolhost(const struct hr_config *c, uint32_t i, const char *key, json_t *list,
                         struct hr_handout *h)
{
    const struct hr_plugin_config *p = &c->plugins[i];
    char name[HR_ABSTRACT_NAME_MAX];
    char hex[2 * HR_ABSTRACT_NAME_MAX + 1];
    int err = hr_listen_abstract(name, &h->toolhosts[i].calls_fd);
    if (err) {
        hr_error("cannot open the socket of plugin %s: %s", p->id, strerror(-err));
        return HR_EXIT_OSERR;
    }
    for (size_t k = 0; k <= strlen(name); k++)
        (void)snprintf(hex + 2 * k, 3, "%02x", (unsigned char)name[k]);
    hex[2 * strlen(name)] = '\0';
    (void)json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:b}", "id", p->id, "socket", hex,
                                                "service", (int)i + HR_INDEX_TOOLHOST, "required",
                                                p->required));
    return seal_settings(json_pack("{s:s, s:s, s:O, s:s}", "id", p->id, "path", p->path, "config",
                                   p->config, "ipc_key", key),
                         &h->toolhosts[i].settings_fd);
}

int hr_handout_make(const struct hr_config *c, struct hr_handout *ret)
{
    static struct hr_handout h; /* zeroed; large for a stack */
    char key[HR_KEY_TEXT];
    h.health = c->health;
    h.mcp = c->mcp;
    h.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int code = listen_on("HANDRAIL_HEALTH_ADDR", &h.health, &h.health_fd);
    if (!code)
        code = listen_on("HANDRAIL_MCP_ADDR", &h.mcp, &h.mcp_fd);
    if (code)
        return code;
    int err = hr_random_hex(key, HR_KEY_BYTES);
    if (!err)
        err = hr_random_hex(h.mcp_token, HR_KEY_BYTES);
    if (err) {
        hr_error("cannot make keys: %s", strerror(-err));
        return HR_EXIT_OSERR;
    }
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->nplugins && !code; i++)
        code = make_toolhost(c, i, key, list, &h);
    json_t *sidecar =
        json_pack("{s:{s:s, s:i}, s:{s:s}, s:s, s:o}", "agent", "host", c->agent_host, "port",
                  (int)c->agent_port, "mcp", "token", h.mcp_token, "ipc_key", key, "plugins", list);
    if (!code)
        code = seal_settings(sidecar, &h.sidecar_settings_fd);
    else
        json_decref(sidecar);
    explicit_bzero(key, sizeof(key));
    if (!code)
        *ret = h;
    return code;
}
