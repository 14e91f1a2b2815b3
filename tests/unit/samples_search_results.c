/* SPDX-License-Identifier: MIT
 * What workspace-search finds, and how it says so. */
#include "samples.h"

#include "check.h"
#include "search_tree.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Hold the whole answer, with @ standing for the root, against the text. */
static void expect(const struct sample_tree *t, const char *args, const char *text)
{
    char wanted[4096];
    handrail_call c;
    const char *at = strchr(text, '@');

    assert_non_null(at);
    (void)snprintf(wanted, sizeof(wanted), "%.*s%s%s", (int)(at - text), text, t->root, at + 1);
    fake_call_init(&c);
    if (search_tree_call(t, &c, args) != HANDRAIL_OK)
        fail_msg("%s: %s", args, c.error);
    assert_string_equal(c.text, wanted);
    fake_call_free(&c);
}

static void fill(const struct sample_tree *t)
{
    sample_tree_text(t, "a.c", "int alpha;\nint beta;\n");
    sample_tree_text(t, "b/deep/er/z.c", "no newline at the end: beta");
    sample_tree_text(t, "b/notes.txt", "Beta\r\nbeta(x)\r\n\r\n");
    sample_tree_text(t, "b.c", "x\n");
    sample_tree_text(t, ".hidden", "beta\n");
    sample_tree_text(t, ".git/config", "beta\n");
    sample_tree_text(t, "empty", "");
}

static void lines_come_sorted_with_a_summary(void **state)
{
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, "");
    fill(&t);
    expect(&t, "{\"pattern\":\"beta\"}",
           ".hidden:1: beta\n"
           "a.c:2: int beta;\n"
           "b/deep/er/z.c:1: no newline at the end: beta\n"
           "b/notes.txt:2: beta(x)\n"
           "4 matches in 4 of 6 files below @");
    expect(&t, "{\"pattern\":\"alpha\",\"glob\":\"a.c\"}",
           "a.c:1: int alpha;\n1 match in 1 of 1 file below @");
    expect(&t, "{\"pattern\":\"nowhere\"}", "0 matches in 0 of 6 files below @");
    sample_tree_remove(&t);
}

static void arguments_do_what_they_say(void **state)
{
    struct sample_tree t;
    char args[512];

    (void)state;
    search_tree_make(&t, "");
    fill(&t);
    expect(&t, "{\"pattern\":\"^beta\",\"path\":\"b\",\"case_sensitive\":false}",
           "b/notes.txt:1: Beta\nb/notes.txt:2: beta(x)\n2 matches in 1 of 2 files below @/b");
    expect(&t, "{\"pattern\":\"a(x\",\"fixed\":true,\"max_results\":5.0}",
           "b/notes.txt:2: beta(x)\n1 match in 1 of 6 files below @");
    expect(&t, "{\"pattern\":\"A(X\",\"fixed\":true,\"case_sensitive\":false}",
           "b/notes.txt:2: beta(x)\n1 match in 1 of 6 files below @");
    expect(&t, "{\"pattern\":\"beta\",\"glob\":\"*.c\"}",
           "a.c:2: int beta;\nb/deep/er/z.c:1: no newline at the end: beta\n"
           "2 matches in 2 of 3 files below @");
    expect(&t, "{\"pattern\":\"beta\",\"glob\":\"**/*.[ht]xt\"}",
           "b/notes.txt:2: beta(x)\n1 match in 1 of 1 file below @");
    expect(&t, "{\"pattern\":\"beta\",\"glob\":\"*.rs\"}",
           "0 matches in 0 of 0 files below @; no file was searched: check path and glob");
    expect(&t, "{\"pattern\":\"beta\",\"path\":\"./b//deep/./er/\"}",
           "b/deep/er/z.c:1: no newline at the end: beta\n1 match in 1 of 1 file below "
           "@/b/deep/er");
    expect(&t, "{\"pattern\":\"beta\",\"path\":\"a.c\"}",
           "a.c:2: int beta;\n1 match in 1 of 1 file below @/a.c");
    expect(&t, "{\"pattern\":\"beta\",\"path\":\".git\"}",
           ".git/config:1: beta\n1 match in 1 of 1 file below @/.git");
    (void)snprintf(args, sizeof(args), "{\"pattern\":\"alpha\",\"path\":\"%s/a.c\"}", t.root);
    expect(&t, args, "a.c:1: int alpha;\n1 match in 1 of 1 file below @/a.c");
    sample_tree_remove(&t);
}

