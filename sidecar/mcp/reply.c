/* SPDX-License-Identifier: MIT
 * Answers.  See reply.h. */
#include "reply.h"

#include "result.h"

#include <errno.h>

int hr_mcp_error_body(struct hr_buf *body, json_t *id, int code, const char *message, json_t *data)
{
    hr_buf_init(body, HR_MCP_ANSWER_MAX);
    return hr_mcp_add_error(body, id, code, message, data);
}

static int add_result(struct hr_buf *body, const struct hr_mcp_message *msg, json_t *result)
{
    return hr_mcp_add_result(body, msg->id, msg->modern ? hr_mcp_modern_result(result) : result);
}

int hr_mcp_result_body(struct hr_buf *body, const struct hr_mcp_message *msg, json_t *result)
{
    hr_buf_init(body, HR_MCP_ANSWER_MAX);
    int err = add_result(body, msg, result);
    /* Only the output of a tool can be that large. */
    if (err == -E2BIG)
        err = add_result(body, msg,
                         hr_mcp_result_error("The tool's result is too large to be passed on. Ask "
                                             "it for less."));
    return err;
}

void hr_mcp_reply_error(struct hr_mcp_peer *peer, unsigned status, json_t *id, int code,
                        const char *message)
{
    struct hr_buf body;
    int err = hr_mcp_error_body(&body, id, code, message, NULL);
    hr_mcp_peer_answer(peer, id, status, &body, err);
}

void hr_mcp_reply_refusal(struct hr_mcp_peer *peer, json_t *id, struct hr_mcp_refusal *refusal)
{
    struct hr_buf body;
    int err = hr_mcp_error_body(&body, id, refusal->code, refusal->why, refusal->data);
    refusal->data = NULL;
    hr_mcp_peer_answer(peer, id, refusal->status, &body, err);
}

void hr_mcp_reply_result(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg, json_t *result)
{
    struct hr_buf body;
    int err = hr_mcp_result_body(&body, msg, result);
    hr_mcp_peer_answer(peer, msg->id, 200, &body, err);
}
