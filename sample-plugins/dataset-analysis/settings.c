/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "kit/place.h"
#include <stdlib.h>

enum { MIB = 1024 * 1024 };

/* What follows is repeated in da_settings_schema. */
static const struct da_settings defaults = {
    .max_rows = 200000,
    .max_bytes = (int64_t)256 * MIB,
    .timeout_ms = 60000,
};
static const int64_t rows_most = 2000000;
static const int64_t bytes_most = (int64_t)4096 * MIB;
static const int64_t timeout_ms_most = 600000;

const char da_settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"root\":{\"type\":\"string\",\"default\":\"/workspace\",\"pattern\":\"^/\","
    "\"description\":\"Folder that holds the files: an absolute path\"},"
    "\"max_rows\":{\"type\":\"integer\",\"default\":200000,\"minimum\":10,\"maximum\":2000000,"
    "\"description\":\"Rows that one call uses at most\"},"
    "\"max_bytes\":{\"type\":\"integer\",\"default\":268435456,\"minimum\":1024,"
    "\"maximum\":4294967296,\"description\":\"Bytes that one call reads at most\"},"
    "\"timeout_ms\":{\"type\":\"integer\",\"default\":60000,\"minimum\":1,\"maximum\":600000,"
    "\"description\":\"Milliseconds after which one call is stopped\"}}}";

handrail_status da_settings_parse(const struct kit_call *c, const char *config, size_t len,
                                  struct da_settings *ret)
{
    static const char *const known[] = {"root", "max_rows", "max_bytes", "timeout_ms", NULL};
    struct kit_fields f = {.call = *c, .what = "configuration key"};
    struct da_settings s = defaults;
    handrail_status status = HANDRAIL_E_INVALID;

    if (kit_fields_parse(&f, known, config, len) &&
        kit_fields_int(&f, "max_rows", 10, rows_most, &s.max_rows) &&
        kit_fields_int(&f, "max_bytes", 1024, bytes_most, &s.max_bytes) &&
        kit_fields_int(&f, "timeout_ms", 1, timeout_ms_most, &s.timeout_ms))
        status = kit_place_setting(&f, &s.root);
    if (status == HANDRAIL_OK)
        *ret = s;
    json_decref(f.object);
    return status;
}

void da_settings_free(struct da_settings *s)
{
    free(s->root);
    s->root = NULL;
}