static void line_ends_are_understood(void **state)
{
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, "");
    sample_tree_text(&t, "dos", "one;\r\ntwo\r\n");
    expect(&t, "{\"pattern\":\"one;$\"}", "dos:1: one;\n1 match in 1 of 1 file below @");
    expect(&t, "{\"pattern\":\"two\\\\r\"}", "dos:2: two\n1 match in 1 of 1 file below @");
    expect(&t, "{\"pattern\":\"one.*\\\\n.*two\"}",
           "0 matches in 0 of 1 file below @; each line is searched by itself, so a line break "
           "never matches");
    sample_tree_remove(&t);
}

static void structured_result_says_the_same(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    search_tree_make(&t, "");
    fill(&t);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"beta\",\"max_results\":2}"),
                     HANDRAIL_OK);
    json_t *v = json_loads(c.json, 0, NULL);
    json_t *matches = json_object_get(v, "matches");
    json_t *second = json_array_get(matches, 1);
    assert_int_equal(json_array_size(matches), 2);
    assert_string_equal(json_string_value(json_object_get(second, "file")), "a.c");
    assert_int_equal(json_integer_value(json_object_get(second, "line")), 2);
    assert_string_equal(json_string_value(json_object_get(second, "text")), "int beta;");
    assert_true(json_is_true(json_object_get(v, "truncated")));
    assert_int_equal(json_integer_value(json_object_get(v, "files_searched")), 3);
    json_decref(v);
    fake_call_free(&c);
    sample_tree_remove(&t);
}

static void binary_files_and_devices_are_passed_over(void **state)
{
    struct sample_tree t;
    char fifo[256], late[8200];

    (void)state;
    search_tree_make(&t, "");
    sample_tree_write(&t, "bin", "beta\0beta", 9);
    memset(late, 'x', sizeof(late));
    memcpy(late + sizeof(late) - 8, "\nbeta\0\n", 8); /* a NUL behind the first 8 KiB is text */
    sample_tree_write(&t, "late", late, sizeof(late) - 1);
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", t.root);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    /* No one writes to the FIFO: a blocking open would never come back. */
    expect(&t, "{\"pattern\":\"beta\"}",
           "late:2: beta\xef\xbf\xbd\n1 match in 1 of 1 file below @; skipped 1 binary");
    sample_tree_remove(&t);
}

static void foreign_bytes_cannot_break_the_answer(void **state)
{
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, "");
    /* A name with a line break and bad UTF-8; content with an escape sequence, an overlong form and
     * a surrogate. */
    sample_tree_text(&t, "n\nx\xff", "beta \x1b[2J\xc0\xaf \xed\xa0\x80 \xc3\xa9\t.\n");
    expect(&t, "{\"pattern\":\"beta\"}",
           "n\xef\xbf\xbdx\xef\xbf\xbd:1: beta \xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd "
           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xa9\t.\n"
           "1 match in 1 of 1 file below @");
    /* The valid part of the line is still searched. */
    expect(&t, "{\"pattern\":\"\\u00e9\\\\t\"}",
           "n\xef\xbf\xbdx\xef\xbf\xbd:1: beta \xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd "
           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xa9\t.\n"
           "1 match in 1 of 1 file below @");
    sample_tree_remove(&t);
}

static void long_lines_show_the_match(void **state)
{
    struct sample_tree t;
    handrail_call c;
    char line[1024];
    size_t n = 0;

    (void)state;
    search_tree_make(&t, "");
    /* Two-byte characters, so that a cut at byte 300 from an odd start falls into one. */
    line[n++] = 'x';
    for (; n < 999; n += 2)
        memcpy(line + n, "\xc3\xa9", 3);
    memcpy(line + n, "beta\n", 6);
    sample_tree_write(&t, "cut", line, n + 5);
    sample_tree_fill(&t, "huge", 'y', (size_t)3 * 1024 * 1024, "gamma\n");

    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"^x\",\"glob\":\"cut\"}"),
                     HANDRAIL_OK);
    const char *end = strchr(c.text, '\n');
    assert_non_null(end);
    assert_int_equal(end - c.text, (int)(strlen("cut:1: ") + 299 + 3));
    assert_memory_equal(end - 5, "\xc3\xa9\xe2\x80\xa6", 5);
    fake_call_free(&c);

    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"beta|gamma\"}"), HANDRAIL_OK);
    assert_memory_equal(c.text, "cut:1: \xe2\x80\xa6\xc3\xa9", 12);
    assert_non_null(strstr(c.text, "\xc3\xa9"
                                   "beta\nhuge:1: \xe2\x80\xa6y"));
    assert_non_null(strstr(c.text, "yyygamma\n2 matches in 2 of 2 files"));
    assert_in_range(c.text_len, 600, 800);
    fake_call_free(&c);
    sample_tree_remove(&t);
}

