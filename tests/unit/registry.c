/* SPDX-License-Identifier: MIT */
#include "loader/config/registry.h"

#include "common/buf.h"
#include "said.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN "0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789"

static int parse(const char *text, struct hr_config *c)
{
    memset(c, 0, sizeof(*c));
    hear_begin();
    int code = hr_registry_parse("reg.json", text, strlen(text), c);
    hear_end();
    return code;
}

static void a_full_registry(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse("{\"$schema\":\"x\",\"plugins\":["
                           "{\"id\":\"a\",\"path\":\"/a.so\"},"
                           "{\"id\":\"off\",\"path\":\"/b.so\",\"enabled\":false},"
                           "{\"id\":\"c.d-e_F9\",\"path\":\"/c.so\",\"required\":true,"
                           "\"sha256\":\"" PIN "\",\"confinement\":{\"network\":true},"
                           "\"config\":{\"k\":[1]}}]}",
                           &c),
                     0);
    assert_string_equal(said, "");
    assert_int_equal(c.nplugins, 2);
    assert_string_equal(c.plugins[0].id, "a");
    assert_false(c.plugins[0].required);
    assert_true(json_is_object(c.plugins[0].config));
    assert_string_equal(c.plugins[1].path, "/c.so");
    assert_true(c.plugins[1].required);
    assert_int_equal(json_object_size(c.plugins[1].config), 1);
    assert_string_equal(c.plugins[1].sha256, PIN); /* or any file would do */
    assert_true(json_is_true(json_object_get(c.plugins[1].confinement, "network")));
    assert_int_equal(c.plugins[1].entry, 2); /* the disabled one counts */
    assert_string_equal(c.plugins[0].sha256, "");
    assert_int_equal(json_object_size(c.plugins[0].confinement), 0);
    hr_config_free(&c);
}

static void nothing_to_load_is_fine(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse("{\"plugins\":[]}", &c), 0);
    assert_int_equal(c.nplugins, 0);
}

static void each_problem_is_one_line_with_its_place(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "is empty: expected a JSON object"},
        {"{\"plugins\":[}", "line 1, column 13: not valid JSON"},
        {"{\"plugins\":[],\"plugins\":[]}", "duplicate object key"},
        {"[]", "(top level): expected an object with the key \"plugins\", got an array"},
        {"{}", "/plugins: expected an array, got nothing"},
        {"{\"plugins\":{}}", "/plugins: expected an array, got an object"},
        {"{\"plugins\":[],\"tools\":1}",
         "/tools: expected one of plugins, $schema, got an unknown"},
        {"{\"plugins\":[3]}", "/plugins/0: expected an object, got a number"},
        {"{\"plugins\":[{\"path\":\"/a\"}]}", "/plugins/0/id: expected 1 to 64"},
        {"{\"plugins\":[{\"id\":\"a b\",\"path\":\"/a\"}]}", "/plugins/0/id: expected 1 to 64"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"a.so\"}]}",
         "/plugins/0/path: expected an absolute path to a .so file, got a.so"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":null}]}", "/plugins/0/path"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\\u0000b\"}]}", "\\u0000 is not allowed"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"enabled\":1}]}",
         "/plugins/0/enabled: expected true or false, got a number"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"required\":\"yes\"}]}",
         "/plugins/0/required: expected true or false, got a string"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"config\":[]}]}",
         "/plugins/0/config: expected an object, got an array"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"confinement\":{\"nice\":99}}]}",
         "/plugins/0/confinement/nice: expected a number, 0 to 19, got a number"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"confinement\":{\"a/b~c\":9}}]}",
         "/plugins/0/confinement/a~1b~0c: expected a key of confinement, got an unknown key"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"confinement\":{\"nize\":9}}]}",
         "/plugins/0/confinement/nize: expected a key of confinement, such as nice, got an "
         "unknown"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"sha256\":\"" PIN "0\"}]}",
         "/plugins/0/sha256: expected 64 hexadecimal digits, as sha256sum prints them, got 0123"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"sha256\":\"g" PIN "\"}]}",
         "/plugins/0/sha256: expected 64 hexadecimal digits"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"sha256\":\"\"}]}",
         "/plugins/0/sha256: expected 64 hexadecimal digits"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"sha256\":7}]}",
         "/plugins/0/sha256: expected 64 hexadecimal digits"},
        {"{\"plugins\":[],\"$schema\":1}", "/$schema: expected a string"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\",\"confg\":{}}]}",
         "/plugins/0/confg: expected one of id, path, sha256, enabled, required, config, "
         "confinement, got an unknown key: did you mean \"config\"?"},
        {"{\"plugins\":[{\"id\":\"a\",\"path\":\"/a\"},{\"id\":\"a\",\"path\":\"/b\"}]}",
         "/plugins/1/id: expected an id that no other plugin has, got a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_config c;
        assert_int_equal(parse(cases[i].text, &c), 78);
        if (!strstr(said, cases[i].says) || !strstr(said, "reg.json: "))
            fail_msg("%s\nsaid: %swant: %s", cases[i].text, said, cases[i].says);
        assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
        hr_config_free(&c);
    }
}

