/* SPDX-License-Identifier: MIT
 * The sample plugins, loaded as the toolhost loads them: what every plugin owes its host, and then
 * each tool. */
#include "samples.h"

#include "check.h"
#include "common/schema/schema.h"
#include "fake_host.h"

#include <elf.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const files[] = {
    ECHO_PLUGIN, DATASET_PLUGIN, SEARCH_PLUGIN, SQLITE_PLUGIN, WORDS_PLUGIN,
#ifdef HASH_PLUGIN
    HASH_PLUGIN,
#endif
};
enum { FILES = sizeof(files) / sizeof(files[0]) };

static char *slurp(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    char *data = NULL;
    long len;

    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    len = ftell(f);
    assert_true(len > 0);
    rewind(f);
    data = malloc((size_t)len);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)len, f), len);
    (void)fclose(f);
    *ret_len = (size_t)len;
    return data;
}

/* Count the symbols that the file defines for others; the name of the last one goes to *ret. */
static int exported(const char *elf, const char **ret)
{
    const Elf64_Ehdr *header = (const void *)elf;
    const Elf64_Shdr *sections = (const void *)(elf + header->e_shoff);
    int count = 0;

    for (int i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_DYNSYM)
            continue;
        const Elf64_Sym *symbols = (const void *)(elf + sections[i].sh_offset);
        const char *names = elf + sections[sections[i].sh_link].sh_offset;
        for (size_t s = 0; s < sections[i].sh_size / sizeof(*symbols); s++) {
            if (symbols[s].st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbols[s].st_info) == STB_LOCAL)
                continue;
            count++;
            *ret = names + symbols[s].st_name;
        }
    }
    return count;
}

static bool executable_stack(const char *elf)
{
    const Elf64_Ehdr *header = (const void *)elf;
    const Elf64_Phdr *segments = (const void *)(elf + header->e_phoff);

    for (int i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_GNU_STACK)
            return segments[i].p_flags & PF_X;
    return true;
}

static void a_plugin_exports_its_entry_and_nothing_else(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        const char *name = "";
        size_t len = 0;
        char *elf = slurp(files[i], &len);
        assert_true(len > sizeof(Elf64_Ehdr));
        assert_memory_equal(elf, ELFMAG, SELFMAG);
        assert_int_equal(exported(elf, &name), 1);
        assert_string_equal(name, "handrail_plugin_v1");
        assert_false(executable_stack(elf));
        free(elf);
    }
}

static void check_schema(const char *schema)
{
    json_error_t error;
    json_t *v = json_loads(schema, JSON_REJECT_DUPLICATES, &error);

    if (!v)
        fail_msg("%s at %d of %s", error.text, error.position, schema);
    assert_string_equal(json_string_value(json_object_get(v, "type")), "object");
    assert_true(json_is_false(json_object_get(v, "additionalProperties")));
    json_decref(v);
}

/* What a tool that changes files may claim; the others are harmless in every way. */
static uint32_t flags_of(const char *tool)
{
    const uint32_t again = HANDRAIL_TOOL_IDEMPOTENT | HANDRAIL_TOOL_CLOSED_WORLD;

    if (strcmp(tool, "sqlite_execute") == 0)
        return HANDRAIL_TOOL_CLOSED_WORLD;
    if (strcmp(tool, "train_classifier") == 0)
        return again;
    return again | HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE;
}

static void a_descriptor_is_complete(void **state)
{
    static const char name_characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    (void)state;
    for (int i = 0; i < FILES; i++) {
        const handrail_plugin *p = fake_host_load(files[i]);
        assert_int_equal(p->struct_size, sizeof(*p));
        assert_int_equal(p->built_minor, HANDRAIL_ABI_MINOR);
        assert_int_equal(p->needs_minor, 0);
        assert_non_null(p->create);
        assert_non_null(p->destroy);
        assert_non_null(p->version);
        if (p->config_schema)
            check_schema(p->config_schema);
        assert_non_null(p->tools[0]);
        for (const handrail_tool *const *t = p->tools; *t; t++) {
            assert_int_equal((*t)->struct_size, sizeof(**t));
            assert_int_equal((*t)->flags, flags_of((*t)->name));
            assert_int_equal(strspn((*t)->name, name_characters), strlen((*t)->name));
            assert_in_range(strlen((*t)->name), 1, 64);
            assert_true(strlen((*t)->description) > 20);
            check_schema((*t)->input_schema);
        }
    }
}

static void takes(const char *text, const json_t *config)
{
    char why[400];
    struct hr_schema *schema = NULL;
    json_t *json = json_loads(text, 0, NULL);

    if (hr_schema_compile(json, NULL, &schema, why, sizeof(why)))
        fail_msg("%s: %s", why, text);
    assert_int_equal(hr_schema_validate(schema, config, NULL), 0);
    hr_schema_free(schema);
    json_decref(json);
}

/* The toolhost refuses what does not fit: so no configuration fits, and one that repeats every
 * default. */
static void a_configuration_of_defaults_fits(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        const handrail_plugin *p = fake_host_load(files[i]);
        if (!p->config_schema)
            continue;
        json_t *schema = json_loads(p->config_schema, 0, NULL);
        json_t *config = json_object();
        const char *key = NULL;
        json_t *property = NULL;
        takes(p->config_schema, config);
        json_object_foreach (json_object_get(schema, "properties"), key, property) {
            json_t *value = json_object_get(property, "default");
            if (value)
                assert_int_equal(json_object_set(config, key, value), 0);
        }
        takes(p->config_schema, config);
        json_decref(config);
        json_decref(schema);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_plugin_exports_its_entry_and_nothing_else),
        cmocka_unit_test(a_descriptor_is_complete),
        cmocka_unit_test(a_configuration_of_defaults_fits),
    };
    int failed = cmocka_run_group_tests_name("samples", all, NULL, NULL);

    failed += samples_echo();
    failed += samples_effort();
    failed += samples_search_results();
    failed += samples_search_refusals();
    failed += samples_search_limits();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