/* They are searched in different ways: with and without counting steps. */
static void short_and_long_lines_match_alike(void **state)
{
    static const char *const patterns[] = {
        "\\\\w+_zoo",        "(?i)FOO_.oo\\\\(", "^.*7",      "\u00e9$",
        "q|\\\\d{1,3}\\\\)", "(a+)+$|_z",        "oo_[^x]*z",
    };
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, "");
    sample_tree_text(&t, "short", "x foo_zoo(7) \xc3\xa9\nno\n");
    sample_tree_fill(&t, "long", '-', 20000, " foo_zoo(7) \xc3\xa9\nno\n");
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        char args[128];
        handrail_call c;
        (void)snprintf(args, sizeof(args), "{\"pattern\":\"%s\"}", patterns[i]);
        fake_call_init(&c);
        assert_int_equal(search_tree_call(&t, &c, args), HANDRAIL_OK);
        if (!strstr(c.text, "\n2 matches in 2 of 2 files"))
            fail_msg("%s: %s", patterns[i], c.text);
        fake_call_free(&c);
    }
    sample_tree_remove(&t);
}

static void names_are_sorted_in_a_large_folder(void **state)
{
    struct sample_tree t;
    handrail_call c;
    char name[32], wanted[64];
    const char *at;

    (void)state;
    search_tree_make(&t, "");
    for (int i = 299; i >= 0; i--) {
        (void)snprintf(name, sizeof(name), "f%03d", (i * 7) % 300);
        sample_tree_text(&t, name, "beta\n");
    }
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"beta\",\"max_results\":1000}"),
                     HANDRAIL_OK);
    at = c.text;
    for (int i = 0; i < 300; i++) {
        size_t n = (size_t)snprintf(wanted, sizeof(wanted), "f%03d:1: beta\n", i);
        assert_memory_equal(at, wanted, n);
        at += n;
    }
    fake_call_free(&c);
    sample_tree_remove(&t);
}

enum { THREADS = 8, CALLS = 25 };

struct worker {
    pthread_t thread;
    const struct sample_tree *tree;
    const char *args, *wanted;
    int wrong;
};

static void *work(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < CALLS; i++) {
        handrail_call c;
        fake_call_init(&c);
        handrail_status status =
            fake_host_invoke(w->tree->plugin, w->tree->self, "workspace_search", &c, w->args);
        if (status != HANDRAIL_OK || strcmp(c.text, w->wanted) != 0 || c.json_invalid)
            w->wrong++;
        fake_call_free(&c);
    }
    return NULL;
}

static void calls_may_run_at_once(void **state)
{
    static const char *const args[2] = {"{\"pattern\":\"beta\"}",
                                        "{\"pattern\":\"A.PHA\",\"case_sensitive\":false}"};
    struct worker workers[THREADS];
    struct sample_tree t;
    handrail_call first[2];

    (void)state;
    search_tree_make(&t, "");
    fill(&t);
    for (int i = 0; i < 2; i++) {
        fake_call_init(&first[i]);
        assert_int_equal(search_tree_call(&t, &first[i], args[i]), HANDRAIL_OK);
    }
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.tree = &t, .args = args[i % 2], .wanted = first[i % 2].text};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    fake_call_free(&first[0]);
    fake_call_free(&first[1]);
    sample_tree_remove(&t);
}

int samples_search_results(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(lines_come_sorted_with_a_summary),
        cmocka_unit_test(arguments_do_what_they_say),
        cmocka_unit_test(line_ends_are_understood),
        cmocka_unit_test(structured_result_says_the_same),
        cmocka_unit_test(binary_files_and_devices_are_passed_over),
        cmocka_unit_test(foreign_bytes_cannot_break_the_answer),
        cmocka_unit_test(long_lines_show_the_match),
        cmocka_unit_test(short_and_long_lines_match_alike),
        cmocka_unit_test(names_are_sorted_in_a_large_folder),
        cmocka_unit_test(calls_may_run_at_once),
    };

    return cmocka_run_group_tests_name("samples/search results", all, NULL, NULL);
}
