/* SPDX-License-Identifier: MIT
 * What workspace-search refuses: ways out of the root, bad arguments, bad configuration. */
#include "samples.h"

#include "check.h"
#include "search_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void expect_refusal(const struct sample_tree *t, const char *args, const char *reason)
{
    handrail_call c;

    fake_call_init(&c);
    handrail_status status = search_tree_call(t, &c, args);
    if (status != HANDRAIL_E_INVALID || !strstr(c.error, reason))
        fail_msg("%s: status %d, \"%s\" instead of \"%s\"", args, status, c.error, reason);
    assert_int_equal(c.text_len, 0);
    fake_call_free(&c);
}

static void bad_arguments_are_explained(void **state)
{
    static const struct {
        const char *args, *reason;
    } cases[] = {
        {"", "arguments are not valid JSON"},
        {"{\"pattern\":\"a\"", "arguments are not valid JSON"},
        {"[]", "must be a JSON object, got an array"},
        {"{\"pattern\":\"a\",\"pattern\":\"b\"}", "duplicate"},
        {"{\"pattern\":\"\xff\"}", "arguments are not valid JSON: unable to decode byte 0xff"},
        {"{\"pattern\":\"\xc0\xaf\"}", "arguments are not valid JSON"},
        {"{\"pattern\":\"\\ud800\"}", "arguments are not valid JSON"},
        {"{}", "pattern is missing"},
        {"{\"pattern\":\"\"}", "pattern is empty"},
        {"{\"pattern\":7}", "pattern must be a string, got a number"},
        {"{\"pattern\":\"a\\u0000b\"}", "pattern must not contain a NUL"},
        {"{\"pattern\":\"a\\nb\",\"fixed\":true}", "line break"},
        {"{\"pattern\":\"a\",\"regex\":true}",
         "unknown argument \"regex\": known are pattern, path"},
        {"{\"pattern\":\"a\",\"path\":null}", "path must be a string, got null; leave it out"},
        {"{\"pattern\":\"a\",\"path\":\"\"}", "path must have 1 to 4095 bytes"},
        {"{\"pattern\":\"a\",\"path\":\"x\\u0000\"}", "path must not contain a NUL"},
        {"{\"pattern\":\"a\",\"path\":\"nowhere\"}", "there is no such folder"},
        {"{\"pattern\":\"a\",\"path\":\"a.c/b\"}", "there is no such folder"},
        {"{\"pattern\":\"a\",\"path\":\"fifo\"}", "neither a folder nor a regular file"},
        {"{\"pattern\":\"a\",\"glob\":[]}", "glob must be a string, got an array"},
        {"{\"pattern\":\"a\",\"glob\":\"src/*.c\"}", "without folders"},
        {"{\"pattern\":\"a\",\"glob\":\"*.{c,h}\"}", "no braces"},
        {"{\"pattern\":\"a\",\"fixed\":\"yes\"}", "fixed must be true or false, got a string"},
        {"{\"pattern\":\"a\",\"case_sensitive\":0}", "case_sensitive must be true or false"},
        {"{\"pattern\":\"a\",\"max_results\":0}", "max_results must be an integer from 1 to 1000"},
        {"{\"pattern\":\"a\",\"max_results\":1001}", "from 1 to 1000"},
        {"{\"pattern\":\"a\",\"max_results\":-1}", "from 1 to 1000"},
        {"{\"pattern\":\"a\",\"max_results\":1.5}", "from 1 to 1000"},
        {"{\"pattern\":\"a\",\"max_results\":1e300}", "from 1 to 1000"},
        {"{\"pattern\":\"a\",\"max_results\":\"9\"}", "from 1 to 1000, got a string"},
    };
    struct sample_tree t;
    char fifo[256];

    (void)state;
    search_tree_make(&t, "");
    sample_tree_text(&t, "a.c", "a\n");
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", t.root);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refusal(&t, cases[i].args, cases[i].reason);
    sample_tree_remove(&t);
}

