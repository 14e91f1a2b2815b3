/* SPDX-License-Identifier: MIT
 * What a toolhost says of its confinement.  See confinement.h. */
#include "confinement.h"

#include "common/buf.h"
#include "common/log.h"

#include <string.h>

static int is_short(const json_t *text)
{
    return json_is_string(text) && json_string_length(text) <= HR_MCP_CONFINEMENT_TEXT_MAX;
}

static json_t *copy_enforced(const json_t *theirs)
{
    json_t *names = json_array();
    for (size_t i = 0; i < json_array_size(theirs) && i < HR_MCP_CONFINEMENT_MAX; i++)
        if (is_short(json_array_get(theirs, i)))
            (void)json_array_append(names, json_array_get(theirs, i));
    return names;
}

static json_t *copy_missing(json_t *theirs)
{
    const char *name = NULL;
    json_t *reason = NULL;
    json_t *missing = json_object();
    json_object_foreach (theirs, name, reason)
        if (strlen(name) <= HR_MCP_CONFINEMENT_TEXT_MAX && is_short(reason) &&
            json_object_size(missing) < HR_MCP_CONFINEMENT_MAX)
            (void)json_object_set(missing, name, reason);
    return missing;
}

json_t *hr_mcp_confinement_parse(const json_t *plugin)
{
    const json_t *theirs = json_object_get(plugin, "confinement");
    const json_t *abi = json_object_get(theirs, "landlock_abi");
    if (!json_is_object(theirs))
        return NULL;
    json_t *copy =
        json_pack("{s:o, s:o}", "enforced", copy_enforced(json_object_get(theirs, "enforced")),
                  "missing", copy_missing(json_object_get(theirs, "missing")));
    if (json_is_integer(abi))
        (void)json_object_set_new(copy, "landlock_abi", json_integer(json_integer_value(abi)));
    return copy;
}

void hr_mcp_confinement_warn(const char *id, const json_t *before, const json_t *now)
{
    json_t *missing = json_object_get(now, "missing");
    const char *name = NULL;
    json_t *reason = NULL;
    struct hr_buf text;
    if (!json_object_size(missing) || json_equal(json_object_get(before, "missing"), missing))
        return;
    hr_buf_init(&text, HR_LOG_LINE);
    json_object_foreach (missing, name, reason)
        (void)hr_buf_addf(&text, "%s%s (%s)", text.len ? ", " : "", name,
                          json_string_value(reason)); /* what does not fit is in /status */
    hr_warn("plugin %s: not all of its confinement can be enforced here: %s", id,
            hr_buf_str(&text));
    hr_buf_free(&text);
}
