/* SPDX-License-Identifier: MIT
 * The sample plugin hash-tree: the digests, what it refuses, where it stops; and that what its
 * handrail.rs has written down is the layout of plugin.h. */
#include "check.h"
#include "fake_host.h"
#include "search_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define END(type, m) (offsetof(type, m) + sizeof(((type *)0)->m))
_Static_assert(sizeof(handrail_host) == 136, "Host");
_Static_assert(END(handrail_host, version) == 24, "Host.version");
_Static_assert(END(handrail_host, log) == 40, "Host.log");
_Static_assert(END(handrail_host, add_text) == 80, "Host.add_text");
_Static_assert(END(handrail_host, get_extension) == 120, "Host.get_extension");
_Static_assert(END(handrail_host, add_resource) == 128, "Host.add_resource");
_Static_assert(END(handrail_host, tell) == 136, "Host.tell");
_Static_assert(sizeof(handrail_tool) == 64, "RawTool");
_Static_assert(END(handrail_tool, input_schema) == 40, "RawTool.input_schema");
_Static_assert(END(handrail_tool, timeout_ms) == 56, "RawTool.timeout_ms");
_Static_assert(END(handrail_tool, invoke) == 64, "RawTool.invoke");
_Static_assert(sizeof(handrail_plugin) == 96, "RawPlugin");
_Static_assert(END(handrail_plugin, needs_minor) == 16, "RawPlugin.needs_minor");
_Static_assert(END(handrail_plugin, tools) == 56, "RawPlugin.tools");
_Static_assert(END(handrail_plugin, destroy) == 72, "RawPlugin.destroy");
_Static_assert(END(handrail_plugin, get_extension) == 96, "RawPlugin.get_extension");

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void assert_starts(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not start with \"%s\"", text, start);
}

static int start(void **state)
{
    struct sample_tree *tree = calloc(1, sizeof(*tree));

    assert_non_null(tree);
    search_tree_make(tree, ",\"max_files\":20,\"max_bytes\":200000");
    *state = tree;
    return 0;
}

static int stop(void **state)
{
    sample_tree_remove(*state);
    free(*state);
    return 0;
}

static void an_empty_folder(void **state)
{
    handrail_call c;

    fake_call_init(&c);
    assert_int_equal(search_tree_call(*state, &c, "{}"), HANDRAIL_OK);
    assert_string_equal(c.text, "tree: " EMPTY ", 0 files, 0 bytes\n");
    assert_string_equal(c.json, "{\"tree\":\"" EMPTY "\",\"files\":0,\"bytes\":0,\"links\":0,"
                                "\"others\":0,\"list\":[]}");
    fake_call_free(&c);
}

/* As in the first comment of lib.rs, by programs that others have written. */
static void by_sha256sum(const struct sample_tree *t, char *out, size_t size)
{
    char command[512];

    (void)snprintf(command, sizeof(command),
                   "cd %s && find . -type f -printf '%%P\\0' | LC_ALL=C sort -z | "
                   "xargs -0 sha256sum > ../sums && cat ../sums && sha256sum < ../sums",
                   t->root);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, size - 1, f);
    assert_in_range(n, 1, size - 2);
    out[n] = '\0';
    assert_int_equal(pclose(f), 0);
}

static void the_same_as_sha256sum(void **state)
{
    const struct sample_tree *t = *state;
    char expected[4096], last[128];
    handrail_call c;

    sample_tree_text(t, "a/b", "abc");
    sample_tree_text(t, "a-b", "");
    sample_tree_text(t, "a/c/d e", "x\n");
    sample_tree_text(t, "new\nline\\", "y");
    sample_tree_text(t, "\xc3\xa9", "z");
    sample_tree_fill(t, "large", 'x', 150000, "end");
    sample_tree_link(t, "a", "link");
    sample_tree_link(t, t->outside, "out");
    by_sha256sum(t, expected, sizeof(expected));
    char *digest = strrchr(expected, ' ') - 65; /* "<digest>  -\n" */
    (void)snprintf(last, sizeof(last), "tree: %.64s, 6 files, 150010 bytes\n", digest);
    *digest = '\0';
    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, "{}"), HANDRAIL_OK);
    assert_starts(c.text, expected);
    assert_starts(c.text + strlen(expected), last);
    assert_string_equal(c.text + strlen(expected) + strlen(last),
                        "passed over: 2 symbolic links, 0 that are no files\n");
    fake_call_free(&c);
}

static void one_file_and_a_folder_inside(void **state)
{
    const struct sample_tree *t = *state;
    char args[256];
    handrail_call c;

    sample_tree_text(t, "a/b", "abc");
    (void)snprintf(args, sizeof(args), "{\"path\":\"%s/a/\"}", t->root);
    const char *const all[] = {"{\"path\":\"a\"}", "{\"path\":\"./a/b\"}", args};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        fake_call_init(&c);
        assert_int_equal(search_tree_call(t, &c, all[i]), HANDRAIL_OK);
        assert_starts(c.text, ABC "  b\n");
        fake_call_free(&c);
    }
}

