/* SPDX-License-Identifier: MIT */
#include "args.h"

#include "kit/place.h"
#include <string.h>

/* Limits and defaults stand in the descriptions, because many clients drop the keywords. */
#define DATABASE                                                                                   \
    "\"database\":{\"type\":\"string\",\"minLength\":1,\"description\":"                           \
    "\"Path of the SQLite file, relative to the workspace root, such as data/app.db. No '..', "    \
    "and symbolic links are not followed.\"}"
#define STATEMENT                                                                                  \
    "\"parameters\":{\"type\":[\"array\",\"object\"],\"description\":"                             \
    "\"Values for the statement's placeholders: an array for ?, an object for :name, each a "      \
    "string, number, boolean or null. Put values here instead of into the SQL.\"},"                \
    "\"max_rows\":{\"type\":\"integer\",\"minimum\":1,\"description\":"                            \
    "\"Rows to answer at most. Default and maximum: what the plugin is configured with, 200 if "   \
    "nothing else is said.\"}"

const char sq_args_query_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"database\",\"sql\"],"
    "\"properties\":{" DATABASE ","
    "\"sql\":{\"type\":\"string\",\"minLength\":1,\"description\":"
    "\"One SELECT, WITH, VALUES, EXPLAIN or harmless PRAGMA. At most 100000 bytes. Text is quoted "
    "with ', names with a double quote.\"}," STATEMENT "}}";

const char sq_args_execute_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"database\",\"sql\"],"
    "\"properties\":{" DATABASE ","
    "\"sql\":{\"type\":\"string\",\"minLength\":1,\"description\":"
    "\"One statement, such as INSERT, UPDATE, DELETE or CREATE TABLE; it is committed when it "
    "succeeds. At most 100000 bytes.\"}," STATEMENT ","
    "\"create\":{\"type\":\"boolean\",\"default\":false,\"description\":"
    "\"true makes the database if there is none. Default: false.\"}}}";

const char sq_args_schema_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"database\"],"
    "\"properties\":{" DATABASE "}}";

static bool refuse(const struct kit_fields *f, const char *reason)
{
    kit_fail(&f->call, HANDRAIL_E_INVALID, "%s", reason);
    return false;
}

static bool check_database(const struct kit_fields *f, const struct sq_settings *s,
                           struct sq_args *a)
{
    if (!json_object_get(f->object, "database"))
        return refuse(f, "argument database is missing: give the path of an SQLite file below the "
                         "workspace, such as data/app.db");
    return kit_place_argument(f, "database", s->root, a->database);
}

static bool check_parameters(const struct kit_fields *f, struct sq_args *a)
{
    a->parameters = json_object_get(f->object, "parameters");
    if (a->parameters && !json_is_array(a->parameters) && !json_is_object(a->parameters))
        return refuse(f, "argument parameters must be an array of values for ?, or an object for "
                         ":name, such as {\"name\": \"Ann\"}");
    return true;
}

static bool check_statement(const struct kit_fields *f, const struct sq_settings *s,
                            struct sq_args *a)
{
    if (!json_object_get(f->object, "sql"))
        return refuse(f, "argument sql is missing: give one SQL statement");
    return kit_fields_string(f, "sql", SQ_SQL_MAX, &a->sql) && check_parameters(f, a) &&
           kit_fields_int(f, "max_rows", 1, s->max_rows, &a->max_rows) &&
           kit_fields_bool(f, "create", &a->create);
}

handrail_status sq_args_parse(const struct kit_call *c, const struct sq_settings *s,
                              enum sq_tool tool, const char *text, size_t len, struct sq_args *ret)
{
    static const char *const known[][6] = {
        [SQ_QUERY] = {"database", "sql", "parameters", "max_rows", NULL},
        [SQ_EXECUTE] = {"database", "sql", "parameters", "max_rows", "create", NULL},
        [SQ_SCHEMA] = {"database", NULL},
    };
    struct kit_fields f = {.call = *c, .what = "argument"};

    *ret = (struct sq_args){.max_rows = s->max_rows};
    if (kit_fields_parse(&f, known[tool], text, len) && check_database(&f, s, ret) &&
        (tool == SQ_SCHEMA || check_statement(&f, s, ret))) {
        ret->json = f.object;
        return HANDRAIL_OK;
    }
    json_decref(f.object);
    return HANDRAIL_E_INVALID;
}

void sq_args_free(struct sq_args *a)
{
    json_decref(a->json);
    a->json = NULL;
}
