/* @NAME@: a plugin for Handrail.  What each member means is in <handrail/plugin.h>. */
#include <handrail/plugin.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one instance.  Tools run on several threads at once: keep it constant after create(), or lock
 * what changes. */
struct instance {
    const handrail_host *host;
};

static handrail_status fail(const handrail_host *host, handrail_call *call, handrail_status status,
                            const char *why)
{
    host->set_error(host, call, why, strlen(why)); /* a model reads it: say how to do better */
    return status;
}

/* args is a JSON object that the schema below accepts. */
static handrail_status greet(void *self, handrail_call *call, const char *args, size_t len)
{
    const struct instance *me = self;
    char text[1024]; /* the schema counts characters, each of up to four bytes */
    json_t *root = json_loadb(args, len, JSON_ALLOW_NUL, NULL);
    const char *name = json_string_value(json_object_get(root, "name"));
    handrail_status status;

    /* What takes long looks at this every now and then, and gives up. */
    if (me->host->cancelled(me->host, call)) {
        json_decref(root);
        return HANDRAIL_E_CANCELLED;
    }
    if (!name) {
        status = fail(me->host, call, HANDRAIL_E_INVALID, "name must be a string");
    } else {
        (void)snprintf(text, sizeof(text), "Hello, %.800s.", name);
        status = me->host->add_text(me->host, call, text, strlen(text));
    }
    json_decref(root);
    return status;
}

static handrail_status create(const handrail_host *host, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    struct instance *me = malloc(sizeof(*me));

    (void)call, (void)config, (void)len; /* no config_schema, no configuration */
    if (!me)
        return HANDRAIL_E_NOMEM;
    me->host = host;
    *self = me;
    return HANDRAIL_OK;
}

static const handrail_tool tool = {
    .struct_size = sizeof(tool),
    .flags = HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE | HANDRAIL_TOOL_IDEMPOTENT |
             HANDRAIL_TOOL_CLOSED_WORLD,
    .name = "@TOOL@",
    .title = "@NAME@",
    .description = "Greets somebody by name. Say here when to use the tool, and what it answers.",
    .input_schema = "{\"type\": \"object\", \"additionalProperties\": false,"
                    " \"required\": [\"name\"], \"properties\": {"
                    "  \"name\": {\"type\": \"string\", \"maxLength\": 200,"
                    "             \"description\": \"Whom to greet\"}}}",
    .invoke = greet,
};
static const handrail_tool *const tools[] = {&tool, NULL};

/* Constant data: it is read without running anything. */
static const handrail_plugin plugin = {
    .magic = HANDRAIL_MAGIC,
    .struct_size = sizeof(plugin),
    .built_minor = HANDRAIL_ABI_MINOR,
    .needs_minor = 0,
    .id = "@NAME@",
    .version = "1.0.0",
    .tools = tools,
    .create = create,
    .destroy = free,
};

const handrail_plugin *handrail_plugin_v1(void)
{
    return &plugin;
}