static void the_list_can_be_short(void **state)
{
    const struct sample_tree *t = *state;
    handrail_call c;

    sample_tree_text(t, "a", "abc");
    sample_tree_text(t, "b", "");
    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, "{\"list\":1.0}"), HANDRAIL_OK);
    assert_starts(c.text, ABC "  a\nand 1 more\ntree: ");
    assert_non_null(strstr(c.json, "\"files\":2"));
    assert_non_null(strstr(c.json, "\"list\":[{\"path\":\"a\",\"sha256\":\"" ABC "\"}]}"));
    fake_call_free(&c);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, "{\"list\":0}"), HANDRAIL_OK);
    assert_starts(c.text, "tree: ");
    fake_call_free(&c);
}

static void names_that_are_not_utf8(void **state)
{
    const struct sample_tree *t = *state;
    handrail_call c;

    sample_tree_text(t, "a\xff\"", "abc");
    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, "{}"), HANDRAIL_OK); /* with sound JSON */
    assert_starts(c.text, ABC "  a\xef\xbf\xbd\"\n");
    fake_call_free(&c);
}

static void pipes_do_not_stop_it(void **state)
{
    const struct sample_tree *t = *state;
    char path[256];
    handrail_call c;

    sample_tree_text(t, "a", "abc");
    (void)snprintf(path, sizeof(path), "%s/fifo", t->root);
    assert_int_equal(mkfifo(path, 0600), 0);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, "{}"), HANDRAIL_OK);
    assert_non_null(strstr(c.text, "passed over: 0 symbolic links, 1 that are no files\n"));
    fake_call_free(&c);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, "{\"path\":\"fifo\"}"), HANDRAIL_E_INVALID);
    assert_string_equal(c.error, "fifo is neither a folder nor a file");
    fake_call_free(&c);
}

static void arguments_that_are_refused(void **state)
{
    static const struct {
        const char *args, *reason;
    } cases[] = {
        {"", "not JSON: an object was expected at byte 0"},
        {"{\"path\":\"\xff\"}", "not UTF-8"},
        {"{\"path\":1}", "path must be a string without a NUL"},
        {"{\"path\":\"a\\u0000\"}", "path must be a string without a NUL"},
        {"{\"path\":null}", "path must be a string or an integer"},
        {"{\"list\":1001}", "list must be an integer from 0 to 1000"},
        {"{\"list\":-1}", "list must be an integer from 0 to 1000"},
        {"{\"more\":1}", "unknown key: more"},
        {"{\"path\":\"a/../b\"}", "a/../b contains \"..\": give the path without it"},
        {"{\"path\":\"absent\"}", "absent cannot be read: No such file or directory (os error 2)"},
        {"{\"path\":\"out/secret.txt\"}",
         "out/secret.txt cannot be read: it is, or leads through, a symbolic link"},
        {"{\"path\":\"file/x\"}", "file/x cannot be read: Not a directory (os error 20)"},
    };
    const struct sample_tree *t = *state;

    sample_tree_text(t, "file", "x");
    sample_tree_link(t, t->outside, "out");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        fake_call_init(&c);
        assert_int_equal(search_tree_call(t, &c, cases[i].args), HANDRAIL_E_INVALID);
        assert_string_equal(c.error, cases[i].reason);
        fake_call_free(&c);
    }
    char args[256];
    handrail_call c;
    (void)snprintf(args, sizeof(args), "{\"path\":\"%s\"}", t->outside);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, args), HANDRAIL_E_INVALID);
    assert_non_null(strstr(c.error, " lies outside "));
    fake_call_free(&c);
}

static void limit(const struct sample_tree *t, const char *reason)
{
    handrail_call c;

    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, "{}"), HANDRAIL_E_LIMIT);
    assert_string_equal(c.error, reason);
    assert_string_equal(c.text, "");
    fake_call_free(&c);
}

static void too_many_files(void **state)
{
    char name[32];

    for (int i = 0; i < 21; i++) {
        (void)snprintf(name, sizeof(name), "%c/%d", 'a' + i % 2, i);
        sample_tree_text(*state, name, "");
    }
    limit(*state, "there are more than 20 files: name a smaller folder");
}

static void too_many_names(void **state)
{
    char name[32];

    for (int i = 0; i < 21; i++) {
        (void)snprintf(name, sizeof(name), "a/%d", i);
        sample_tree_link(*state, "nothing", name + 2);
    }
    limit(*state, ". cannot be read: too many names in one folder");
}

static void too_many_bytes(void **state)
{
    sample_tree_fill(*state, "a", 'x', 150000, "");
    sample_tree_fill(*state, "b", 'x', 50001, "");
    limit(*state, "there are more bytes than max_bytes: name a smaller folder");
}

