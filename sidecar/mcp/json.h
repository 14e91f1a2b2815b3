/* SPDX-License-Identifier: MIT
 * JSON into a buffer. */
#ifndef HR_SIDECAR_MCP_JSON_H
#define HR_SIDECAR_MCP_JSON_H

#include "common/buf.h"

#include <jansson.h>

/* Append the serialisation of an object or array.  flags are jansson's; guess is how many bytes it
 * will probably take: a good guess saves serialising twice.  0, -E2BIG, -ENOMEM, or -EINVAL if it
 * cannot be serialised; on failure the content is unchanged. */
int hr_mcp_json_add(struct hr_buf *out, const json_t *json, size_t flags, size_t guess);

#endif
