/* SPDX-License-Identifier: MIT
 * What is written down about the settings by hand, held against their table: the properties of
 * "handrail" in agent_config.schema.json, and the list in loader/config/README.md.
 *
 *   unit-settings_schema --schema | --list     print what ought to stand there */
#include "check.h"
#include "common/buf.h"
#include "loader/config/setting_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1024 * 1024 };

static struct hr_config defaults;

static bool is_family(const struct hr_setting *s, const char *name)
{
    return s->group == HR_GROUP_FAMILY && strncmp(s->option, name, strlen(name)) == 0;
}

/* Whose setting it is, where its help does not say so. */
static const char *whose(const struct hr_setting *s)
{
    return is_family(s, "sidecar-")    ? "Of the sidecar: "
           : is_family(s, "toolhost-") ? "Of the toolhosts: "
                                       : "";
}

/* ---- the schema ------------------------------------------------------------------------------ */

static json_t *bounds(const struct hr_setting *s)
{
    if (s->type == HR_SETTING_COUNT)
        return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)s->min,
                         "maximum", (json_int_t)s->max);
    return json_pack("{s:s, s:f, s:f}", "type", "number", "minimum", (double)s->min / 1000.0,
                     "maximum", (double)s->max / 1000.0);
}

static json_t *words(const struct hr_setting *s)
{
    json_t *list = json_array();
    for (const char *w = s->value; *w;) {
        size_t n = strcspn(w, "|");
        assert_int_equal(json_array_append_new(list, json_stringn(w, n)), 0);
        w += n + (w[n] == '|');
    }
    return json_pack("{s:o}", "enum", list);
}

static json_t *pattern(const char *text, int longest)
{
    json_t *o = json_pack("{s:s, s:s}", "type", "string", "pattern", text);
    if (longest)
        (void)json_object_set_new(o, "maxLength", json_integer(longest));
    return o;
}

static json_t *kind(const struct hr_setting *s)
{
    switch (s->type) {
    case HR_SETTING_SWITCH: return json_pack("{s:s}", "type", "boolean");
    case HR_SETTING_CHOICE: return words(s);
    case HR_SETTING_SECONDS:
    case HR_SETTING_COUNT: return bounds(s);
    case HR_SETTING_PATH: return json_pack("{s:s, s:i}", "type", "string", "minLength", 1);
    case HR_SETTING_ABSOLUTE: return pattern("^/", 0);
    case HR_SETTING_ADDRESS: return pattern("^[0-9A-Fa-f.:\\[\\]]*:[+0-9]+$", 0);
    case HR_SETTING_URL: return pattern("^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$", 2048);
    case HR_SETTING_CODES:
        return json_pack("{s:s, s:{s:s, s:i}}", "type", "array", "items", "type", "string",
                         "minLength", 1);
    case HR_SETTING_REWRITE:
    case HR_SETTING_CHECKS:
        return json_pack("{s:s, s:{s:s, s:i}}", "type", "array", "items", "type", "string",
                         "minLength", 3);
    }
    return NULL;
}

static json_t *property(const struct hr_setting *s)
{
    char text[512];
    json_t *o = kind(s);
    json_t *normal = hr_setting_json(&defaults, s);
    (void)snprintf(text, sizeof(text), "%s%s%s (--%s, %s)", whose(s), s->help,
                   s->type == HR_SETTING_SECONDS ? "; seconds" : "", s->option, s->variable);
    assert_int_equal(json_object_set_new(o, "description", json_string(text)), 0);
    if (!json_is_null(normal))
        (void)json_object_set(o, "default", normal);
    json_decref(normal);
    return o;
}

static json_t *properties(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < hr_nsettings; i++)
        if (strcmp(hr_settings[i].option, "config-dir") != 0)
            assert_int_equal(
                json_object_set_new(all, hr_settings[i].option, property(&hr_settings[i])), 0);
    return all;
}