static void bad_patterns_are_explained(void **state)
{
    static const struct {
        const char *args, *reason;
    } cases[] = {
        {"{\"pattern\":\"foo(bar\"}", "missing closing parenthesis, at byte 7 of \"foo(bar\""},
        {"{\"pattern\":\"*a\"}", "at byte 0"},
        {"{\"pattern\":\"[z-a]\"}", "at byte 3"},
        {"{\"pattern\":\"(?<=a*)b\"}", "lookbehind"},
        {"{\"pattern\":\"a\\\\Cb\"}", "\\C"},
        {"{\"pattern\":\"((((a{1000}){1000}){1000}){1000})\"}", "too large"},
        {"{\"pattern\":\"\\\\1\"}", "non-existent"},
    };
    struct sample_tree t;
    char *args = malloc(8192);

    (void)state;
    assert_non_null(args);
    search_tree_make(&t, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refusal(&t, cases[i].args, cases[i].reason);
    (void)snprintf(args, 8192, "{\"pattern\":\"%04097d\"}", 0);
    expect_refusal(&t, args, "pattern must have 1 to 4096 bytes, got 4097");
    (void)snprintf(args, 8192, "{\"pattern\":\"%.*s\"}", 0, "");
    memset(args + 12, '(', 4000);
    memcpy(args + 4012, "\"}", 3);
    expect_refusal(&t, args, "nested");
    free(args);
    sample_tree_remove(&t);
}

/* Ways out of the root, each of which must end in a refusal. */
static int escapes(const struct sample_tree *t)
{
    static const struct {
        const char *path, *reason;
    } cases[] = {
        {"..", "leads out of"},
        {"../root-outside", "leads out of"},
        {"sub/../../root-outside", "leads out of"},
        {"sub/..", "leads out of"},
        {"/", "leads out of"},
        {"/etc/passwd", "leads out of"},
        {"@-outside", "leads out of"}, /* @: the root. It only begins alike */
        {"@/../root-outside", "leads out of"},
        {"out", "symbolic link"},
        {"out/", "symbolic link"},
        {"out/secret.txt", "symbolic link"},
        {"up", "symbolic link"},
        {"file", "symbolic link"},
        {"@/file", "symbolic link"},
        {"sub/loop/x", "symbolic link"},
        {"inside", "symbolic link"}, /* even one that stays inside */
        {"...", "no such folder"},
    };
    int wrong = 0;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = cases[i].path;
        char args[512];
        handrail_call c;
        (void)snprintf(args, sizeof(args), "{\"pattern\":\"beta\",\"path\":\"%s%s\"}",
                       path[0] == '@' ? t->root : "", path + (path[0] == '@'));
        fake_call_init(&c);
        handrail_status status = fake_host_invoke(t->plugin, t->self, "workspace_search", &c, args);
        if (status != HANDRAIL_E_INVALID || !strstr(c.error, cases[i].reason) || c.text_len) {
            print_error("%s: status %d: %s%s\n", args, status, c.error, c.text);
            wrong++;
        }
        fake_call_free(&c);
    }
    return wrong;
}

/* A search of everything finds the one file inside and nothing behind the links. */
static int whole_tree(const struct sample_tree *t)
{
    static const char wanted[] = "sub/x:1: beta\n1 match in 1 of 1 file below ";
    handrail_call c;

    fake_call_init(&c);
    handrail_status status =
        fake_host_invoke(t->plugin, t->self, "workspace_search", &c, "{\"pattern\":\"beta\"}");
    bool right = status == HANDRAIL_OK && strstr(c.text, wanted) == c.text;
    if (!right)
        print_error("status %d: %s%s\n", status, c.error, c.text);
    fake_call_free(&c);
    return right ? 0 : 1;
}

static void make_traps(struct sample_tree *t)
{
    char secret[128];

    search_tree_make(t, "");
    sample_tree_text(t, "sub/x", "beta\n");
    (void)snprintf(secret, sizeof(secret), "%s/secret.txt", t->outside);
    sample_tree_link(t, t->outside, "out");
    sample_tree_link(t, "..", "up");
    sample_tree_link(t, secret, "file");
    sample_tree_link(t, ".", "sub/loop");
    sample_tree_link(t, "sub", "inside");
}

