/* SPDX-License-Identifier: MIT
 * JSON-RPC messages.  See rpc.h. */
#include "rpc.h"

#include "common/json_text.h"
#include "common/json_values.h"
#include "json.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

enum { UNIT = 6 }; /* bytes of \uXXXX */

/* Which half of a surrogate pair is written here, the first or the second?  0 for neither. */
static int surrogate(const char *text)
{
    if (strncasecmp(text, "\\ud", 3) != 0 || strspn(text + 2, "0123456789abcdefABCDEF") < 4)
        return 0;
    return text[3] < '8' ? 0 : strchr("89abAB", text[3]) ? 1 : 2;
}

/* The bytes of the string that starts here, with both quotes if it ends.  Are its surrogates pairs?
 */
static size_t string_bytes(const char *text, int *ret_fits)
{
    size_t i = 1;
    *ret_fits = 1;
    while (text[i] && text[i] != '"') {
        int half = surrogate(text + i);
        int pair = half == 1 && surrogate(text + i + UNIT) == 2;
        if (half && !pair)
            *ret_fits = 0;
        if (half)
            i += pair ? 2 * UNIT : UNIT;
        else
            i += text[i] == '\\' && text[i + 1] ? 2 : 1;
    }
    return i + (text[i] == '"');
}

/* Of a number or a string that starts here: its bytes, and NULL if it fits, or what to say of it.
 * Of anything else: one byte, which fits. */
static size_t value_bytes(const char *text, const char **ret_why)
{
    size_t n = 1;
    int fits = 1;
    const char *why = NULL;
    if (*text == '"') {
        n = string_bytes(text, &fits);
        why = "The arguments hold half of a character (a lone surrogate, \\ud800 to \\udfff), "
              "which tools cannot take. Send the whole character, or none.";
    } else if (strchr("-0123456789", *text)) {
        n = strspn(text, "+-.eE0123456789");
        fits = number_fits(text, n);
        why = "The arguments hold a number that is too large, such as an integer of more than 64 "
              "bits, which tools cannot take. Pass it as a string, or a smaller one.";
    }
    *ret_why = fits ? NULL : why;
    return n;
}

/* The same text with 0.0 for every number and string that does not fit; NULL without memory, or if
 * all do. */
static char *with_what_fits(const char *body, size_t len, const char **ret_why)
{
    static const char zero[] = "0.0"; /* shorter than any of those; neither an id nor a name */
    const char *why = NULL;
    char *copy = malloc(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, body, len);
    copy[len] = '\0';
    for (size_t i = 0, n = 0; copy[i]; i += n) {
        const char *wrong = NULL;
        n = value_bytes(copy + i, &wrong);
        if (wrong) {
            why = wrong;
            memset(copy + i, ' ', n);
            memcpy(copy + i, zero, sizeof(zero) - 1);
        }
    }
    *ret_why = why;
    if (why)
        return copy;
    free(copy);
    return NULL;
}

/* Where the arguments begin, if the name of the member that starts here is theirs; else 0. */
static size_t arguments_at(const char *text)
{
    static const char name[] = "\"arguments\"", space[] = " \t\r\n";
    size_t n = sizeof(name) - 1;
    if (strncmp(text, name, n) != 0)
        return 0;
    n += strspn(text + n, space);
    if (text[n] != ':')
        return 0;
    n += 1 + strspn(text + n + 1, space);
    return text[n] == '{' ? n : 0;
}

/* The same text without what is in the arguments; NULL without memory. */
static char *without_arguments(const char *body, size_t len)
{
    enum { PARAMS = 2 }; /* the depth of its members */
    char *copy = malloc(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, body, len);
    copy[len] = '\0';
    size_t begin = 0; /* of the arguments, behind their bracket */
    int depth = 0;
    for (size_t i = 0, n = 0; copy[i]; i += n) {
        const char *ignored = NULL;
        n = copy[i] == '"' ? value_bytes(copy + i, &ignored) : 1;
        size_t at = depth == PARAMS ? arguments_at(copy + i) : 0;
        if (at)
            begin = i + at + 1;
        depth += copy[i] == '{' || copy[i] == '[';
        depth -= copy[i] == '}' || copy[i] == ']';
        if (begin && depth == PARAMS && copy[i] == '}') {
            memset(copy + begin, ' ', i - begin);
            begin = 0;
        }
    }
    return copy;
}

