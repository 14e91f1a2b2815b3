/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "kit/place.h"
#include <stdlib.h>

enum { MIB = 1024 * 1024 };

/* What follows is repeated in ws_settings_schema. */
static const struct ws_settings defaults = {
    .max_file_bytes = (int64_t)4 * MIB,
    .max_total_bytes = (int64_t)256 * MIB,
    .max_time_ms = 10000,
};

/* A call holds one file in memory, so this bounds the worker's size. */
static const int64_t file_bytes_most = (int64_t)64 * MIB;
static const int64_t total_bytes_most = (int64_t)1 << 40;
static const int64_t time_ms_most = 300000;

const char ws_settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"root\":{\"type\":\"string\",\"default\":\"/workspace\",\"pattern\":\"^/\","
    "\"description\":\"Folder to search in: an absolute path\"},"
    "\"max_file_bytes\":{\"type\":\"integer\",\"default\":4194304,\"minimum\":1,"
    "\"maximum\":67108864,\"description\":\"A larger file is skipped\"},"
    "\"max_total_bytes\":{\"type\":\"integer\",\"default\":268435456,\"minimum\":1,"
    "\"maximum\":1099511627776,\"description\":\"Bytes that one call reads at most\"},"
    "\"max_time_ms\":{\"type\":\"integer\",\"default\":10000,\"minimum\":1,\"maximum\":300000,"
    "\"description\":\"Milliseconds after which one call answers what it has\"}}}";

handrail_status ws_settings_parse(const struct kit_call *c, const char *config, size_t len,
                                  struct ws_settings *ret)
{
    static const char *const known[] = {"root", "max_file_bytes", "max_total_bytes", "max_time_ms",
                                        NULL};
    struct kit_fields f = {.call = *c, .what = "configuration key"};
    struct ws_settings s = defaults;
    handrail_status status = HANDRAIL_E_INVALID;

    if (kit_fields_parse(&f, known, config, len) &&
        kit_fields_int(&f, "max_file_bytes", 1, file_bytes_most, &s.max_file_bytes) &&
        kit_fields_int(&f, "max_total_bytes", 1, total_bytes_most, &s.max_total_bytes) &&
        kit_fields_int(&f, "max_time_ms", 1, time_ms_most, &s.max_time_ms))
        status = kit_place_setting(&f, &s.root);
    if (status == HANDRAIL_OK)
        *ret = s;
    json_decref(f.object);
    return status;
}

void ws_settings_free(struct ws_settings *s)
{
    free(s->root);
    s->root = NULL;
}
