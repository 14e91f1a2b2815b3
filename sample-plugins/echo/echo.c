/* SPDX-License-Identifier: MIT
 * The smallest useful plugin: one tool that answers the text it is given.
 * Copy this folder, rename, and write your own invoke(). */
#include <handrail/plugin.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* invoke() runs on several threads at once: keep this constant after create(), or lock it. */
struct echo {
    const handrail_host *host;
};

static handrail_status refuse(const handrail_host *host, handrail_call *call, const char *why)
{
    host->set_error(host, call, why, strlen(why));
    return HANDRAIL_E_INVALID;
}

static handrail_status echo_invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    const handrail_host *host = ((struct echo *)self)->host;
    json_error_t error;
    json_t *root = json_loadb(args, len, JSON_ALLOW_NUL, &error);
    json_t *text = json_object_get(root, "text");
    handrail_status status;

    if (!root)
        status = refuse(host, call, error.text);
    else if (!json_is_string(text))
        status = refuse(host, call, "text must be a string, as in {\"text\": \"hello\"}");
    else /* add_text copies, so everything here may be freed below */
        status = host->add_text(host, call, json_string_value(text), json_string_length(text));
    json_decref(root);
    return status;
}

static handrail_status echo_create(const handrail_host *host, handrail_call *call,
                                   const char *config, size_t len, void **self)
{
    struct echo *echo = malloc(sizeof(*echo));

    (void)call, (void)config, (void)len; /* without a config_schema there is no configuration */
    if (!echo)
        return HANDRAIL_E_NOMEM;
    echo->host = host;
    *self = echo;
    return HANDRAIL_OK;
}

static const handrail_tool echo_tool = {
    .struct_size = sizeof(echo_tool),
    .flags = HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE | HANDRAIL_TOOL_IDEMPOTENT |
             HANDRAIL_TOOL_CLOSED_WORLD,
    .name = "echo",
    .title = "Echo",
    .description = "Answers the given text unchanged.",
    .input_schema = "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\","
                    "\"description\":\"What to answer\"}},\"required\":[\"text\"],"
                    "\"additionalProperties\":false}",
    .invoke = echo_invoke,
};
static const handrail_tool *const echo_tools[] = {&echo_tool, NULL};
static const handrail_plugin echo_plugin = {
    .magic = HANDRAIL_MAGIC,
    .struct_size = sizeof(echo_plugin),
    .built_minor = HANDRAIL_ABI_MINOR,
    .needs_minor = 0,
    .id = "echo",
    .version = "1.0.0",
    .tools = echo_tools,
    .create = echo_create,
    .destroy = free,
};

const handrail_plugin *handrail_plugin_v1(void)
{
    return &echo_plugin;
}
