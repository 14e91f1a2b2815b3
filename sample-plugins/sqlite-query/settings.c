/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "kit/place.h"
#include <stdlib.h>

/* What follows is repeated in sq_settings_schema.  Clients cut a tool's answer at about 50000
 * characters, and would cut away the line that says it is not whole. */
static const struct sq_settings defaults = {
    .max_rows = 200,
    .timeout_ms = 10000,
    .max_result_bytes = (int64_t)48 * 1024,
};

/* The JSON beside the text is up to six times as long, and the host takes 4 MiB of both. */
static const int64_t result_bytes_most = (int64_t)512 * 1024;
static const int64_t rows_most = 10000;
static const int64_t timeout_ms_most = 300000;

const char sq_settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"root\":{\"type\":\"string\",\"default\":\"/workspace\",\"pattern\":\"^/\","
    "\"description\":\"Folder that holds the databases: an absolute path\"},"
    "\"writable\":{\"type\":\"boolean\",\"default\":false,"
    "\"description\":\"Lets sqlite_execute change databases\"},"
    "\"max_rows\":{\"type\":\"integer\",\"default\":200,\"minimum\":1,\"maximum\":10000,"
    "\"description\":\"Rows that one call answers at most\"},"
    "\"timeout_ms\":{\"type\":\"integer\",\"default\":10000,\"minimum\":1,\"maximum\":300000,"
    "\"description\":\"Milliseconds after which one call is stopped\"},"
    "\"max_result_bytes\":{\"type\":\"integer\",\"default\":49152,\"minimum\":1024,"
    "\"maximum\":524288,\"description\":\"Bytes of rows that one call answers at most\"}}}";

handrail_status sq_settings_parse(const struct kit_call *c, const char *config, size_t len,
                                  struct sq_settings *ret)
{
    static const char *const known[] = {"root",       "writable",         "max_rows",
                                        "timeout_ms", "max_result_bytes", NULL};
    struct kit_fields f = {.call = *c, .what = "configuration key"};
    struct sq_settings s = defaults;
    handrail_status status = HANDRAIL_E_INVALID;

    if (kit_fields_parse(&f, known, config, len) && kit_fields_bool(&f, "writable", &s.writable) &&
        kit_fields_int(&f, "max_rows", 1, rows_most, &s.max_rows) &&
        kit_fields_int(&f, "timeout_ms", 1, timeout_ms_most, &s.timeout_ms) &&
        kit_fields_int(&f, "max_result_bytes", 1024, result_bytes_most, &s.max_result_bytes))
        status = kit_place_setting(&f, &s.root);
    if (status == HANDRAIL_OK)
        *ret = s;
    json_decref(f.object);
    return status;
}

void sq_settings_free(struct sq_settings *s)
{
    free(s->root);
    s->root = NULL;
}
