/* SPDX-License-Identifier: MIT
 * What a toolhost says of its confinement: foreign code may have written it. */
#include "check.h"
#include "sidecar/mcp/confinement.h"

#include <stdio.h>
#include <string.h>

static json_t *parse(const char *text)
{
    json_t *plugin = json_loads(text, 0, NULL);
    assert_non_null(plugin);
    json_t *c = hr_mcp_confinement_parse(plugin);
    json_decref(plugin);
    return c;
}

static void the_usual(void **state)
{
    (void)state;
    json_t *want = json_loads("{\"enforced\":[\"files\",\"exec\"],\"missing\":{\"x\":\"why\"},"
                              "\"landlock_abi\":7}",
                              0, NULL);
    json_t *c = parse("{\"id\":\"p\",\"confinement\":{\"enforced\":[\"files\",\"exec\"],"
                      "\"missing\":{\"x\":\"why\"},\"landlock_abi\":7,\"more\":1}}");
    assert_true(json_equal(c, want));
    json_decref(c);
    json_decref(want);
}

static void nothing_and_rubbish(void **state)
{
    static const char *const rubbish[] = {
        "{\"confinement\":{}}",
        "{\"confinement\":{\"enforced\":7,\"missing\":[],\"landlock_abi\":\"x\"}}",
        "{\"confinement\":{\"enforced\":[1,{},null],\"missing\":{\"a\":1,\"b\":null}}}",
    };
    (void)state;
    json_t *empty = json_pack("{s:[], s:{}}", "enforced", "missing");
    assert_null(parse("{\"id\":\"p\"}"));
    assert_null(parse("{\"confinement\":[]}"));
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
        json_t *c = parse(rubbish[i]);
        assert_true(json_equal(c, empty));
        json_decref(c);
    }
    json_decref(empty);
}

static void too_much_is_left_out(void **state)
{
    char name[16];
    char text[HR_MCP_CONFINEMENT_TEXT_MAX + 2];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    json_t *enforced = json_array();
    json_t *missing = json_object();
    (void)json_array_append_new(enforced, json_string(text));
    (void)json_object_set_new(missing, text, json_string("y"));
    (void)json_object_set_new(missing, "long", json_string(text));
    for (int i = 0; i < 2 * HR_MCP_CONFINEMENT_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        (void)json_array_append_new(enforced, json_string(name));
        (void)json_object_set_new(missing, name, json_string("y"));
    }
    json_t *plugin =
        json_pack("{s:{s:o, s:o}}", "confinement", "enforced", enforced, "missing", missing);
    json_t *c = hr_mcp_confinement_parse(plugin);
    assert_in_range(json_array_size(json_object_get(c, "enforced")), 1, HR_MCP_CONFINEMENT_MAX);
    assert_int_equal(json_object_size(json_object_get(c, "missing")), HR_MCP_CONFINEMENT_MAX);
    assert_null(json_object_get(json_object_get(c, "missing"), text));
    assert_null(json_object_get(json_object_get(c, "missing"), "long"));
    json_decref(plugin);
    json_decref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual),
        cmocka_unit_test(nothing_and_rubbish),
        cmocka_unit_test(too_much_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