static void too_deep(void **state)
{
    char name[256] = "";
    handrail_call c;

    for (int i = 0; i < 63; i++)
        memcpy(name + strlen(name), "d/", 3);
    memcpy(name + strlen(name), "f", 2);
    sample_tree_text(*state, name, "abc");
    fake_call_init(&c);
    assert_int_equal(search_tree_call(*state, &c, "{}"), HANDRAIL_OK);
    fake_call_free(&c);
    memcpy(name + strlen(name) - 1, "d/f", 4);
    sample_tree_text(*state, name, "abc");
    fake_call_init(&c);
    assert_int_equal(search_tree_call(*state, &c, "{}"), HANDRAIL_E_LIMIT);
    assert_non_null(strstr(c.error, "cannot be read: too many folders in each other"));
    fake_call_free(&c);
}

struct bad_disk {
    const struct sample_tree *tree;
    handrail_call call;
    handrail_status status;
    bool bad;
};

/* Where no folder can be read: in this thread alone. */
static void *on_a_bad_disk(void *arg)
{
    struct bad_disk *b = arg;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getdents64, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    b->bad = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
             prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
    b->status = search_tree_call(b->tree, &b->call, "{}");
    return NULL;
}

static void a_folder_that_cannot_be_read(void **state)
{
    struct bad_disk b = {.tree = *state};
    pthread_t thread;

    sample_tree_text(*state, "a", "abc");
    fake_call_init(&b.call);
    assert_int_equal(pthread_create(&thread, NULL, on_a_bad_disk, &b), 0);
    pthread_join(thread, NULL);
    assert_true(b.bad);
    assert_int_equal(b.status, HANDRAIL_E_FAILED);
    assert_string_equal(b.call.error, ". cannot be read: Input/output error (os error 5)");
    assert_string_equal(b.call.text, "");
    fake_call_free(&b.call);
}

static void a_root_that_is_a_file(void **state)
{
    const struct sample_tree *t = *state;
    handrail_call c;

    assert_int_equal(rmdir(t->root), 0);
    int fd = open(t->root, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(t, &c, "{}"), HANDRAIL_E_INVALID);
    assert_string_equal(c.error, ". cannot be read: Not a directory (os error 20)");
    fake_call_free(&c);
}

static void cancelling_and_the_deadline(void **state)
{
    handrail_call c;

    sample_tree_fill(*state, "a/b", 'x', 150000, "");
    for (int poll = 1; poll <= 4; poll++) { /* between folders and within a file */
        fake_call_init(&c);
        c.cancel_at_poll = poll;
        assert_int_equal(search_tree_call(*state, &c, "{}"), HANDRAIL_E_CANCELLED);
        fake_call_free(&c);
    }
    fake_call_init(&c);
    c.time_left_ms = 0;
    assert_int_equal(search_tree_call(*state, &c, "{}"), HANDRAIL_E_TIMEOUT);
    fake_call_free(&c);
}

static void the_hosts_limit_is_passed_on(void **state)
{
    const struct sample_tree *t = *state;
    handrail_call c;

    fake_call_init(&c);
    c.text_max = 4;
    /* not by search_tree_call: the status is the host's, and so is the reason */
    assert_int_equal(fake_host_invoke(t->plugin, t->self, "hash_tree", &c, "{}"), HANDRAIL_E_LIMIT);
    fake_call_free(&c);
}

static void configurations_that_are_refused(void **state)
{
    static const char *const cases[] = {"",
                                        "[]",
                                        "{\"root\":\"relative\"}",
                                        "{\"root\":1}",
                                        "{\"max_files\":0}",
                                        "{\"max_bytes\":\"1\"}",
                                        "{\"unknown\":1}"};
    const struct sample_tree *t = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        void *self = NULL;
        fake_call_init(&c);
        assert_int_equal(t->plugin->create(&fake_host, &c, cases[i], strlen(cases[i]), &self),
                         HANDRAIL_E_INVALID);
        assert_null(self);
        assert_true(strlen(c.error) > 0);
        fake_call_free(&c);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest all[] = {
        TEST(an_empty_folder),
        TEST(the_same_as_sha256sum),
        TEST(one_file_and_a_folder_inside),
        TEST(the_list_can_be_short),
        TEST(names_that_are_not_utf8),
        TEST(pipes_do_not_stop_it),
        TEST(arguments_that_are_refused),
        TEST(too_many_files),
        TEST(too_many_names),
        TEST(too_many_bytes),
        TEST(too_deep),
        TEST(a_folder_that_cannot_be_read),
        TEST(a_root_that_is_a_file),
        TEST(cancelling_and_the_deadline),
        TEST(the_hosts_limit_is_passed_on),
        TEST(configurations_that_are_refused),
    };

    return cmocka_run_group_tests_name("hash_tree", all, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
