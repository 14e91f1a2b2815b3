/* SPDX-License-Identifier: MIT
 * JSON-RPC 2.0 as MCP has it: one message in, one message out, no batches, no id null. */
#ifndef HR_SIDECAR_MCP_RPC_H
#define HR_SIDECAR_MCP_RPC_H

#include "common/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    HR_RPC_PARSE_ERROR = -32700,
    HR_RPC_INVALID_REQUEST = -32600,
    HR_RPC_METHOD_NOT_FOUND = -32601,
    HR_RPC_INVALID_PARAMS = -32602,
    HR_RPC_INTERNAL_ERROR = -32603,
    HR_RPC_SERVER_ERROR = -32000,        /* an HTTP-level refusal */
    HR_RPC_HEADER_MISMATCH = -32020,     /* a header is missing, or the body says otherwise */
    HR_RPC_UNSUPPORTED_VERSION = -32022, /* data: {"supported": [...], "requested": "..."} */
};

/* Bytes of an id, or of a token of progress, that is a string: it is kept as long as its request is
 * open. */
enum { HR_RPC_ID_MAX = 1024 };

/* An answer is never larger, bytes: eight mebibytes of binary text grow sixfold when escaped. */
#define HR_MCP_ANSWER_MAX ((size_t)32 * 1024 * 1024)

enum hr_mcp_kind { HR_MCP_REQUEST, HR_MCP_NOTIFY, HR_MCP_REPLY, HR_MCP_INVALID };

struct hr_mcp_message {
    enum hr_mcp_kind kind;
    json_t *root; /* owned; hr_mcp_message_free() */
    /* Borrowed from root: */
    json_t *id;         /* string or integer; NULL unless it is usable */
    const char *method; /* of a request or notification */
    json_t *params;     /* NULL if there are none */
    /* NULL, or a number (an integer: 64 bits) or a string (half of a surrogate pair) in it did not
     * fit and was read as 0.0, or the arguments are HR_JSON_VALUES_MAX values or more, and were
     * read as none: a sentence that says so of the arguments. */
    const char *lossy;
    /* Of a request by the rules of modern.h; who has seen the headers sets it. */
    int modern;
    /* HR_MCP_INVALID only: */
    int code;
    char why[256];
};

/* Never fails: what cannot be understood is HR_MCP_INVALID. */
void hr_mcp_message_parse(const char *body, size_t len, struct hr_mcp_message *ret);
void hr_mcp_message_free(struct hr_mcp_message *msg);

/* Is it an integer, or a string of a bearable length? */
bool hr_rpc_id_usable(const json_t *id);

/* Append an answer, ASCII only.  id is borrowed, NULL for none; result and data (which may be NULL)
 * are taken over, also on failure.  0, -E2BIG or -ENOMEM. */
int hr_mcp_add_result(struct hr_buf *out, json_t *id, json_t *result);
int hr_mcp_add_error(struct hr_buf *out, json_t *id, int code, const char *message, json_t *data);

/* The revision without sessions: modern.h. */
#define HR_MCP_VERSION_MODERN "2026-07-28"

/* The revisions that `initialize` chooses from, the newest first. */
int hr_mcp_version_known(const char *version);
const char *hr_mcp_version_newest(void);
/* All that we speak, of both kinds.  New reference, array of strings. */
json_t *hr_mcp_versions(void);

#endif
