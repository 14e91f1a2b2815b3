/* SPDX-License-Identifier: MIT
 * loader/toolhost: what is accepted as a plugin, and why the rest is not. */
#include "loader/toolhost/load.h"

#include "common/frame.h"
#include "loader/toolhost/builtin_names.h"
#include "loader/toolhost/plugin_config.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static handrail_status invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self;
    (void)call;
    (void)args;
    (void)len;
    return HANDRAIL_OK;
}

static handrail_status create(const handrail_host *host, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    (void)host;
    (void)call;
    (void)config;
    (void)len;
    (void)self;
    return HANDRAIL_OK;
}

/* A good plugin with two tools, for each test to spoil. */
struct fixture {
    handrail_tool a;
    handrail_tool b;
    const handrail_tool *tools[3];
    handrail_plugin plugin;
};

static void make(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->a = (handrail_tool){
        .struct_size = sizeof(f->a),
        .name = "a",
        .description = "Does a.",
        .input_schema = "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}}}",
        .invoke = invoke,
    };
    f->b = f->a;
    f->b.name = "b-_9";
    f->b.title = "The second";
    f->b.flags = HANDRAIL_TOOL_NON_DESTRUCTIVE | HANDRAIL_TOOL_IDEMPOTENT |
                 HANDRAIL_TOOL_CLOSED_WORLD | 1u << 30;
    f->b.output_schema = "{\"type\":\"object\"}";
    f->b.max_concurrency = 4294967295u;
    f->b.timeout_ms = 1500;
    f->tools[0] = &f->a;
    f->tools[1] = &f->b;
    f->plugin = (handrail_plugin){
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(f->plugin),
        .id = "org.example.test",
        .version = "0.9",
        .tools = f->tools,
        .create = create,
    };
}

static void accepted(const struct fixture *f)
{
    struct hr_plugin p;
    struct hr_why why = {{0}};
    int err = hr_plugin_check("org.example.test", NULL, &f->plugin, &p, &why);
    if (err)
        fail_msg("refused: %s", why.text);
    hr_plugin_release(&p);
}