static void no_path_leads_out(void **state)
{
    struct sample_tree t;

    (void)state;
    make_traps(&t);
    assert_int_equal(escapes(&t), 0);
    assert_int_equal(whole_tree(&t), 0);
    sample_tree_remove(&t);
}

/* Make openat2 fail with this errno in the calling thread, as an old kernel or a sandbox does. */
static int forbid_openat2(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

struct old_kernel {
    const struct sample_tree *tree;
    int error;
    int wrong;
    bool forbidden;
};

static void *on_old_kernel(void *arg)
{
    struct old_kernel *o = arg;

    o->forbidden = forbid_openat2(o->error) == 0 &&
                   syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0) < 0 && errno == o->error;
    o->wrong = escapes(o->tree) + whole_tree(o->tree);
    return NULL;
}

static void no_path_leads_out_without_openat2(void **state)
{
    static const int errors[] = {ENOSYS, EPERM};
    struct sample_tree t;

    (void)state;
    make_traps(&t);
    for (int i = 0; i < 2; i++) {
        struct old_kernel o = {.tree = &t, .error = errors[i]};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, on_old_kernel, &o), 0);
        pthread_join(thread, NULL);
        assert_true(o.forbidden);
        assert_int_equal(o.wrong, 0);
    }
    sample_tree_remove(&t);
}

struct swapper {
    const struct sample_tree *tree;
    atomic_bool end;
    long swaps;
};

static void *swap(void *arg)
{
    struct swapper *s = arg;
    char a[256], b[256];

    (void)snprintf(a, sizeof(a), "%s/sub", s->tree->root);
    (void)snprintf(b, sizeof(b), "%s/out", s->tree->root);
    while (!atomic_load(&s->end))
        s->swaps += renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0;
    return NULL;
}

struct racer {
    struct sample_tree *tree;
    int error; /* of openat2; 0: leave it */
    int left;  /* calls that left the root */
    int found; /* calls that found the file inside */
};

static void *race(void *arg)
{
    struct racer *r = arg;

    if (r->error)
        (void)forbid_openat2(r->error);
    for (int i = 0; i < 300; i++) {
        handrail_call c;
        fake_call_init(&c);
        (void)fake_host_invoke(r->tree->plugin, r->tree->self, "workspace_search", &c,
                               i % 2 ? "{\"pattern\":\"beta\"}"
                                     : "{\"pattern\":\"beta\",\"path\":\"sub\"}");
        r->left += strstr(c.text, "secret") != NULL;
        r->found += strstr(c.text, "/x:1: beta") != NULL;
        fake_call_free(&c);
    }
    return NULL;
}

