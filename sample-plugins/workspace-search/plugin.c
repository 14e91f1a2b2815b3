/* SPDX-License-Identifier: MIT
 * What the host sees of this plugin: the descriptor, and its one instance, which is constant after
 * create(), so calls need no lock. */
#include "args.h"
#include "kit/fail.h"
#include "kit/place.h"
#include "search.h"
#include "settings.h"
#include <handrail/plugin.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_CONCURRENCY = 4 /* each call may hold a file of max_file_bytes in memory */
};

struct instance {
    const handrail_host *host;
    struct ws_settings settings;
};

/* The workspace may be mounted later, so a missing one is no reason to fail here. */
static handrail_status create(const handrail_host *host, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    const struct kit_call c = {.host = host, .call = call};
    struct instance *i = calloc(1, sizeof(*i));
    char sentence[KIT_REASON_MAX];

    if (!i)
        return HANDRAIL_E_NOMEM;
    i->host = host;
    handrail_status status = ws_settings_parse(&c, config, len, &i->settings);
    if (status != HANDRAIL_OK) {
        free(i);
        return status;
    }
    if (kit_place_problem(i->settings.root, sentence, sizeof(sentence)))
        host->log(host, HANDRAIL_LOG_WARN, sentence, strlen(sentence));
    *self = i;
    return HANDRAIL_OK;
}

static void destroy(void *self)
{
    struct instance *i = self;

    ws_settings_free(&i->settings);
    free(i);
}

static handrail_status health(void *self, handrail_call *call)
{
    const struct instance *i = self;
    char sentence[KIT_REASON_MAX];

    if (!kit_place_problem(i->settings.root, sentence, sizeof(sentence)))
        return HANDRAIL_OK;
    (void)i->host->add_text(i->host, call, sentence, strlen(sentence));
    return HANDRAIL_E_UNAVAILABLE;
}

static handrail_status invoke(void *self, handrail_call *call, const char *text, size_t len)
{
    const struct instance *i = self;
    const struct kit_call c = {.host = i->host, .call = call};
    struct ws_args args;

    handrail_status status = ws_args_parse(&c, i->settings.root, text, len, &args);
    if (status != HANDRAIL_OK)
        return status;
    status = ws_search(&c, &i->settings, &args);
    ws_args_free(&args);
    return status;
}

/* No output_schema: with one, clients insist on JSON in every answer, and here it is extra. */
static const handrail_tool search_tool = {
    .struct_size = sizeof(search_tool),
    .flags = HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE | HANDRAIL_TOOL_IDEMPOTENT |
             HANDRAIL_TOOL_CLOSED_WORLD,
    .name = "workspace_search",
    .title = "Search the workspace",
    .description =
        "Searches the text files of the workspace for a regular expression or literal text. "
        "Answers one line per matching line, \"path:line: text\", with paths relative to the "
        "workspace root, and a last line that says how many files were searched and whether a "
        "limit cut the search short.",
    .input_schema = ws_args_schema,
    .max_concurrency = MAX_CONCURRENCY,
    .invoke = invoke,
};

static const handrail_tool *const tools[] = {&search_tool, NULL};

static const handrail_plugin plugin = {
    .magic = HANDRAIL_MAGIC,
    .struct_size = sizeof(plugin),
    .built_minor = HANDRAIL_ABI_MINOR,
    .needs_minor = 0,
    .id = "workspace-search",
    .version = "1.0.0",
    .config_schema = ws_settings_schema,
    .tools = tools,
    .create = create,
    .destroy = destroy,
    .health = health,
};

const handrail_plugin *handrail_plugin_v1(void)
{
    return &plugin;
}