static void refused(const struct fixture *f, const char *words)
{
    struct hr_plugin p;
    struct hr_why why = {{0}};
    assert_int_equal(hr_plugin_check("org.example.test", NULL, &f->plugin, &p, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("refused for \"%s\", expected \"%s\"", why.text, words);
}

static void described(void **state)
{
    (void)state;
    struct fixture f;
    struct hr_plugin p;
    struct hr_why why = {{0}};
    make(&f);
    assert_int_equal(hr_plugin_check("org.example.test", NULL, &f.plugin, &p, &why), 0);
    assert_int_equal(p.ntools, 2);
    json_t *got = json_loadb(p.tools_json.data, p.tools_json.len, 0, NULL);
    json_t *want = json_loads(
        "{\"plugin\":{\"id\":\"org.example.test\",\"version\":\"0.9\"},\"tools\":["
        "{\"name\":\"a\",\"title\":\"a\",\"description\":\"Does a.\",\"inputSchema\":"
        "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}}},\"annotations\":"
        "{\"readOnlyHint\":false,\"destructiveHint\":true,\"idempotentHint\":false,"
        "\"openWorldHint\":true},\"maxConcurrency\":0,\"timeoutMs\":0},"
        "{\"name\":\"b-_9\",\"title\":\"The second\",\"description\":\"Does a.\",\"inputSchema\":"
        "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}}},\"outputSchema\":"
        "{\"type\":\"object\"},\"annotations\":"
        "{\"readOnlyHint\":false,\"destructiveHint\":false,\"idempotentHint\":true,"
        "\"openWorldHint\":false},\"maxConcurrency\":4294967295,\"timeoutMs\":1500}]}",
        0, NULL);
    assert_non_null(want);
    assert_true(json_equal(got, want));
    json_decref(got);
    json_decref(want);
    hr_plugin_release(&p);
}

static void sizes(void **state)
{
    (void)state;
    struct fixture f;
    make(&f);
    f.plugin.struct_size = sizeof(f.plugin) + 4096; /* of a later minor: our part is enough */
    f.a.struct_size = sizeof(f.a) + 4096;
    accepted(&f);
    make(&f);
    f.plugin.struct_size = sizeof(f.plugin) - 1;
    refused(&f, "set .struct_size");
    f.plugin.struct_size = 0;
    refused(&f, "set .struct_size");
    make(&f);
    f.b.struct_size = sizeof(f.b) - sizeof(f.b.invoke);
    refused(&f, "tool number 2");
}

static void descriptor(void **state)
{
    (void)state;
    static const char *const extensions[] = {"com.example.gpu/1", NULL};
    const char *some[] = {HANDRAIL_PHASE, "handrail.phase/2", NULL};
    struct fixture f;
    make(&f);
    f.plugin.magic = 1;
    refused(&f, "HANDRAIL_MAGIC");
    make(&f);
    f.plugin.needs_minor = HANDRAIL_ABI_MINOR + 1;
    refused(&f, "needs ABI 1.2, this host has 1.1");
    make(&f);
    f.plugin.built_minor = 77; /* information only */
    accepted(&f);
    f.plugin.needs_extensions = extensions;
    refused(&f, "\"com.example.gpu/1\"");
    f.plugin.needs_extensions = &extensions[1];
    accepted(&f);
    f.plugin.needs_extensions = some;
    refused(&f, "\"handrail.phase/2\"");
    some[1] = NULL;
    accepted(&f);
    f.plugin.id = "org.example.other";
    refused(&f, "org.example.other");
    f.plugin.id = NULL;
    refused(&f, "no id");
    make(&f);
    f.plugin.version = NULL;
    refused(&f, "no version");
    make(&f);
    f.plugin.create = NULL;
    refused(&f, "no create()");
}

static void tools(void **state)
{
    (void)state;
    struct fixture f;
    make(&f);
    f.tools[0] = NULL;
    refused(&f, "offers no tool");
    f.plugin.tools = NULL;
    refused(&f, "offers no tool");
    make(&f);
    f.b.name = "a";
    refused(&f, "two tools are called \"a\"");
    make(&f);
    f.b.description = NULL;
    refused(&f, "no description");
    f.b.description = "";
    refused(&f, "no description");
    f.b.description = "caf\xe9";
    refused(&f, "not UTF-8");
    make(&f);
    f.b.title = "\xed\xa0\x80";
    refused(&f, "not UTF-8");
    make(&f);
    f.b.invoke = NULL;
    refused(&f, "no invoke()");

    static const handrail_tool *many[HR_TOOLS_MAX + 1];
    make(&f);
    for (size_t i = 0; i <= HR_TOOLS_MAX; i++)
        many[i] = &f.a;
    f.plugin.tools = many;
    refused(&f, "more than 256 tools"); /* and the end of the array is not passed */
}

static void names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a b", "a.b", "\xc3\xa9", "a/b", "a\n"};
    static const char *const builtin[] = {"terminal", "finish", "think", "task", "grep"};
    struct fixture f;
    char name[HR_TOOL_NAME_MAX + 2];
    make(&f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        f.b.name = bad[i];
        refused(&f, "tool number 2 is called");
    }
    f.b.name = NULL;
    refused(&f, "tool number 2 is called");
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    f.b.name = name;
    refused(&f, "tool number 2 is called");
    name[HR_TOOL_NAME_MAX] = '\0';
    accepted(&f);
    for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++) {
        f.b.name = builtin[i];
        refused(&f, "agent-server's own");
    }
    assert_false(hr_builtin_tool_name("terminals"));
    assert_false(hr_builtin_tool_name("Terminal"));
}

static void schemas(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "true",
        "{}",
        "{\"type\":\"array\"}",
        "{\"type\":[\"object\"]}",
        "{\"type\":\"object\",\"type\":\"object\"}",
        "{\"type\":\"object\"} x",
    };
    struct fixture f;
    make(&f);
    f.a.input_schema = NULL;
    refused(&f, "no input_schema");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        f.a.input_schema = bad[i];
        refused(&f, "its input_schema");
    }
    make(&f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        f.b.output_schema = bad[i];
        refused(&f, "its output_schema");
    }
}

