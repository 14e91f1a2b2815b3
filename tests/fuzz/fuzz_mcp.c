/* SPDX-License-Identifier: MIT
 * What the MCP endpoint reads from outside, on any bytes: a client's message ('m'), one with
 * headers ('h': "Name: value" lines, an empty line, the body), the event that it saw last ('e'), a
 * toolhost's list of tools ('t') and its results ('r', 's' for a tool with an output schema), by
 * the first byte.  Whatever comes in, what goes out must be JSON in ASCII that the client can read.
 */
#include "common/frame.h"
#include "sidecar/mcp/event_id.h"
#include "sidecar/mcp/headers.h"
#include "sidecar/mcp/modern.h"
#include "sidecar/mcp/result.h"
#include "sidecar/mcp/rpc.h"
#include "sidecar/mcp/tools.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int true_)
{
    if (!true_)
        abort();
}

/* An answer with this result, taken over, must be readable and lead with a text. */
static void must_be_readable(json_t *id, json_t *result, int is_call)
{
    struct hr_buf out;
    hr_buf_init(&out, HR_MCP_ANSWER_MAX);
    must(hr_mcp_add_result(&out, id, result) == 0);
    for (size_t i = 0; i < out.len; i++)
        must((unsigned char)out.data[i] >= 0x20 && (unsigned char)out.data[i] <= 0x7f);
    json_t *json = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    must(json != NULL);
    must(!id || json_equal(json_object_get(json, "id"), id));
    json_t *content = json_object_get(json_object_get(json, "result"), "content");
    const char *type = json_string_value(json_object_get(json_array_get(content, 0), "type"));
    must(!is_call || (type && !strcmp(type, "text")));
    json_decref(json);
    hr_buf_free(&out);
}

/* The events of this request must be a header's value, and lead back to it. */
static void must_come_back(const json_t *id)
{
    char event_id[HR_MCP_EVENT_ID_MAX];
    hr_mcp_event_id(id, event_id);
    for (const char *p = event_id; *p; p++)
        must(*p >= 0x20 && *p <= 0x7e);
    json_t *again = hr_mcp_event_request(event_id);
    must(event_id[0] ? json_equal(again, id) : !again);
    json_decref(again);
}

static void event(const char *text, size_t len)
{
    char *event_id = strndup(text, len);
    json_t *id = hr_mcp_event_request(event_id);
    if (id)
        must_come_back(id);
    json_decref(id);
    free(event_id);
}

static void message(const char *body, size_t len)
{
    struct hr_mcp_message msg;
    hr_mcp_message_parse(body, len, &msg);
    must(msg.kind != HR_MCP_INVALID || (msg.code < 0 && msg.why[0]));
    must(msg.kind != HR_MCP_REQUEST || (msg.id && msg.method));
    if (msg.id) {
        must_be_readable(msg.id, json_object(), 0);
        must_come_back(msg.id);
    }
    hr_mcp_message_free(&msg);
}

/* The request that the rules look at: its headers, in lines that end with NUL. */
struct hr_http_req {
    const char *headers;
    size_t len;
};

const char *hr_http_header(const struct hr_http_req *req, const char *name)
{
    size_t n = strlen(name);
    for (size_t at = 0; at < req->len; at += strlen(req->headers + at) + 1)
        if (!strncasecmp(req->headers + at, name, n) && req->headers[at + n] == ':')
            return req->headers + at + n + 1;
    return NULL;
}

static const char *header_of(const struct hr_mcp_peer *p, const char *name)
{
    return hr_http_header(p->of, name);
}

/* Every header against every member of the params, and the message by the rules.  A schema of
 * parameters is taken from the params as well. */
static void rules(struct hr_http_req *http, const struct hr_mcp_message *msg)
{
    static const struct hr_mcp_transport transport = {.header = header_of};
    const struct hr_mcp_peer peer = {.transport = &transport, .of = http};
    struct hr_mcp_refusal refusal = {.code = 0};
    const char *key;
    json_t *value;
    for (size_t at = 0; at < http->len; at += strlen(http->headers + at) + 1) {
        json_t *text = json_string(http->headers + at);
        size_t n = strlen(http->headers + at);
        int plain = n && strncmp(http->headers + at, "=?", 2) != 0 &&
                    !strchr(" \t", http->headers[at]) && !strchr(" \t", http->headers[at + n - 1]);
        must(!text || !plain || hr_mcp_header_says(http->headers + at, text));
        json_decref(text);
        json_object_foreach (msg->params, key, value)
            (void)hr_mcp_header_says(http->headers + at, value);
    }
    if (hr_mcp_params_check(json_object_get(msg->params, "schema"),
                            json_object_get(msg->params, "arguments"), &peer, &refusal))
        must(refusal.status == 400 && refusal.code == HR_RPC_HEADER_MISMATCH && refusal.why[0]);
    if (!hr_mcp_is_modern(msg, hr_http_header(http, "MCP-Protocol-Version")) ||
        !hr_mcp_modern_check(msg, &peer, &refusal))
        return;
    must(refusal.status == 400 && refusal.code < 0 && refusal.why[0]);
    must((refusal.code == HR_RPC_UNSUPPORTED_VERSION) == (refusal.data != NULL));
    json_decref(refusal.data);
}

static void with_headers(const char *data, size_t len)
{
    const char *end = memmem(data, len, "\n\n", 2);
    char *lines = end ? malloc((size_t)(end - data) + 1) : NULL;
    if (!lines)
        return;
    struct hr_http_req http = {.headers = lines, .len = (size_t)(end - data) + 1};
    memcpy(lines, data, http.len);
    for (size_t i = 0; i < http.len; i++)
        if (lines[i] == '\n')
            lines[i] = '\0';
    struct hr_mcp_message msg;
    hr_mcp_message_parse(end + 2, len - (size_t)(end + 2 - data), &msg);
    if (msg.kind == HR_MCP_REQUEST)
        rules(&http, &msg);
    hr_mcp_message_free(&msg);
    free(lines);
}

static void tools(const char *json, size_t len)
{
    struct hr_mcp_tools *list = NULL;
    char why[100] = "";
    if (hr_mcp_tools_parse(json, len, &list, why, sizeof(why)) != 0) {
        must(!list && why[0]);
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        must(hr_mcp_tools_find(list, list->tool[i].name, list->tool[i].name_len) == &list->tool[i]);
        must(list->tool[i].timeout_ms > 0 && list->tool[i].timeout_ms <= HR_MCP_TIMEOUT_MAX_MS);
        must_be_readable(NULL, json_incref(list->tool[i].entry), 0);
    }
    hr_mcp_tools_free(list);
}

static void result(const char *payload, size_t len, int structured)
{
    enum hr_mcp_outcome outcome = HR_MCP_NOUTCOMES;
    if (hr_mcp_result_check(payload, len) != 0)
        return;
    json_t *json = hr_mcp_result("tool", payload, len, structured, &outcome);
    must(json && outcome < HR_MCP_NOUTCOMES);
    must(json_is_true(json_object_get(json, "isError")) == (outcome != HR_MCP_OK));
    must(!structured || outcome != HR_MCP_OK || json_object_get(json, "structuredContent"));
    must_be_readable(NULL, json, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *rest = (const char *)data + 1;
    switch (data[0]) {
    case 'm': message(rest, size - 1); break;
    case 'h': with_headers(rest, size - 1); break;
    case 'e': event(rest, size - 1); break;
    case 't': tools(rest, size - 1); break;
    case 'r': result(rest, size - 1, 0); break;
    case 's': result(rest, size - 1, 1); break;
    default: break;
    }
    return 0;
}