static void a_link_swapped_in_leads_nowhere(void **state)
{
    struct sample_tree t;

    (void)state;
    make_traps(&t);
    struct swapper s = {.tree = &t};
    struct racer racers[2] = {{.tree = &t}, {.tree = &t, .error = ENOSYS}};
    pthread_t swapping, racing[2];
    assert_int_equal(pthread_create(&swapping, NULL, swap, &s), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&racing[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(racing[i], NULL);
    atomic_store(&s.end, true);
    pthread_join(swapping, NULL);
    assert_true(s.swaps > 10);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(racers[i].left, 0);
        assert_true(racers[i].found > 0);
    }
    sample_tree_remove(&t);
}

static handrail_status create(const handrail_plugin *p, const char *config, handrail_call *c,
                              void **self)
{
    fake_call_init(c);
    return p->create(&fake_host, c, config, strlen(config), self);
}

static void bad_configuration_is_explained(void **state)
{
    static const struct {
        const char *config, *reason;
    } cases[] = {
        {"", "not valid JSON"},
        {"7", "not valid JSON"},
        {"[1]", "must be a JSON object, got an array"},
        {"{\"rot\":\"/x\"}", "unknown configuration key \"rot\": known are root, max_file_bytes"},
        {"{\"root\":\"relative\"}", "root must be an absolute path"},
        {"{\"root\":\"/a/../b\"}", "root must be an absolute path without \"..\""},
        {"{\"root\":1}", "root must be a string, got a number"},
        {"{\"root\":\"\"}", "root must have 1 to 4095 bytes"},
        {"{\"max_file_bytes\":0}", "max_file_bytes must be an integer from 1 to 67108864"},
        {"{\"max_file_bytes\":67108865}", "from 1 to 67108864"},
        {"{\"max_total_bytes\":1099511627777}", "from 1 to 1099511627776"},
        {"{\"max_total_bytes\":true}", "got a boolean"},
        {"{\"max_time_ms\":300001}", "from 1 to 300000"},
        {"{\"max_time_ms\":\"1s\"}", "got a string"},
        {"{\"max_time_ms\":1,\"max_time_ms\":2}", "duplicate"},
    };
    const handrail_plugin *p = fake_host_load(SEARCH_PLUGIN);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        void *self = NULL;
        handrail_status status = create(p, cases[i].config, &c, &self);
        if (status != HANDRAIL_E_INVALID || !strstr(c.error, cases[i].reason))
            fail_msg("%s: status %d, \"%s\"", cases[i].config, status, c.error);
        assert_null(self);
        fake_call_free(&c);
    }
}

static void the_largest_configuration_is_taken(void **state)
{
    const handrail_plugin *p = fake_host_load(SEARCH_PLUGIN);
    char last[512];
    handrail_call c;
    void *self = NULL;

    (void)state;
    assert_int_equal(create(p,
                            "{\"root\":\"/\",\"max_file_bytes\":67108864,"
                            "\"max_total_bytes\":1099511627776,\"max_time_ms\":300000}",
                            &c, &self),
                     HANDRAIL_OK);
    p->destroy(self);
    fake_call_free(&c);

    self = NULL;
    long before = fake_host_log_lines(last, sizeof(last));
    assert_int_equal(create(p, "{\"root\":\"/nowhere/at/all//\"}", &c, &self), HANDRAIL_OK);
    assert_int_equal(fake_host_log_lines(last, sizeof(last)), before + 1);
    assert_non_null(strstr(last, "/nowhere/at/all cannot be opened: No such file"));
    p->destroy(self);
    fake_call_free(&c);
}

static void the_workspace_may_come_later(void **state)
{
    struct sample_tree t;
    char away[128];
    handrail_call c;

    (void)state;
    search_tree_make(&t, "");
    sample_tree_text(&t, "x", "beta\n");
    (void)snprintf(away, sizeof(away), "%s/away", t.base);
    assert_int_equal(rename(t.root, away), 0);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"beta\"}"), HANDRAIL_E_FAILED);
    assert_non_null(strstr(c.error, t.root));
    assert_non_null(strstr(c.error, "No such file or directory: mount it"));
    assert_int_equal(t.plugin->health(t.self, &c), HANDRAIL_E_UNAVAILABLE);
    assert_non_null(strstr(c.text, t.root));
    fake_call_free(&c);

    assert_int_equal(rename(away, t.root), 0);
    fake_call_init(&c);
    assert_int_equal(t.plugin->health(t.self, &c), HANDRAIL_OK);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"beta\"}"), HANDRAIL_OK);
    fake_call_free(&c);
    sample_tree_remove(&t);
}

int samples_search_refusals(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(bad_arguments_are_explained),
        cmocka_unit_test(bad_patterns_are_explained),
        cmocka_unit_test(no_path_leads_out),
        cmocka_unit_test(no_path_leads_out_without_openat2),
        cmocka_unit_test(a_link_swapped_in_leads_nowhere),
        cmocka_unit_test(bad_configuration_is_explained),
        cmocka_unit_test(the_largest_configuration_is_taken),
        cmocka_unit_test(the_workspace_may_come_later),
    };

    return cmocka_run_group_tests_name("samples/search refusals", all, NULL, NULL);
}
