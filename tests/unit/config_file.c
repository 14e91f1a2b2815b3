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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers),
        cmocka_unit_test(names_of_types),
        cmocka_unit_test(the_nearest_word),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(exactly_so_many_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
