/* SPDX-License-Identifier: MIT
 * Results of tool calls.  See result.h. */
#include "result.h"

#include "common/frame.h"
#include "common/json_text.h"
#include "common/json_values.h"
#include "common/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The statuses of the plugin ABI that mean something here; frozen there. */
enum { STATUS_OK = 0, STATUS_CANCELLED = -4, STATUS_TIMEOUT = -5 };

struct span {
    const char *data; /* NULL: there is none */
    size_t len;
};

/* What is being put together. */
struct making {
    const char *tool;
    json_t *content;    /* array; owned until it is handed over */
    json_t *structured; /* the structured output, if it is an object; owned */
    struct span json;   /* as the tool wrote it */
    struct span error;
    int has_text;
    unsigned nblobs;
    int failed; /* out of memory */
};

static int32_t status_of(const char *payload)
{
    int32_t status;
    memcpy(&status, payload, sizeof(status));
    return status;
}

int hr_mcp_result_check(const char *payload, size_t len)
{
    if (len < sizeof(int32_t))
        return -EPROTO;
    const char *parts = payload + sizeof(int32_t);
    size_t n = len - sizeof(int32_t), at = 0;
    unsigned njson = 0, nerror = 0;
    struct hr_frame_part part;
    const char *data;
    int rc;
    while ((rc = hr_part_next(parts, n, &at, &part, &data)) == 1) {
        njson += part.kind == HR_PART_JSON;
        nerror += part.kind == HR_PART_ERROR;
        const char *end = data + part.len;
        const char *at_nul = data;
        int heads = part.kind == HR_PART_BLOB ? 1 : part.kind == HR_PART_RESOURCE ? 2 : 0;
        for (; heads; heads--) {
            at_nul = memchr(at_nul, '\0', (size_t)(end - at_nul));
            if (!at_nul)
                return -EPROTO;
            at_nul++;
        }
    }
    return rc < 0 || njson > 1 || nerror > 1 ? -EPROTO : 0;
}

/* A reason for a status that came without one.  The numbers are those of the plugin ABI. */
static const char *status_words(int32_t status)
{
    static const char *const words[] = {
        [1] = "the arguments are not what the tool accepts",
        [2] = "it ran out of memory",
        [3] = "it does not support this",
        [4] = "the call was cancelled",
        [5] = "it did not finish in time",
        [6] = "this is not allowed",
        [7] = "the result is larger than is accepted; ask for less",
        [8] = "it is not available now; try again later",
    };
    if (status > -1 || status < -8)
        return "it gave no reason";
    return words[-status];
}

static json_t *text_block(json_t *text)
{
    return json_pack("{s:s, s:o}", "type", "text", "text", text);
}

static void push(struct making *mk, json_t *block)
{
    if (json_array_append_new(mk->content, block) < 0)
        mk->failed = 1;
}

static void push_first(struct making *mk, json_t *block)
{
    if (json_array_insert_new(mk->content, 0, block) < 0)
        mk->failed = 1;
}

static json_t *base64(const char *data, size_t n)
{
    enum { PAD = 64 };
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    char *out = malloc((n + 2) / 3 * 4 + 1);
    if (!out)
        return NULL;
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)(unsigned char)data[i] << 16;
        if (left > 1)
            v |= (uint32_t)(unsigned char)data[i + 1] << 8;
        if (left > 2)
            v |= (uint32_t)(unsigned char)data[i + 2];
        out[o++] = digits[v >> 18];
        out[o++] = digits[v >> 12 & 63];
        out[o++] = digits[left > 1 ? v >> 6 & 63 : PAD];
        out[o++] = digits[left > 2 ? v & 63 : PAD];
    }
    json_t *text = json_stringn_nocheck(out, o);
    free(out);
    return text;
}

/* data: media type, NUL, bytes. */
static json_t *blob_block(struct making *mk, const char *data, size_t len)
{
    size_t n = strlen(data);
    json_t *mime = n ? hr_json_text(data, n) : json_string("application/octet-stream");
    json_t *bytes = base64(data + n + 1, len - n - 1);
    unsigned number = ++mk->nblobs;
    if (!strncasecmp(data, "image/", 6) || !strncasecmp(data, "audio/", 6)) {
        const char *type = data[0] == 'i' || data[0] == 'I' ? "image" : "audio";
        return json_pack("{s:s, s:o, s:o}", "type", type, "data", bytes, "mimeType", mime);
    }
    /* A resource must have an address.  It is unique in its result, and nobody can read it there:
     * the content is here. */
    char uri[160];
    (void)snprintf(uri, sizeof(uri), "handrail://tools/%s/%u", mk->tool, number);
    return json_pack("{s:s, s:{s:s, s:o, s:o}}", "type", "resource", "resource", "uri", uri,
                     "mimeType", mime, "blob", bytes);
}

/* Is this a media type of text, so that a client can show it, and is it such text? */
static int is_text(const char *mime, const char *data, size_t n)
{
    size_t len = strcspn(mime, "; ");
    int text = !strncasecmp(mime, "text/", 5) ||
               (len == 16 && !strncasecmp(mime, "application/json", len)) ||
               (len > 5 && !strncasecmp(mime + len - 5, "+json", 5));
    return text && hr_utf8_valid(data, n) == n;
}

