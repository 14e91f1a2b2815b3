/* SPDX-License-Identifier: MIT
 * The rules of protocol revision 2026-07-28.  See modern.h. */
#include "modern.h"

#include "headers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static int refuse(struct hr_mcp_refusal *ret, int code,
                                                        const char *format, ...)
{
    va_list args;
    *ret = (struct hr_mcp_refusal){.status = 400, .code = code};
    va_start(args, format);
    (void)vsnprintf(ret->why, sizeof(ret->why), format, args);
    va_end(args);
    return -EPROTO;
}

int hr_mcp_is_modern(const struct hr_mcp_message *msg, const char *version)
{
    if (json_object_get(json_object_get(msg->params, "_meta"), HR_MCP_META_VERSION))
        return 1;
    return version && !strcmp(version, HR_MCP_VERSION_MODERN) &&
           strcmp(msg->method, "initialize") != 0 && strcmp(msg->method, "ping") != 0;
}

/* Is the header there, and does it say the same as the value? */
static int header_agrees(const struct hr_mcp_peer *peer, const char *name, const json_t *value,
                         const char *where, struct hr_mcp_refusal *ret)
{
    if (!peer->transport->header)
        return 0;
    const char *header = peer->transport->header(peer, name);
    if (!header)
        return refuse(ret, HR_RPC_HEADER_MISMATCH, "the header %.100s is missing", name);
    if (!value || !hr_mcp_header_says(header, value))
        return refuse(ret, HR_RPC_HEADER_MISMATCH,
                      "the header %.100s does not say what %.100s says", name, where);
    return 0;
}

int hr_mcp_modern_check(const struct hr_mcp_message *msg, const struct hr_mcp_peer *peer,
                        struct hr_mcp_refusal *ret)
{
    json_t *meta = json_object_get(msg->params, "_meta");
    json_t *version = json_object_get(meta, HR_MCP_META_VERSION);
    if (!json_is_string(version))
        return refuse(ret, HR_RPC_INVALID_PARAMS, "params._meta has no string \"%s\"",
                      HR_MCP_META_VERSION);
    if (!json_is_object(json_object_get(meta, HR_MCP_META_CLIENT)))
        return refuse(ret, HR_RPC_INVALID_PARAMS, "params._meta has no object \"%s\"",
                      HR_MCP_META_CLIENT);
    int err = header_agrees(peer, "MCP-Protocol-Version", version, "params._meta", ret);
    if (err)
        return err;
    if (strcmp(json_string_value(version), HR_MCP_VERSION_MODERN) != 0) {
        (void)refuse(ret, HR_RPC_UNSUPPORTED_VERSION, "this protocol revision is not spoken here");
        ret->data =
            json_pack("{s:[s], s:O}", "supported", HR_MCP_VERSION_MODERN, "requested", version);
        return -EPROTO;
    }
    err =
        header_agrees(peer, "Mcp-Method", json_object_get(msg->root, "method"), "\"method\"", ret);
    if (!err && !strcmp(msg->method, "tools/call"))
        err = header_agrees(peer, "Mcp-Name", json_object_get(msg->params, "name"), "params.name",
                            ret);
    return err;
}

/* One parameter with a header of its own. */
static int param_agrees(const char *name, const char *header_name, const json_t *value,
                        const struct hr_mcp_peer *peer, struct hr_mcp_refusal *ret)
{
    char header[160];
    int n = snprintf(header, sizeof(header), "Mcp-Param-%s", header_name);
    if (n < 0 || (size_t)n >= sizeof(header))
        return 0; /* a name that no client can use */
    if (value && !json_is_null(value))
        return header_agrees(peer, header, value, name, ret);
    if (peer->transport->header && peer->transport->header(peer, header))
        return refuse(ret, HR_RPC_HEADER_MISMATCH,
                      "there is a header %.100s, but no argument %.60s", header, name);
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than the arguments, which the parser limits */
int hr_mcp_params_check(const json_t *schema, const json_t *arguments,
                        const struct hr_mcp_peer *peer, struct hr_mcp_refusal *ret)
{
    const char *name;
    json_t *property;
    int err = 0;
    json_object_foreach (json_object_get(schema, "properties"), name, property) {
        const json_t *value = json_object_get(arguments, name);
        const char *header = json_string_value(json_object_get(property, "x-mcp-header"));
        if (header && *header)
            err = param_agrees(name, header, value, peer, ret);
        if (!err && json_is_object(value))
            err = hr_mcp_params_check(property, value, peer, ret);
        if (err)
            break;
    }
    return err;
}

json_t *hr_mcp_server_info(void)
{
    return json_pack("{s:s, s:s, s:s}", "name", "handrail", "title", "Handrail", "version",
                     HR_VERSION);
}

json_t *hr_mcp_modern_result(json_t *result)
{
    json_t *meta = json_object_get(result, "_meta");
    int bad = 0;
    if (!result)
        return NULL;
    if (!meta) {
        meta = json_object();
        bad = json_object_set_new(result, "_meta", meta);
    }
    bad = bad || json_object_set_new(meta, HR_MCP_META_SERVER, hr_mcp_server_info()) ||
          json_object_set_new(result, "resultType", json_string("complete"));
    if (!bad)
        return result;
    json_decref(result);
    return NULL;
}