static void all_problems_are_told_at_once(void **state)
{
    struct hr_config c;
    int lines = 0;
    (void)state;
    assert_int_equal(
        parse("{\"x\":1,\"plugins\":[{\"id\":\"\",\"path\":\"p\",\"enabled\":0},7]}", &c), 78);
    for (const char *p = said; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 5); /* x, id, path, enabled, /plugins/1 */
    hr_config_free(&c);
}

static void more_plugins_than_there_is_room_for(void **state)
{
    struct hr_config c;
    struct hr_buf b;
    (void)state;
    for (int n = HR_MAX_PLUGINS; n <= HR_MAX_PLUGINS + 1; n++) {
        hr_buf_init(&b, 10000);
        (void)hr_buf_adds(&b, "{\"plugins\":[");
        for (int i = 0; i < n; i++)
            (void)hr_buf_addf(&b, "%s{\"id\":\"p%d\",\"path\":\"/p\"}", i ? "," : "", i);
        (void)hr_buf_adds(&b, "]}");
        assert_int_equal(parse(hr_buf_str(&b), &c), n > HR_MAX_PLUGINS ? 78 : 0);
        hr_config_free(&c);
        hr_buf_free(&b);
    }
    assert_non_null(strstr(said, "at most 32 enabled plugins"));
}

/* A registry with one plugin whose id, or whose path, has so many bytes. */
static int with_lengths(size_t id, size_t path)
{
    static char text[8192];
    struct hr_config c;
    (void)snprintf(text, sizeof(text), "{\"plugins\":[{\"id\":\"%0*d\",\"path\":\"/%0*d\"}]}",
                   (int)id, 0, (int)path - 1, 0);
    int code = parse(text, &c);
    hr_config_free(&c);
    return code;
}

static void names_have_their_lengths(void **state)
{
    (void)state;
    assert_int_equal(with_lengths(HR_PLUGIN_ID_MAX, PATH_MAX - 1), 0);
    assert_int_equal(with_lengths(HR_PLUGIN_ID_MAX + 1, 2), 78);
    assert_int_equal(with_lengths(1, PATH_MAX), 78);
}

static int load(const char *path, bool must_exist, struct hr_config *c)
{
    memset(c, 0, sizeof(*c));
    hear_begin();
    int code = hr_registry_load(path, must_exist, c);
    hear_end();
    return code;
}

static void from_a_file(void **state)
{
    static const char text[] = "{\"plugins\":[{\"id\":\"a\",\"path\":\"/nonexistent.so\"}]}";
    char dir[] = "/tmp/handrail-registry-XXXXXX";
    char file[64];
    struct hr_config c;
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(file, sizeof(file), "%s/r.json", dir);
    assert_int_equal(load(file, false, &c), 0);
    assert_int_equal(c.nplugins, 0);
    assert_string_equal(said, "");
    assert_int_equal(load(file, true, &c), 78);
    assert_non_null(strstr(said, file));
    assert_int_equal(load(dir, false, &c), 78); /* it is there, and is no file */
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
    assert_int_equal(load(file, true, &c), 0);
    assert_string_equal(c.plugins[0].path, "/nonexistent.so");

    struct hr_file_stamp before = {.size = 7};
    c.plugins[0].stamp = before;
    hr_registry_stamp(&c); /* of a file that is not there */
    assert_int_equal(c.plugins[0].stamp.size, 0);
    free(c.plugins[0].path);
    c.plugins[0].path = strdup(file);
    hr_registry_stamp(&c);
    before = c.plugins[0].stamp;
    assert_int_equal(before.size, sizeof(text) - 1);
    hr_registry_stamp(&c);
    assert_memory_equal(&before, &c.plugins[0].stamp, sizeof(before));
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1, .tv_nsec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
    hr_registry_stamp(&c); /* the same bytes, put there anew */
    assert_int_equal(c.plugins[0].stamp.modified_ns, 1000000001);
    assert_memory_not_equal(&before, &c.plugins[0].stamp, sizeof(before));
    hr_config_free(&c);
    (void)unlink(file);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_registry),
        cmocka_unit_test(nothing_to_load_is_fine),
        cmocka_unit_test(each_problem_is_one_line_with_its_place),
        cmocka_unit_test(all_problems_are_told_at_once),
        cmocka_unit_test(more_plugins_than_there_is_room_for),
        cmocka_unit_test(names_have_their_lengths),
        cmocka_unit_test(from_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
