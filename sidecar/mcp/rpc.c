/* SPDX-License-Identifier: MIT
 * JSON-RPC messages.  See rpc.h. */
#include "rpc.h"

#include "common/json_text.h"
#include "json.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const versions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};

/* NUL in a string is legal JSON, and refusing it would be a 400, which costs the client its
 * session. */
static const size_t load_flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;

static void invalid(struct hr_mcp_message *msg, int code, const char *why)
{
    msg->kind = HR_MCP_INVALID;
    msg->code = code;
    (void)snprintf(msg->why, sizeof(msg->why), "%s", why);
}

/* Does the number that starts here fit what jansson makes of it? */
static int number_fits(const char *text, size_t n)
{
    char *end = NULL;
    if (memchr(text, '.', n) || memchr(text, 'e', n) || memchr(text, 'E', n))
        return fabs(strtod(text, &end)) <= DBL_MAX;
    errno = 0;
    (void)strtoll(text, &end, 10);
    return errno != ERANGE;
}

/* The same text with 0.0 for every number that does not fit; NULL without memory. */
static char *with_small_numbers(const char *body, size_t len)
{
    static const char zero[] = "0.0"; /* shorter than any of those; not an integer, so no id */
    int in_string = 0;
    char *copy = malloc(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, body, len);
    copy[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if (in_string && copy[i] == '\\') {
            i++;
        } else if (copy[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && strchr("-0123456789", copy[i]) && copy[i]) {
            size_t n = strspn(copy + i, "+-.eE0123456789");
            if (!number_fits(copy + i, n)) {
                memset(copy + i, ' ', n);
                memcpy(copy + i, zero, sizeof(zero) - 1);
            }
            i += n - 1;
        }
    }
    return copy;
}

/* Parse.  A number that is too large for us, which a client may rightly send as an argument, must
 * not become an HTTP error: read such a message without it, and remember that. */
static json_t *load(const char *body, size_t len, struct hr_mcp_message *msg)
{
    json_error_t at;
    json_t *root = json_loadb(body, len, load_flags, &at);
    if (!root && json_error_code(&at) == json_error_numeric_overflow) {
        char *copy = with_small_numbers(body, len);
        root = copy ? json_loadb(copy, len, load_flags, &at) : NULL;
        msg->lossy = root != NULL;
        free(copy);
    }
    if (!root) {
        invalid(msg, HR_RPC_PARSE_ERROR, "");
        (void)snprintf(msg->why, sizeof(msg->why), "the message is not JSON: line %d column %d: %s",
                       at.line, at.column, at.text);
    }
    return root;
}

static void classify(struct hr_mcp_message *msg)
{
    json_t *root = msg->root;
    json_t *id = json_object_get(root, "id");
    json_t *method = json_object_get(root, "method");
    const char *version = json_string_value(json_object_get(root, "jsonrpc"));

    if (json_is_string(id) || json_is_integer(id))
        msg->id = id;
    if (!json_is_object(root)) {
        invalid(msg, HR_RPC_INVALID_REQUEST,
                json_is_array(root) ? "batches are not part of this protocol revision: send one "
                                      "message at a time"
                                    : "the message is not a JSON object");
    } else if (!version || strcmp(version, "2.0") != 0) {
        invalid(msg, HR_RPC_INVALID_REQUEST, "\"jsonrpc\" is not \"2.0\"");
    } else if (id && !msg->id) {
        invalid(msg, HR_RPC_INVALID_REQUEST, "\"id\" is neither a string nor an integer");
    } else if (json_is_string(method)) {
        msg->kind = id ? HR_MCP_REQUEST : HR_MCP_NOTIFY;
        msg->method = json_string_value(method);
        msg->params = json_object_get(root, "params");
    } else if (method) {
        invalid(msg, HR_RPC_INVALID_REQUEST, "\"method\" is not a string");
    } else if (json_object_get(root, "result") || json_object_get(root, "error")) {
        msg->kind = HR_MCP_REPLY;
    } else {
        invalid(msg, HR_RPC_INVALID_REQUEST, "neither a request nor a notification nor an answer");
    }
}

void hr_mcp_message_parse(const char *body, size_t len, struct hr_mcp_message *ret)
{
    *ret = (struct hr_mcp_message){.kind = HR_MCP_INVALID, .size = len};
    ret->root = load(body, len, ret);
    if (!ret->root)
        return;
    classify(ret);
}

void hr_mcp_message_free(struct hr_mcp_message *msg)
{
    json_decref(msg->root);
    msg->root = NULL;
}

/* The envelope around a result or an error, both taken over. */
static int add(struct hr_buf *out, json_t *id, const char *key, json_t *value, size_t guess)
{
    enum { ENVELOPE = 64 }; /* bytes around the value, with a usual id */
    json_t *root = json_object();
    int bad = !root || !value || json_object_set_new_nocheck(root, "jsonrpc", json_string("2.0"));
    bad = bad || (id && json_object_set_nocheck(root, "id", id));
    bad = json_object_set_new_nocheck(root, key, value) || bad;
    int err = bad ? -ENOMEM
                  : hr_mcp_json_add(out, root, JSON_ENSURE_ASCII | JSON_COMPACT, guess + ENVELOPE);
    json_decref(root);
    return err;
}

int hr_mcp_add_result(struct hr_buf *out, json_t *id, json_t *result, size_t guess)
{
    return add(out, id, "result", result, guess);
}

int hr_mcp_add_error(struct hr_buf *out, json_t *id, int code, const char *message, json_t *data)
{
    json_t *text = hr_json_text(message, strlen(message));
    json_t *error = json_pack("{s:i, s:o*, s:o*}", "code", code, "message", text, "data", data);
    return add(out, id, "error", error, strlen(message) + 32);
}

int hr_mcp_version_known(const char *version)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
        if (!strcmp(version, versions[i]))
            return 1;
    return 0;
}

const char *hr_mcp_version_newest(void)
{
    return versions[0];
}

json_t *hr_mcp_versions(void)
{
    json_t *list = json_pack("[s]", HR_MCP_VERSION_MODERN);
    for (size_t i = 0; list && i < sizeof(versions) / sizeof(*versions); i++)
        (void)json_array_append_new(list, json_string(versions[i]));
    return list;
}