/* Numbers as a JSON Schema has them: 1 is 1.0. */
static bool same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (json_is_object(a) && json_is_object(b) && json_object_size(a) == json_object_size(b)) {
        const char *key = NULL;
        json_t *v = NULL;
        json_object_foreach ((json_t *)(uintptr_t)a, key, v)
            if (!same(v, json_object_get(b, key)))
                return false;
        return true;
    }
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
        for (size_t i = 0; i < json_array_size(a); i++)
            if (!same(json_array_get(a, i), json_array_get(b, i)))
                return false;
        return true;
    }
    return a && b && json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b);
}

static void the_schema_has_every_setting(void **state)
{
    (void)state;
    json_error_t e;
    json_t *schema = json_load_file(HR_SCHEMA, 0, &e);
    if (!schema)
        fail_msg("%s: %s", HR_SCHEMA, e.text);
    const json_t *there = json_object_get(
        json_object_get(json_object_get(schema, "properties"), "handrail"), "properties");
    json_t *wanted = properties();
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach (wanted, key, v)
        if (!same(v, json_object_get(there, key)))
            fail_msg("%s: properties/handrail/properties/%s is not what the table of settings "
                     "says: see tests/unit/settings_schema.c --schema",
                     HR_SCHEMA, key);
    assert_int_equal(json_object_size(there), json_object_size(wanted));
    json_decref(wanted);
    json_decref(schema);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void put_default(struct hr_buf *b, const struct hr_setting *s)
{
    json_t *normal = hr_setting_json(&defaults, s);
    char *text = json_dumps(normal, JSON_ENCODE_ANY);
    bool none = json_is_null(normal) || (json_is_array(normal) && !json_array_size(normal));
    assert_non_null(text);
    if (!none)
        assert_int_equal(hr_buf_addf(b, "`%s`", text), 0);
    free(text);
    json_decref(normal);
}

static void put_row(struct hr_buf *b, const struct hr_setting *s)
{
    assert_int_equal(hr_buf_addf(b, "| `%s` | `--%s` | `%s` | ", s->option, s->option, s->variable),
                     0);
    put_default(b, s);
    assert_int_equal(hr_buf_addf(b, " | %s | %s |\n", s->live ? "yes" : "", s->help), 0);
}

/* The families are the same nine as the server's: no list of them. */
static void list(struct hr_buf *b)
{
    assert_int_equal(hr_buf_adds(b, "| key of `handrail` | option | variable | default | by reload "
                                    "| |\n| --- | --- | --- | --- | --- | --- |\n"),
                     0);
    for (size_t i = 0; i < hr_nsettings; i++)
        if (hr_settings[i].group != HR_GROUP_FAMILY)
            put_row(b, &hr_settings[i]);
}

static void read_file(const char *path, struct hr_buf *b)
{
    char block[4096];
    size_t n = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("no %s", path);
    while (f && (n = fread(block, 1, sizeof(block), f)) > 0)
        assert_int_equal(hr_buf_add(b, block, n), 0);
    if (f)
        (void)fclose(f);
}

static void the_manual_has_every_setting(void **state)
{
    struct hr_buf wanted;
    struct hr_buf manual;
    (void)state;
    hr_buf_init(&wanted, TEXT_MAX);
    hr_buf_init(&manual, TEXT_MAX);
    list(&wanted);
    read_file(HR_README, &manual);
    if (!strstr(hr_buf_str(&manual), hr_buf_str(&wanted)))
        fail_msg("%s: the list of settings is not what their table says: see "
                 "tests/unit/settings_schema.c --list",
                 HR_README);
    hr_buf_free(&wanted);
    hr_buf_free(&manual);
}

static int print(const char *what)
{
    struct hr_buf b;
    hr_buf_init(&b, TEXT_MAX);
    if (strcmp(what, "--schema") == 0) {
        json_t *all = properties();
        (void)json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        json_decref(all);
    } else {
        list(&b);
        (void)fputs(hr_buf_str(&b), stdout);
    }
    hr_buf_free(&b);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_has_every_setting),
        cmocka_unit_test(the_manual_has_every_setting),
    };
    hr_settings_default(&defaults);
    if (argc > 1)
        return print(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
