/* SPDX-License-Identifier: MIT
 * What the host sees of this plugin: the descriptor, and its one instance, which is constant after
 * create().  Each call opens a connection of its own, so calls need no lock. */
#include "args.h"
#include "guard.h"
#include "kit/place.h"
#include "query.h"
#include "settings.h"
#include "vfs.h"
#include <handrail/plugin.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CONCURRENCY = 4 };

struct instance {
    const handrail_host *host;
    struct sq_settings settings;
};

static handrail_status start_sqlite(const struct kit_call *c)
{
    if (sqlite3_initialize() != SQLITE_OK || sq_vfs_register() < 0)
        return kit_fail(c, HANDRAIL_E_FAILED, "SQLite %s cannot be started", sqlite3_libversion());
    (void)sqlite3_hard_heap_limit64((sqlite3_int64)SQ_HEAP_MIB * 1024 * 1024);
    return HANDRAIL_OK;
}

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
    handrail_status status = sq_settings_parse(&c, config, len, &i->settings);
    if (status == HANDRAIL_OK)
        status = start_sqlite(&c);
    if (status != HANDRAIL_OK) {
        sq_settings_free(&i->settings);
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

    sq_vfs_unregister();
    sq_settings_free(&i->settings);
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

static handrail_status invoke(const struct instance *i, handrail_call *call, enum sq_tool tool,
                              const char *text, size_t len)
{
    const struct kit_call c = {.host = i->host, .call = call};
    struct sq_args args;

    if (tool == SQ_EXECUTE && !i->settings.writable)
        return kit_fail(&c, HANDRAIL_E_DENIED,
                        "this plugin may not change databases: use sqlite_query to read, or have "
                        "\"writable\": true set in its configuration");
    handrail_status status = sq_args_parse(&c, &i->settings, tool, text, len, &args);
    if (status != HANDRAIL_OK)
        return status;
    if (tool == SQ_SCHEMA)
        status = sq_schema(&c, &i->settings, &args);
    else
        status = sq_query(&c, &i->settings, &args, tool == SQ_EXECUTE);
    sq_args_free(&args);
    return status;
}

static handrail_status query(void *self, handrail_call *call, const char *text, size_t len)
{
    return invoke(self, call, SQ_QUERY, text, len);
}

static handrail_status execute(void *self, handrail_call *call, const char *text, size_t len)
{
    return invoke(self, call, SQ_EXECUTE, text, len);
}

static handrail_status schema(void *self, handrail_call *call, const char *text, size_t len)
{
    return invoke(self, call, SQ_SCHEMA, text, len);
}

enum {
    HARMLESS = HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE | HANDRAIL_TOOL_IDEMPOTENT |
               HANDRAIL_TOOL_CLOSED_WORLD
};

/* No output_schema: with one, clients insist on JSON in every answer, and here it is extra. */
static const handrail_tool query_tool = {
    .struct_size = sizeof(query_tool),
    .flags = HARMLESS,
    .name = "sqlite_query",
    .title = "Query an SQLite database",
    .description = "Runs one SQL statement that reads an SQLite database of the workspace, and "
                   "answers its rows as a table, and as JSON: {columns, rows, row_count, "
                   "truncated}. In the JSON, integers beyond 2^53 are strings and blobs are "
                   "shortened to x'...'. Cannot change anything. See sqlite_schema for the tables.",
    .input_schema = sq_args_query_schema,
    .max_concurrency = MAX_CONCURRENCY,
    .invoke = query,
};

/* Descriptors are constant and the configuration is not: so writing is a tool of its own, with
 * cautious flags, that refuses unless it is switched on. */
static const handrail_tool execute_tool = {
    .struct_size = sizeof(execute_tool),
    .flags = HANDRAIL_TOOL_CLOSED_WORLD,
    .name = "sqlite_execute",
    .title = "Change an SQLite database",
    .description = "Runs one SQL statement that may change an SQLite database of the workspace, as "
                   "a transaction of its own, and answers how many rows it changed. Refused unless "
                   "the plugin is configured to be writable.",
    .input_schema = sq_args_execute_schema,
    .max_concurrency = MAX_CONCURRENCY,
    .invoke = execute,
};

static const handrail_tool schema_tool = {
    .struct_size = sizeof(schema_tool),
    .flags = HARMLESS,
    .name = "sqlite_schema",
    .title = "List the tables of an SQLite database",
    .description = "Lists the tables and views of an SQLite database of the workspace with their "
                   "columns, foreign keys and indexes.",
    .input_schema = sq_args_schema_schema,
    .max_concurrency = MAX_CONCURRENCY,
    .invoke = schema,
};

static const handrail_tool *const tools[] = {&query_tool, &execute_tool, &schema_tool, NULL};

static const handrail_plugin plugin = {
    .magic = HANDRAIL_MAGIC,
    .struct_size = sizeof(plugin),
    .built_minor = HANDRAIL_ABI_MINOR,
    .needs_minor = 0,
    .id = "sqlite-query",
    .version = "1.0.0",
    .config_schema = sq_settings_schema,
    .tools = tools,
    .create = create,
    .destroy = destroy,
    .health = health,
};

const handrail_plugin *handrail_plugin_v1(void)
{
    return &plugin;
}