/* data: URI, NUL, media type, NUL, bytes. */
static json_t *resource_block(const char *data, size_t len)
{
    size_t uri_len = strlen(data);
    const char *mime = data + uri_len + 1;
    const char *bytes = mime + strlen(mime) + 1;
    size_t n = len - (size_t)(bytes - data);
    int text = is_text(mime, bytes, n);
    return json_pack("{s:s, s:{s:o, s:o, s:o}}", "type", "resource", "resource", "uri",
                     hr_json_text(data, uri_len), "mimeType", hr_json_text(mime, strlen(mime)),
                     text ? "text" : "blob", text ? hr_json_text(bytes, n) : base64(bytes, n));
}

static void walk(struct making *mk, const char *parts, size_t n)
{
    struct hr_frame_part part;
    const char *data;
    size_t at = 0;
    while (hr_part_next(parts, n, &at, &part, &data) == 1) {
        struct span span = {.data = data, .len = part.len};
        if (part.kind == HR_PART_TEXT) {
            push(mk, text_block(hr_json_text(data, part.len)));
            mk->has_text = 1;
        } else if (part.kind == HR_PART_BLOB) {
            push(mk, blob_block(mk, data, part.len));
        } else if (part.kind == HR_PART_RESOURCE) {
            push(mk, resource_block(data, part.len));
        } else if (part.kind == HR_PART_JSON) {
            mk->json = span;
        } else {
            mk->error = span;
        }
    }
}

/* Read the structured output.  Only an object may be shown as such; another value, and an object
 * with numbers that do not fit here, or with more values than a toolhost lets through, is shown as
 * text.  0, or -EINVAL with the reason if it is not JSON at all. */
static int read_structured(struct making *mk, char *why, size_t size)
{
    json_error_t at;
    if (hr_json_has_more(mk->json.data, mk->json.len, HR_JSON_VALUES_MAX))
        return 0;
    json_t *json = json_loadb(mk->json.data, mk->json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &at);
    if (json_is_object(json)) {
        mk->structured = json;
        return 0;
    }
    if (json || json_error_code(&at) == json_error_numeric_overflow) {
        json_decref(json);
        return 0;
    }
    (void)snprintf(why, size,
                   "The tool \"%s\" gave structured output that is not JSON (%s). This "
                   "is a fault of the plugin.",
                   mk->tool, at.text);
    return -EINVAL;
}

/* Make the first block a text. */
static void lead_with_text(struct making *mk)
{
    const json_t *first = json_array_get(mk->content, 0);
    const char *type = json_string_value(json_object_get(first, "type"));
    if (type && !strcmp(type, "text"))
        return;
    char text[128];
    (void)snprintf(text, sizeof(text),
                   first ? "The tool \"%s\" finished. Its output follows."
                         : "The tool \"%s\" finished without output.",
                   mk->tool);
    push_first(mk, text_block(json_string(text)));
}

/* The reason of a failure, as the first block. */
static void lead_with_reason(struct making *mk, int32_t status)
{
    if (mk->error.data && mk->error.len) {
        push_first(mk, text_block(hr_json_text(mk->error.data, mk->error.len)));
        return;
    }
    char text[256];
    (void)snprintf(text, sizeof(text), "The tool \"%s\" failed: %s.", mk->tool,
                   status_words(status));
    push_first(mk, text_block(json_string(text)));
}

/* Why a success is none after all, in `why`; 0 if it is one. */
static int broken_promise(struct making *mk, int structured, char *why, size_t size)
{
    if (mk->json.data && read_structured(mk, why, size) < 0)
        return 1;
    if (!structured || mk->structured)
        return 0;
    /* The client would refuse it, with a message that tells nobody what to mend. */
    (void)snprintf(why, size,
                   "The tool \"%s\" has an output schema but gave no JSON object as its output. "
                   "This is a fault of the plugin.",
                   mk->tool);
    return 1;
}

/* Hand over what was made. */
static json_t *finish(struct making *mk, int is_error)
{
    json_t *result = NULL;
    if (!mk->failed && json_array_size(mk->content) > 0)
        result = json_pack("{s:O, s:b, s:O*}", "content", mk->content, "isError", is_error,
                           "structuredContent", is_error ? NULL : mk->structured);
    json_decref(mk->content);
    json_decref(mk->structured);
    return result;
}

json_t *hr_mcp_result(const char *tool, const char *payload, size_t len, int structured,
                      enum hr_mcp_outcome *ret_outcome)
{
    struct making mk = {.tool = tool, .content = json_array()};
    int32_t status = status_of(payload);
    char why[320];
    walk(&mk, payload + sizeof(status), len - sizeof(status));
    int broken = status == STATUS_OK && broken_promise(&mk, structured, why, sizeof(why));

    if (mk.json.data && !mk.has_text)
        push_first(&mk, text_block(hr_json_text(mk.json.data, mk.json.len)));
    if (broken)
        push_first(&mk, text_block(hr_json_text(why, strlen(why))));
    else if (status == STATUS_OK)
        lead_with_text(&mk);
    else
        lead_with_reason(&mk, status);

    *ret_outcome = broken                       ? HR_MCP_ERROR
                   : status == STATUS_OK        ? HR_MCP_OK
                   : status == STATUS_TIMEOUT   ? HR_MCP_TIMEOUT
                   : status == STATUS_CANCELLED ? HR_MCP_CANCELLED
                                                : HR_MCP_ERROR;
    return finish(&mk, broken || status != STATUS_OK);
}

json_t *hr_mcp_result_error(const char *reason)
{
    json_t *text = text_block(hr_json_text(reason, strlen(reason)));
    return json_pack("{s:[o], s:b}", "content", text, "isError", 1);
}
