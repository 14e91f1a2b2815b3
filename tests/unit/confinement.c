/* SPDX-License-Identifier: MIT
 * The object "confinement": what it may hold, and what is said of the rest. */
#include "common/confinement.h"
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char said[4096];

static void note(void *arg, const char *pointer, const char *expected, const json_t *came)
{
    size_t n = strlen(said);
    (void)arg;
    (void)snprintf(said + n, sizeof(said) - n, "%s: %s%s\n", pointer, expected,
                   came ? "" : " (unknown)");
}

static int read_it(const char *text, struct hr_confinement *ret, json_t **ret_root)
{
    said[0] = '\0';
    *ret_root = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(*ret_root);
    return hr_confinement_read(*ret_root, note, NULL, ret);
}

static void the_default_grants_nothing(void **state)
{
    struct hr_confinement c;
    json_t *root = NULL;
    (void)state;
    assert_int_equal(read_it("{}", &c, &root), 0);
    assert_string_equal(said, "");
    assert_false(c.required || c.network || c.exec);
    assert_true(!c.read && !c.write && !c.tcp_connect && !c.tcp_bind && !c.syscalls);
    assert_null(c.environment);
    assert_string_equal(c.working_directory, "/");
    assert_int_equal(c.memory_mib, 1024);
    assert_int_equal(c.file_mib, 1024);
    assert_int_equal(c.open_files, 1024);
    assert_int_equal(c.cpu_seconds + c.nice, 0);
    json_decref(root);
}

static void every_key_is_read(void **state)
{
    struct hr_confinement c;
    json_t *root = NULL;
    (void)state;
    assert_int_equal(read_it("{\"required\":true,\"network\":true,\"exec\":true,\"read\":[\"/a\"],"
                             "\"write\":[],\"tcp_connect\":[0,65535],\"tcp_bind\":[80],"
                             "\"syscalls\":[\"io_uring_setup\"],\"environment\":[\"A_1\"],"
                             "\"working_directory\":\"/b\",\"memory_mib\":0,\"file_mib\":16777216,"
                             "\"open_files\":64,\"cpu_seconds\":5,\"nice\":19}",
                             &c, &root),
                     0);
    assert_string_equal(said, "");
    assert_true(c.required && c.network && c.exec);
    assert_int_equal(json_array_size(c.read), 1);
    assert_non_null(c.write); /* given, and empty: nothing may be written */
    assert_int_equal(json_array_size(c.tcp_connect), 2);
    assert_int_equal(json_array_size(c.tcp_bind), 1);
    assert_int_equal(json_array_size(c.syscalls), 1);
    assert_int_equal(json_array_size(c.environment), 1);
    assert_string_equal(c.working_directory, "/b");
    assert_int_equal(c.memory_mib, 0);
    assert_int_equal(c.file_mib, 16777216);
    assert_int_equal(c.open_files, 64);
    assert_int_equal(c.cpu_seconds, 5);
    assert_int_equal(c.nice, 19);
    json_decref(root);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"[]", ": an object\n"},
        {"{\"netwrok\":true}", "/netwrok: a key of confinement, such as network (unknown)\n"},
        {"{\"network\":1}", "/network: true or false\n"},
        {"{\"read\":\"/a\"}", "/read: an array of at most 64 items\n"},
        {"{\"read\":[\"/a\",\"b\",3]}", "/read/1: an absolute path\n/read/2: an absolute path\n"},
        {"{\"write\":[\"\"]}", "/write/0: an absolute path\n"},
        {"{\"network\":true,\"tcp_bind\":[65536,-1,\"80\"]}",
         "/tcp_bind/0: a port, 0 to 65535\n/tcp_bind/1: a port, 0 to 65535\n"
         "/tcp_bind/2: a port, 0 to 65535\n"},
        {"{\"tcp_connect\":[443]}", "/tcp_connect: \"network\": true beside it\n"},
        {"{\"tcp_bind\":[]}", "/tcp_bind: \"network\": true beside it\n"},
        {"{\"syscalls\":[\"a b\"]}", "/syscalls/0: the name of a system call\n"},
        {"{\"environment\":[\"A=B\",\"\"]}",
         "/environment/0: the name of a variable\n/environment/1: the name of a variable\n"},
        {"{\"working_directory\":\"x\"}", "/working_directory: an absolute path\n"},
        {"{\"memory_mib\":-1}", "/memory_mib: MiB, or 0 for no limit\n"},
        {"{\"memory_mib\":1.5}", "/memory_mib: MiB, or 0 for no limit\n"},
        {"{\"file_mib\":16777217}", "/file_mib: MiB, or 0 for no limit\n"},
        {"{\"open_files\":63}", "/open_files: a number, 64 to 1048576\n"},
        {"{\"cpu_seconds\":\"5\"}", "/cpu_seconds: seconds, or 0 for no limit\n"},
        {"{\"nice\":-1}", "/nice: a number, 0 to 19\n"},
        {"{\"nice\":20,\"exec\":null}", "/nice: a number, 0 to 19\n/exec: true or false\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_confinement c = {.nice = 77};
        json_t *root = NULL;
        assert_int_equal(read_it(cases[i].text, &c, &root), -EINVAL);
        assert_string_equal(said, cases[i].said);
        assert_int_equal(c.nice, 77); /* untouched */
        json_decref(root);
    }
}

static void long_lists_are_refused(void **state)
{
    json_t *list = json_array();
    (void)state;
    for (int i = 0; i < HR_CONFINEMENT_LIST_MAX; i++)
        assert_int_equal(json_array_append_new(list, json_string("/a")), 0);
    json_t *root = json_pack("{s:o}", "read", list);
    struct hr_confinement c;
    assert_int_equal(hr_confinement_read(root, note, NULL, &c), 0);
    assert_int_equal(json_array_append_new(list, json_string("/a")), 0);
    assert_int_equal(hr_confinement_read(root, note, NULL, &c), -EINVAL);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_grants_nothing),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(long_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
