/* SPDX-License-Identifier: MIT
 * What the readers of both files share; what is wrong with a whole file is in agent_config.c. */
#include "loader/config/config_file.h"

#include "said.h"

#include <string.h>

static void pointers(void **state)
{
    struct hr_pointer p;
    char key[200];
    (void)state;
    assert_string_equal(hr_pointer_key(&p, "", "a"), "/a");
    assert_string_equal(hr_pointer_key(&p, "/x", ""), "/x/");
    assert_string_equal(hr_pointer_key(&p, "/x", "a/b~c"), "/x/a~1b~0c");
    assert_string_equal(hr_pointer_index(&p, "/x", 12), "/x/12");
    memset(key, '~', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    (void)hr_pointer_key(&p, "", key);
    assert_int_equal(strlen(p.text), 1 + 2 * 64 + 3); /* cut, and that is shown */
    assert_string_equal(&p.text[129], "...");
}

static void names_of_types(void **state)
{
    (void)state;
    assert_string_equal(hr_config_type_name(NULL), "nothing");
    assert_string_equal(hr_config_type_name(json_null()), "null");
    assert_string_equal(hr_config_type_name(json_true()), "a boolean");
}

static void the_nearest_word(void **state)
{
    static const char *const known[] = {"module", "class", "name"};
    (void)state;
    assert_string_equal(hr_config_nearest("modul", known, 3), "module");
    assert_string_equal(hr_config_nearest("Class", known, 3), "class");
    assert_null(hr_config_nearest("type", known, 3));
    assert_null(hr_config_nearest("modul", known, 0));
}

static void unknown_keys(void **state)
{
    static const char *const known[] = {"module"};
    struct hr_config_file f = {.name = "F"};
    json_t *o = json_pack("{s:i, s:i, s:i}", "module", 1, "modul", 2, "x/y", 3);
    (void)state;
    hear_begin();
    hr_config_unknown_keys(&f, "/at", o, known, 1);
    hear_end();
    json_decref(o);
    assert_int_equal(f.problems, 2);
    assert_non_null(strstr(said,
                           "F: /at/modul: expected one of module, got an unknown key: did you "
                           "mean \"module\"?\n"));
    assert_non_null(strstr(said, "F: /at/x~1y: expected one of module, got an unknown key\n"));
}

/* Bytes that do not end in a NUL. */
static void exactly_so_many_bytes(void **state)
{
    struct hr_config_file f = {.name = "F"};
    (void)state;
    hear_begin();
    json_t *root = hr_config_file_parse(&f, "{}x", 2);
    assert_null(hr_config_file_parse(&f, "  {}", 2));
    assert_null(hr_config_file_parse(&f, "", 0));
    hear_end();
    assert_true(json_is_object(root));
    json_decref(root);
    assert_int_equal(f.problems, 2);
    assert_non_null(strstr(said, "F: is empty"));
}

/* Each is said; of them, the last one counts. */
static void every_key_that_is_there_twice(void **state)
{
    static const char text[] =
        "{\"a\": 1,\n"
        " \"o\": {\"x\\\"y\": [1, {\"k\": 2, \"k\": 3}], \"x\\\"y\": \"}],\\\"\"},\n"
        " \"a\" : {\"b\": [\"}\", 2]} ,\n"
        " \"c\": 4, \"a\": 5\n,\"\":6,\"\":7}";
    struct hr_config_file f = {.name = "F"};
    (void)state;
    hear_begin();
    json_t *root = hr_config_file_parse(&f, text, sizeof(text) - 1);
    hear_end();
    json_t *expected = json_loadb(text, sizeof(text) - 1, 0, NULL);
    assert_true(json_equal(root, expected));
    json_decref(root);
    json_decref(expected);
    assert_int_equal(f.problems, 5);
    assert_non_null(strstr(said, "line 2, column 31: not valid JSON: duplicate object key"));
    assert_non_null(strstr(said, "line 2, column 44: not valid JSON: duplicate object key"));
    assert_non_null(strstr(said, "line 3, column 4: not valid JSON: duplicate object key"));
    assert_non_null(strstr(said, "line 4, column 12: not valid JSON: duplicate object key"));
    assert_non_null(strstr(said, "line 5, column 8: not valid JSON: duplicate object key"));
    /* What follows may be no JSON at all. */
    f.problems = 0;
    hear_begin();
    assert_null(hr_config_file_parse(&f, "{\"a\":1,\"a\"", 11));
    assert_null(hr_config_file_parse(&f, "{\"a\":1,\"a\":\"\\", 14));
    hear_end();
    assert_int_equal(f.problems, 4);
}

/* A line for each, up to the limit. */
static void no_more_than_so_many(void **state)
{
    static char text[4096];
    struct hr_config_file f = {.name = "F"};
    size_t n = 0;
    (void)state;
    for (int i = 0; i < 2 * HR_CONFIG_PROBLEMS_MAX; i++, n += 6)
        memcpy(text + n, i ? ",\"a\":1" : "{\"a\":1", 6);
    text[n] = '}';
    hear_begin();
    json_decref(hr_config_file_parse(&f, text, n + 1));
    hear_end();
    assert_int_equal(f.problems, HR_CONFIG_PROBLEMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers),
        cmocka_unit_test(names_of_types),
        cmocka_unit_test(the_nearest_word),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(exactly_so_many_bytes),
        cmocka_unit_test(every_key_that_is_there_twice),
        cmocka_unit_test(no_more_than_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