/* Read a message of which the arguments alone may have made it too large. */
static json_t *load_without_arguments(const char *body, size_t len, struct hr_mcp_message *msg)
{
    static const char more[] =
        "The arguments hold more than 500000 JSON values, which is more than "
        "tools can be given at once. Send less, in several calls, or the "
        "path of a file with them if the tool reads one.";
    _Static_assert(HR_JSON_VALUES_MAX == 500000, "the sentence says so");
    json_t *root = NULL;
    char *copy = without_arguments(body, len);
    if (copy && !hr_json_has_more(copy, len, HR_JSON_VALUES_MAX))
        root = json_loadb(copy, len, load_flags, NULL);
    free(copy);
    if (root)
        msg->lossy = more;
    else
        invalid(msg, HR_RPC_INVALID_REQUEST, "the message holds more than 500000 JSON values");
    return root;
}

/* Parse.  What is JSON, but too large or too odd for us, which a client may rightly send as an
 * argument, must not become an HTTP error: read such a message without it, and remember that. */
static json_t *load(const char *body, size_t len, struct hr_mcp_message *msg)
{
    json_error_t at;
    const char *why = NULL;
    if (memchr(body, '\0', len)) { /* jansson passes over one behind a number or a word */
        invalid(msg, HR_RPC_PARSE_ERROR, "the message is not JSON: it holds a NUL byte");
        return NULL;
    }
    if (hr_json_has_more(body, len, HR_JSON_VALUES_MAX))
        return load_without_arguments(body, len, msg);
    json_t *root = json_loadb(body, len, load_flags, &at);
    char *copy = root ? NULL : with_what_fits(body, len, &why);
    if (copy)
        root = json_loadb(copy, len, load_flags, &at);
    free(copy);
    if (root)
        msg->lossy = why;
    else {
        invalid(msg, HR_RPC_PARSE_ERROR, "");
        (void)snprintf(msg->why, sizeof(msg->why), "the message is not JSON: line %d column %d: %s",
                       at.line, at.column, at.text);
    }
    return root;
}

bool hr_rpc_id_usable(const json_t *id)
{
    return json_is_integer(id) || (json_is_string(id) && json_string_length(id) <= HR_RPC_ID_MAX);
}

static void classify(struct hr_mcp_message *msg)
{
    json_t *root = msg->root;
    json_t *id = json_object_get(root, "id");
    json_t *method = json_object_get(root, "method");
    const char *version = json_string_value(json_object_get(root, "jsonrpc"));

    if (hr_rpc_id_usable(id))
        msg->id = id;
    if (!json_is_object(root)) {
        invalid(msg, HR_RPC_INVALID_REQUEST,
                json_is_array(root) ? "batches are not part of this protocol revision: send one "
                                      "message at a time"
                                    : "the message is not a JSON object");
    } else if (!version || strcmp(version, "2.0") != 0) {
        invalid(msg, HR_RPC_INVALID_REQUEST, "\"jsonrpc\" is not \"2.0\"");
    } else if (id && !msg->id) {
        invalid(msg, HR_RPC_INVALID_REQUEST,
                "\"id\" is neither a string of at most 1024 bytes nor an integer");
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
    *ret = (struct hr_mcp_message){.kind = HR_MCP_INVALID};
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
static int add(struct hr_buf *out, json_t *id, const char *key, json_t *value)
{
    json_t *root = json_object();
    int bad = !root || !value || json_object_set_new_nocheck(root, "jsonrpc", json_string("2.0"));
    bad = bad || (id && json_object_set_nocheck(root, "id", id));
    bad = json_object_set_new_nocheck(root, key, value) || bad;
    int err = bad ? -ENOMEM : hr_mcp_json_add(out, root, true);
    json_decref(root);
    return err;
}

int hr_mcp_add_result(struct hr_buf *out, json_t *id, json_t *result)
{
    return add(out, id, "result", result);
}

int hr_mcp_add_error(struct hr_buf *out, json_t *id, int code, const char *message, json_t *data)
{
    json_t *text = hr_json_text(message, strlen(message));
    json_t *error = json_pack("{s:i, s:o*, s:o*}", "code", code, "message", text, "data", data);
    return add(out, id, "error", error);
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
