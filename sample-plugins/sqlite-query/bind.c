/* SPDX-License-Identifier: MIT */
#include "bind.h"

#include "errors.h"
#include <stdio.h>
#include <string.h>

/* An SQLite result code; SQLITE_MISMATCH for what is no scalar. */
static int bind_one(sqlite3_stmt *stmt, int i, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL: return sqlite3_bind_null(stmt, i);
    case JSON_TRUE:
    case JSON_FALSE: return sqlite3_bind_int(stmt, i, json_is_true(v));
    case JSON_INTEGER: return sqlite3_bind_int64(stmt, i, json_integer_value(v));
    case JSON_REAL: return sqlite3_bind_double(stmt, i, json_real_value(v));
    case JSON_STRING:
        return sqlite3_bind_text64(stmt, i, json_string_value(v), json_string_length(v),
                                   SQLITE_STATIC, SQLITE_UTF8);
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return SQLITE_MISMATCH;
}

static handrail_status bind_value(const struct sq_db *db, sqlite3_stmt *stmt, int i,
                                  const char *title, const json_t *v)
{
    int rc = bind_one(stmt, i, v);

    if (rc == SQLITE_OK)
        return HANDRAIL_OK;
    if (rc != SQLITE_MISMATCH)
        return sq_errors_fail(db, rc);
    return kit_fail(&db->watch->call, HANDRAIL_E_INVALID,
                    "parameter %s must be a string, number, boolean or null: give lists as JSON "
                    "text and read them with json_each()",
                    title);
}

static handrail_status bind_array(const struct sq_db *db, sqlite3_stmt *stmt, const json_t *values)
{
    const struct kit_call *c = &db->watch->call;
    int wanted = sqlite3_bind_parameter_count(stmt);
    handrail_status status = HANDRAIL_OK;
    char title[16];

    if ((size_t)wanted != json_array_size(values))
        return kit_fail(c, HANDRAIL_E_INVALID,
                        "sql has %d placeholder%s, but parameters has %zu value%s", wanted,
                        wanted == 1 ? "" : "s", json_array_size(values),
                        json_array_size(values) == 1 ? "" : "s");
    for (int i = 1; status == HANDRAIL_OK && i <= wanted; i++) {
        (void)snprintf(title, sizeof(title), "%d", i);
        status = bind_value(db, stmt, i, title, json_array_get(values, (size_t)i - 1));
    }
    return status;
}

/* Both {"id": 1} and {":id": 1} are a value for :id. */
static const json_t *value_of(const json_t *values, const char *placeholder)
{
    const json_t *v = json_object_get(values, placeholder);

    return v ? v : json_object_get(values, placeholder + 1);
}

static bool has_placeholder(sqlite3_stmt *stmt, const char *key)
{
    for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
        const char *name = sqlite3_bind_parameter_name(stmt, i);
        if (name && (strcmp(name, key) == 0 || strcmp(name + 1, key) == 0))
            return true;
    }
    return false;
}

static handrail_status bind_object(const struct sq_db *db, sqlite3_stmt *stmt, json_t *values)
{
    const struct kit_call *c = &db->watch->call;
    handrail_status status = HANDRAIL_OK;
    const char *key;
    json_t *value;

    for (int i = 1; status == HANDRAIL_OK && i <= sqlite3_bind_parameter_count(stmt); i++) {
        const char *name = sqlite3_bind_parameter_name(stmt, i);
        if (!name || name[0] == '?')
            return kit_fail(c, HANDRAIL_E_INVALID,
                            "sql has a placeholder ?, which has no name: give parameters as an "
                            "array, or write :name");
        const json_t *v = value_of(values, name);
        if (!v)
            return kit_fail(c, HANDRAIL_E_INVALID, "parameters has no value for %.64s", name);
        status = bind_value(db, stmt, i, name, v);
    }
    json_object_foreach (values, key, value) {
        if (status == HANDRAIL_OK && !has_placeholder(stmt, key))
            status = kit_fail(c, HANDRAIL_E_INVALID,
                              "parameters has a value \"%.64s\", but sql has no :%.64s", key, key);
    }
    return status;
}

handrail_status sq_bind(const struct sq_db *db, sqlite3_stmt *stmt, json_t *parameters)
{
    if (json_is_object(parameters))
        return bind_object(db, stmt, parameters);
    if (json_is_array(parameters))
        return bind_array(db, stmt, parameters);
    if (sqlite3_bind_parameter_count(stmt) == 0)
        return HANDRAIL_OK;
    return kit_fail(&db->watch->call, HANDRAIL_E_INVALID,
                    "sql has %d placeholders: give their values as parameters",
                    sqlite3_bind_parameter_count(stmt));
}
