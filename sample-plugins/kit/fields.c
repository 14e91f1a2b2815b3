/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include "text.h"
#include <string.h>

static const char *type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: return "null; leave it out instead";
    }
    return "something else";
}

static bool refuse_key(const struct kit_fields *f, const char *const *known, const char *key)
{
    struct kit_text names = {.max = 512};

    for (size_t i = 0; known[i]; i++)
        kit_text_addf(&names, "%s%s", i ? ", " : "", known[i]);
    kit_fail(&f->call, HANDRAIL_E_INVALID, "unknown %s \"%.64s\": known are %.*s", f->what, key,
             (int)names.len, names.data ? names.data : "");
    kit_text_free(&names);
    return false;
}

static bool is_known(const char *const *known, const char *key)
{
    for (; *known; known++)
        if (strcmp(*known, key) == 0)
            return true;
    return false;
}

bool kit_fields_parse(struct kit_fields *f, const char *const *known, const char *text, size_t len)
{
    json_error_t error;
    const char *key;
    json_t *value;
    bool ok = true;

    f->object = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!f->object) {
        kit_fail(&f->call, HANDRAIL_E_INVALID, "the %ss are not valid JSON: %s at byte %d", f->what,
                 error.text, error.position);
        return false;
    }
    if (!json_is_object(f->object)) {
        kit_fail(&f->call, HANDRAIL_E_INVALID, "the %ss must be a JSON object, got %s", f->what,
                 type_name(f->object));
        ok = false;
    }
    json_object_foreach (f->object, key, value) {
        if (ok && !is_known(known, key))
            ok = refuse_key(f, known, key);
    }
    if (!ok) {
        json_decref(f->object);
        f->object = NULL;
    }
    return ok;
}

bool kit_fields_string(const struct kit_fields *f, const char *key, size_t max, const char **ret)
{
    const json_t *v = json_object_get(f->object, key);

    if (!v)
        return true;
    if (!json_is_string(v)) {
        kit_fail(&f->call, HANDRAIL_E_INVALID, "%s %s must be a string, got %s", f->what, key,
                 type_name(v));
        return false;
    }
    size_t len = json_string_length(v);
    if (len == 0 || len > max) {
        kit_fail(&f->call, HANDRAIL_E_INVALID, "%s %s must have 1 to %zu bytes, got %zu%s", f->what,
                 key, max, len, len ? "" : "; leave it out if it is not needed");
        return false;
    }
    if (strlen(json_string_value(v)) != len) {
        kit_fail(&f->call, HANDRAIL_E_INVALID, "%s %s must not contain a NUL character", f->what,
                 key);
        return false;
    }
    *ret = json_string_value(v);
    return true;
}

/* The value of v as an integer.  10.0 is one in JSON Schema, and models do write it. */
static bool integer_in(const json_t *v, int64_t min, int64_t max, int64_t *ret)
{
    double real = json_number_value(v);

    if (!json_is_number(v) || !(real >= (double)min && real <= (double)max))
        return false;
    int64_t whole = json_is_integer(v) ? json_integer_value(v) : (int64_t)real;
    if (json_is_real(v) && (double)whole != real)
        return false;
    *ret = whole;
    return true;
}

bool kit_fields_int(const struct kit_fields *f, const char *key, int64_t min, int64_t max,
                    int64_t *ret)
{
    const json_t *v = json_object_get(f->object, key);

    if (!v || integer_in(v, min, max, ret))
        return true;
    kit_fail(&f->call, HANDRAIL_E_INVALID, "%s %s must be an integer from %lld to %lld, got %s",
             f->what, key, (long long)min, (long long)max,
             json_is_number(v) ? "another number" : type_name(v));
    return false;
}

bool kit_fields_bool(const struct kit_fields *f, const char *key, bool *ret)
{
    const json_t *v = json_object_get(f->object, key);

    if (!v)
        return true;
    if (!json_is_boolean(v)) {
        kit_fail(&f->call, HANDRAIL_E_INVALID, "%s %s must be true or false, got %s", f->what, key,
                 type_name(v));
        return false;
    }
    *ret = json_is_true(v);
    return true;
}