static void too_long_to_tell(void **state)
{
    (void)state;
    struct fixture f;
    size_t n = HR_FRAME_MAX;
    char *text = malloc(n + 1);
    assert_non_null(text);
    memset(text, 'd', n);
    text[n] = '\0';
    make(&f);
    f.a.description = text;
    refused(&f, "larger than");
    free(text);
}

static void test_plugins(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *words;
    } bad[] = {
        {"wrong_magic", "HANDRAIL_MAGIC"},  {"no_symbol", "handrail_plugin_v1"},
        {"needs_future", "needs ABI 1.99"}, {"builtin_name", "\"terminal\""},
        {"absent", "does not exist"},
    };
    struct hr_plugin_file file;
    struct hr_plugin p;
    struct hr_why why = {{0}};
    char path[512];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s.so", TEST_PLUGINS, bad[i].name);
        if (hr_plugin_open("x", path, NULL, &file, &why) == 0) {
            assert_int_equal(hr_plugin_load(bad[i].name, path, &file, &p, &why), -EINVAL);
            (void)munmap((void *)(uintptr_t)file.bytes, file.len); /* fd stays: see file.h */
        }
        if (!strstr(why.text, bad[i].words))
            fail_msg("%s: refused for \"%s\"", bad[i].name, why.text);
    }
    (void)snprintf(path, sizeof(path), "%s/faulty.so", TEST_PLUGINS);
    assert_int_equal(hr_plugin_open("x", path, NULL, &file, &why), 0);
    assert_true(file.sealed);
    assert_int_equal(hr_plugin_load("faulty", path, &file, &p, &why), 0);
    hr_plugin_file_close(&file);
    assert_int_equal(p.ntools, 22);
    hr_plugin_release(&p);
}

/* What hr_plugin_config_check() says of this config (JSON or NULL) and this schema; "" if nothing.
 */
static void config_check(const char *schema, const char *config, struct hr_why *why)
{
    struct hr_plugin p = {.id = "x", .api = {.config_schema = schema}};
    json_t *json = config ? json_loads(config, 0, NULL) : NULL;
    assert_true(!config || json);
    why->text[0] = '\0';
    int err = hr_plugin_config_check(&p, json, why);
    assert_int_equal(err, why->text[0] ? -EINVAL : 0);
    json_decref(json);
}

static void config_refused(const char *schema, const char *config, const char *words)
{
    struct hr_why why;
    config_check(schema, config, &why);
    if (!strstr(why.text, words))
        fail_msg("refused for \"%s\", expected \"%s\"", why.text, words);
}

static void config_taken(const char *schema, const char *config)
{
    struct hr_why why;
    config_check(schema, config, &why);
    assert_string_equal(why.text, "");
}

static void configurations(void **state)
{
    (void)state;
    static const char schema[] =
        "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"a\":{\"type\":"
        "\"integer\"},\"b~/\":{\"pattern\":\"^[a-z]+$\"}}}";
    config_taken(NULL, NULL);
    config_taken(NULL, "{\"x\":1}"); /* a warning */
    config_taken(schema, NULL);
    config_taken(schema, "{}");
    config_taken(schema, "{\"a\":1,\"b~/\":\"x\"}");
    config_taken("true", "{\"x\":1}");
    config_refused(schema, "{\"a\":1.5}", "/a: expected integer, got number 1.5");
    config_refused(schema, "{\"b~/\":\"X\"}", "/b~0~1: ");
    config_refused(schema, "{\"a\":\"1\",\"c\":2}", "; ");
    config_refused(schema, "{\"a\":\"1\",\"c\":2}", ": correct it in the tool registry");
    config_refused("{\"required\":[\"a\"]}", NULL, "(top level): missing required property \"a\"");
    config_refused("{\"type\":\"array\"}", "{}", "(top level)");
    config_refused("false", "{}", "(top level)");
    /* schemas that are none */
    config_refused("{", "{}", "its config_schema is not JSON: line 1: ");
    config_refused("", NULL, "its config_schema is not JSON");
    config_refused("{\"type\":1,\"type\":2}", "{}", "not JSON");
    config_refused("{\"type\":\"objekt\"}", "{}", "its config_schema is refused: /type");
    config_refused("{\"pattern\":\"(\"}", "{}", "its config_schema is refused: /pattern");
    config_refused("{\"$ref\":\"http://example.org/x\"}", "{}",
                   "its config_schema is refused: /$ref");
    config_refused("[]", "{}", "its config_schema is refused");
}

