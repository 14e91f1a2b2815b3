/* SPDX-License-Identifier: MIT
 * The gate of the MCP endpoint.  See gate.h.
 *
 * Host and Origin are checked first and on every path: a browser in the same container that was
 * led here by DNS rebinding must learn nothing, not even which paths exist.  No CORS header is ever
 * sent. */
#include "gate.h"

#include "common/fd.h"
#include "rpc.h"

#include <string.h>
#include <strings.h>

/* Everything refused here gets a JSON-RPC error without an id as its body. */
static enum hr_mcp_gate refuse(struct hr_http_req *req, unsigned status, int code,
                               const char *message)
{
    struct hr_buf body;
    hr_buf_init(&body, HR_MCP_ANSWER_MAX);
    (void)hr_mcp_add_error(&body, NULL, code, message, NULL);
    hr_http_reply(req, status, "application/json", hr_buf_str(&body), body.len);
    hr_buf_free(&body);
    return HR_MCP_REFUSED;
}

/* host or host:port, where host is this machine. */
static int loopback(const char *authority)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        size_t n = strlen(hosts[i]);
        if (strncasecmp(authority, hosts[i], n) != 0)
            continue;
        const char *rest = authority + n;
        if (!*rest)
            return 1;
        size_t digits = *rest == ':' ? strspn(rest + 1, "0123456789") : 0;
        return digits >= 1 && digits <= 5 && !rest[1 + digits];
    }
    return 0;
}

static int origin_ok(const char *origin)
{
    if (!strncasecmp(origin, "http://", 7))
        return loopback(origin + 7);
    if (!strncasecmp(origin, "https://", 8))
        return loopback(origin + 8);
    return 0;
}

static int token_ok(const char *authorization, const char *token)
{
    if (!token || !authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return 0;
    const char *given = authorization + 7;
    return hr_equal_secret(given + strspn(given, " "), token);
}

static int is_json(const char *content_type)
{
    static const char json[] = "application/json";
    const size_t n = sizeof(json) - 1;
    return content_type && !strncasecmp(content_type, json, n) &&
           (!content_type[n] || strchr("; \t", content_type[n]));
}

enum hr_mcp_gate hr_mcp_gate(struct hr_http_req *req, const char *token)
{
    const char *method = hr_http_method(req);
    const char *host = hr_http_header(req, "Host");
    const char *origin = hr_http_header(req, "Origin");
    if (!host || !loopback(host))
        return refuse(req, 403, HR_RPC_SERVER_ERROR,
                      "Host must be 127.0.0.1, localhost or [::1]: this endpoint is for clients in "
                      "the same container");
    if (origin && !origin_ok(origin))
        return refuse(req, 403, HR_RPC_SERVER_ERROR,
                      "Origin must be an http or https origin on 127.0.0.1, localhost or [::1]");
    if (strcmp(hr_http_path(req), "/mcp") != 0)
        return refuse(req, 404, HR_RPC_SERVER_ERROR, "not found: the endpoint is /mcp");
    /* Without sessions there is none to listen to or to end: GET and DELETE are for legacy
     * clients. */
    const char *version = hr_http_header(req, "MCP-Protocol-Version");
    int modern = version && !strcmp(version, HR_MCP_VERSION_MODERN);
    int post = !strcmp(method, "POST");
    int other = !strcmp(method, "GET") || !strcmp(method, "DELETE");
    if (!post && (modern || !other)) {
        hr_http_add_header(req, "Allow", modern ? "POST" : "POST, GET, DELETE");
        return refuse(req, 405, HR_RPC_SERVER_ERROR, "use POST to send a message");
    }
    if (!token_ok(hr_http_header(req, "Authorization"), token)) {
        hr_http_add_header(req, "WWW-Authenticate", "Bearer");
        return refuse(req, 401, HR_RPC_SERVER_ERROR,
                      "send \"Authorization: Bearer <token>\" with the token in "
                      "~/.agents/plugins/handrail/.mcp.json");
    }
    if (post && !is_json(hr_http_header(req, "Content-Type")))
        return refuse(req, 415, HR_RPC_SERVER_ERROR, "Content-Type must be application/json");
    /* No Accept is refused: every client that can speak MCP can read JSON, and a refusal would cost
     * it its session. */
    return HR_MCP_PASS;
}