/* Whatever is wrong with a text, it may be a secret, and the refusal is read by many. */
static void secrets(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{\"properties\":{\"key\":{\"type\":\"integer\"}}}",
        "{\"properties\":{\"key\":{\"type\":[\"integer\",\"null\"]}}}",
        "{\"properties\":{\"key\":{\"pattern\":\"^sk-\"}}}",
        "{\"properties\":{\"key\":{\"enum\":[\"a\",\"b\"]}}}",
        "{\"properties\":{\"key\":{\"enum\":[\"a\"]}}}",
        "{\"properties\":{\"key\":{\"const\":\"a\"}}}",
        "{\"properties\":{\"key\":{\"maxLength\":3}}}",
        "{\"properties\":{\"key\":{\"minLength\":30}}}",
        "{\"properties\":{\"key\":false}}",
        "{\"properties\":{\"key\":{\"not\":{\"type\":\"string\"}}}}",
        "{\"properties\":{\"key\":{\"anyOf\":[{\"pattern\":\"^a\"},{\"type\":\"null\"}]}}}",
        "{\"properties\":{\"key\":{\"oneOf\":[{\"const\":\"a\"},{\"const\":\"b\"}]}}}",
        "{\"properties\":{\"list\":{\"items\":{\"const\":\"a\"},\"uniqueItems\":true}}}",
        "{\"properties\":{\"list\":{\"contains\":{\"const\":\"a\"}}}}",
        "{\"properties\":{\"list\":{\"const\":[\"a\"]}}}",
        "{\"properties\":{\"list\":{\"enum\":[\"a\",[1]]}}}",
        "{\"const\":{\"key\":\"a\"}}",
        "{\"additionalProperties\":{\"const\":\"a\"}}",
        "{\"unevaluatedProperties\":false}",
    };
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        struct hr_why why;
        config_check(schemas[i], "{\"key\":\"hunter2\",\"list\":[\"hunter2\",\"hunter2\"]}", &why);
        assert_non_null(strstr(why.text, "does not fit its config_schema"));
        if (strstr(why.text, "hunter2"))
            fail_msg("it tells the secret: %s", why.text);
    }
    config_refused(schemas[0], "{\"key\":\"hunter2\"}", "/key: expected integer, got a string: ");
    config_refused(schemas[2], "{\"key\":\"x\"}", "matching the pattern ^sk-, got a string: ");
}

/* Whatever is wrong, the sentence is whole, and says how much more there is. */
static void many_faults(void **state)
{
    (void)state;
    struct hr_why why;
    json_t *config = json_object();
    for (int i = 0; i < 100; i++) {
        char key[400];
        (void)snprintf(key, sizeof(key), "%d%0300d", i, 0);
        assert_int_equal(json_object_set_new(config, key, json_integer(i)), 0);
    }
    char *text = json_dumps(config, 0);
    json_decref(config);
    config_check("{\"additionalProperties\":{\"type\":\"string\"}}", text, &why);
    assert_in_range(strlen(why.text), 1000, sizeof(why.text) - 2);
    assert_non_null(strstr(why.text, "expected string, got integer 0; /1000"));
    assert_non_null(strstr(why.text, "; and more: correct it in the tool registry"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(described),
        cmocka_unit_test(sizes),
        cmocka_unit_test(descriptor),
        cmocka_unit_test(tools),
        cmocka_unit_test(names),
        cmocka_unit_test(schemas),
        cmocka_unit_test(too_long_to_tell),
        cmocka_unit_test(test_plugins),
        cmocka_unit_test(configurations),
        cmocka_unit_test(secrets),
        cmocka_unit_test(many_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
