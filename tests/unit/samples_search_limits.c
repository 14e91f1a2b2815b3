/* SPDX-License-Identifier: MIT
 * Where workspace-search stops: results, bytes, time, cost of a pattern, and when it is told to. */
#include "samples.h"

#include "check.h"
#include "search_tree.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Run it, and hold that the answer has this piece in it. */
static void expect_in(const struct sample_tree *t, const char *args, const char *piece)
{
    handrail_call c;

    fake_call_init(&c);
    handrail_status status = search_tree_call(t, &c, args);
    if (status != HANDRAIL_OK || !strstr(c.text, piece))
        fail_msg("%s: status %d: %s%s", args, status, c.error, c.text);
    fake_call_free(&c);
}

static void results_end_at_the_limit(void **state)
{
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, "");
    sample_tree_text(&t, "a", "beta\nbeta\nbeta\n");
    expect_in(&t, "{\"pattern\":\"beta\",\"max_results\":2}",
              "a:2: beta\n2 matches in 1 of 1 file below");
    expect_in(&t, "{\"pattern\":\"beta\",\"max_results\":2}",
              "; stopped: there are more than max_results (2): narrow");
    expect_in(&t, "{\"pattern\":\"beta\",\"max_results\":3}", "/root"); /* there is no more */
    handrail_call c;
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"beta\",\"max_results\":3}"),
                     HANDRAIL_OK);
    assert_null(strstr(c.text, "stopped"));
    assert_non_null(strstr(c.json, "\"truncated\":false"));
    fake_call_free(&c);
    sample_tree_remove(&t);
}

static void the_default_is_a_hundred_results(void **state)
{
    struct sample_tree t;
    char lines[101 * 5 + 1];

    (void)state;
    for (int i = 0; i < 101; i++)
        memcpy(lines + 5 * (size_t)i, "beta\n", 6);
    search_tree_make(&t, "");
    sample_tree_text(&t, "a", lines);
    expect_in(&t, "{\"pattern\":\"beta\"}", "more than max_results (100)");
    sample_tree_remove(&t);
}

static void an_answer_fits_what_clients_show(void **state)
{
    struct sample_tree t;
    handrail_call c;
    char name[32];

    (void)state;
    search_tree_make(&t, "");
    for (int i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof(name), "f%03d", i);
        sample_tree_fill(&t, name, 'x', 290, "\n");
    }
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"x\",\"max_results\":1000}"),
                     HANDRAIL_OK);
    assert_in_range(c.text_len, 48000, 50000);
    assert_non_null(strstr(c.text, "; stopped: one answer holds at most 49152 bytes"));
    assert_non_null(strstr(c.json, "\"truncated\":true"));
    fake_call_free(&c);

    fake_call_init(&c);
    c.text_max = 1000;
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"x\"}"), HANDRAIL_E_LIMIT);
    assert_non_null(strstr(c.error, "lower max_results"));
    fake_call_free(&c);
    sample_tree_remove(&t);
}

static void bytes_end_at_the_limits(void **state)
{
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, ",\"max_file_bytes\":1000,\"max_total_bytes\":2500");
    sample_tree_fill(&t, "a", 'x', 995, "beta\n"); /* exactly 1000 */
    sample_tree_fill(&t, "b", 'x', 996, "beta\n");
    expect_in(&t, "{\"pattern\":\"beta$\"}", "1 match in 1 of 1 file");
    expect_in(&t, "{\"pattern\":\"beta$\"}", "; skipped 1 larger than 1000 bytes");
    sample_tree_fill(&t, "c", 'x', 995, "beta\n");
    sample_tree_fill(&t, "d", 'x', 995, "beta\n");
    expect_in(&t, "{\"pattern\":\"beta$\"}", "2 matches in 2 of 2 files");
    expect_in(&t, "{\"pattern\":\"beta$\"}", "; stopped: one call reads at most 2500 bytes");
    sample_tree_remove(&t);
}

static void the_default_file_size_is_four_mebibytes(void **state)
{
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, "");
    sample_tree_fill(&t, "a", 'x', 4194304 - 5, "beta\n");
    sample_tree_fill(&t, "b", 'x', 4194304 - 4, "beta\n");
    expect_in(&t, "{\"pattern\":\"beta$\"}", "1 match in 1 of 1 file");
    expect_in(&t, "{\"pattern\":\"beta$\"}", "; skipped 1 larger than 4194304 bytes");
    sample_tree_remove(&t);
}

static void an_expensive_line_is_passed_over(void **state)
{
    /* Exponential, polynomial, by back reference, by recursion, and by nested loops. */
    static const char *const patterns[] = {
        "(a+)+$",        "(a|a)*$",          "(a|aa)+$",    "(?:a.*)*[yz]",         "a.*a.*a.*[yz]",
        "(.*)\\\\1[yz]", "(a(?1)?a|a)*[yz]", "(?=(a+)+b)a", "(x+x+)+y|(a*a*)*[yz]",
    };
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, ",\"max_time_ms\":30000");
    sample_tree_fill(&t, "bad", 'a', 3000, "!\nbeta\n");
    sample_tree_text(&t, "good", "beta\n");
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        char args[256];
        (void)snprintf(args, sizeof(args), "{\"pattern\":\"%s|^beta\"}", patterns[i]);
        int64_t start = sample_tree_now_ms();
        expect_in(&t, args,
                  "; passed over 1 line where the pattern is too expensive (first: bad:1)");
        expect_in(&t, args, "bad:2: beta\ngood:1: beta\n"); /* the rest is searched */
        assert_in_range(sample_tree_now_ms() - start, 0, 10000);
    }
    sample_tree_remove(&t);
}

static void an_honest_pattern_is_not_given_up(void **state)
{
    static const char *const patterns[] = {"\\\\w+_zoo", "a.*b$",
                                           "(?:ab|c)+d", "^\\\\s*(int|char) \\\\w+",
                                           "[^b]+b",     "(\\\\w)\\\\1{5}"};
    struct sample_tree t;
    char *text = malloc((size_t)40 * 50000);
    size_t n = 0;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < 50000; i++)
        n += (size_t)snprintf(text + n, 40, "%s%d some_words();%s", i % 7 ? "int x" : "abc", i,
                              i % 1000 ? "" : "\n"); /* lines of 20 KiB */
    search_tree_make(&t, ",\"max_time_ms\":60000");
    sample_tree_write(&t, "a", text, n);
    free(text);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        handrail_call c;
        char args[256];
        (void)snprintf(args, sizeof(args), "{\"pattern\":\"%s\"}", patterns[i]);
        fake_call_init(&c);
        assert_int_equal(search_tree_call(&t, &c, args), HANDRAIL_OK);
        if (strstr(c.text, "passed over"))
            fail_msg("%s: %s", args, strstr(c.text, "passed over"));
        fake_call_free(&c);
    }
    sample_tree_remove(&t);
}

static void time_ends_at_the_limit(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    search_tree_make(&t, ",\"max_time_ms\":200");
    sample_tree_text(&t, "a", "beta\n");
    /* One line whose every step is a scan of megabytes: only asking between steps ends it. */
    sample_tree_fill(&t, "b", 'a', 4000000, "\n");
    int64_t start = sample_tree_now_ms();
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"^beta|a[^b]*+[yz]\"}"), HANDRAIL_OK);
    assert_in_range(sample_tree_now_ms() - start, 0, 3000);
    assert_non_null(strstr(c.text, "a:1: beta\n1 match in 1 of 2 files"));
    assert_non_null(strstr(c.text, "; stopped: out of time in b: narrow"));
    assert_non_null(strstr(c.json, "\"truncated\":true"));
    fake_call_free(&c);
    sample_tree_remove(&t);
}

static void the_hosts_deadline_leaves_time_to_answer(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    search_tree_make(&t, ",\"max_time_ms\":60000");
    sample_tree_fill(&t, "b", 'a', 4000000, "\n");
    int64_t start = sample_tree_now_ms();
    fake_call_init(&c);
    c.time_left_ms = 600;
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"a[^b]*+[yz]\"}"), HANDRAIL_OK);
    assert_in_range(sample_tree_now_ms() - start, 300, 3000);
    assert_non_null(strstr(c.text, "out of time"));
    fake_call_free(&c);
    sample_tree_remove(&t);
}

static void cancelling_works_wherever_it_comes(void **state)
{
    struct sample_tree t;
    long all;
    int cancelled = 0;

    (void)state;
    search_tree_make(&t, "");
    for (int i = 0; i < 40; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "d%d/f%d", i % 5, i);
        sample_tree_fill(&t, name, '\n', 300, "beta\n");
    }
    sample_tree_fill(&t, "long", '\n', 100000, "beta\n");
    sample_tree_fill(&t, "z", 'a', 300000, "!\n");
    handrail_call c;
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"beta|(a+)+$\"}"), HANDRAIL_OK);
    all = atomic_load(&c.polls);
    fake_call_free(&c);
    assert_true(all > 1000); /* inside the long file, too */
    for (long at = 1; at <= all; at += 1 + all / 40) {
        fake_call_init(&c);
        c.cancel_at_poll = at;
        assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"beta|(a+)+$\"}"),
                         HANDRAIL_E_CANCELLED);
        assert_int_equal(atomic_load(&c.polls), at); /* it stopped at once */
        assert_int_equal(c.text_len, 0);
        assert_non_null(strstr(c.error, "cancelled after"));
        fake_call_free(&c);
        cancelled++;
    }
    assert_true(cancelled > 20);
    sample_tree_remove(&t);
}

static void *cancel_soon(void *arg)
{
    handrail_call *c = arg;

    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_store(&c->cancel, true);
    return NULL;
}

static void cancelling_ends_an_expensive_line(void **state)
{
    struct sample_tree t;
    handrail_call c;
    pthread_t thread;

    (void)state;
    search_tree_make(&t, ",\"max_time_ms\":60000");
    sample_tree_fill(&t, "b", 'a', 4000000, "\n");
    fake_call_init(&c);
    int64_t start = sample_tree_now_ms();
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &c), 0);
    assert_int_equal(search_tree_call(&t, &c, "{\"pattern\":\"a[^b]*+[yz]\"}"),
                     HANDRAIL_E_CANCELLED);
    assert_in_range(sample_tree_now_ms() - start, 90, 2000);
    pthread_join(thread, NULL);
    fake_call_free(&c);
    sample_tree_remove(&t);
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void no_descriptor_is_left_open(void **state)
{
    static const char *const args[] = {
        "{\"pattern\":\"beta\"}",   "{\"pattern\":\"beta\",\"max_results\":1}",
        "{\"pattern\":\"(\"}",      "{\"pattern\":\"beta\",\"path\":\"nowhere\"}",
        "{\"pattern\":\"(a+)+$\"}",
    };
    struct sample_tree t;

    (void)state;
    search_tree_make(&t, "");
    sample_tree_text(&t, "d/e/f", "beta\nbeta\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n");
    sample_tree_write(&t, "d/bin", "\0", 1);
    int before = open_descriptors();
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
        for (long at = 0; at < 4; at++) {
            handrail_call c;
            fake_call_init(&c);
            c.cancel_at_poll = at;
            (void)search_tree_call(&t, &c, args[i]);
            fake_call_free(&c);
        }
    }
    assert_int_equal(open_descriptors(), before);
    sample_tree_remove(&t);
}

static void an_unreadable_file_is_told(void **state)
{
    struct sample_tree t;
    char path[256];

    (void)state;
    search_tree_make(&t, "");
    sample_tree_text(&t, "locked", "beta\n");
    sample_tree_text(&t, "open", "beta\n");
    (void)snprintf(path, sizeof(path), "%s/locked", t.root);
    assert_int_equal(chmod(path, 0), 0);
    if (access(path, R_OK) == 0) /* root reads everything */
        expect_in(&t, "{\"pattern\":\"beta\"}", "2 matches in 2 of 2 files");
    else
        expect_in(&t, "{\"pattern\":\"beta\"}",
                  "; skipped 1 unreadable (first: locked: Permission denied)");
    sample_tree_remove(&t);
}

int samples_search_limits(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(results_end_at_the_limit),
        cmocka_unit_test(the_default_is_a_hundred_results),
        cmocka_unit_test(an_answer_fits_what_clients_show),
        cmocka_unit_test(bytes_end_at_the_limits),
        cmocka_unit_test(the_default_file_size_is_four_mebibytes),
        cmocka_unit_test(an_expensive_line_is_passed_over),
        cmocka_unit_test(an_honest_pattern_is_not_given_up),
        cmocka_unit_test(time_ends_at_the_limit),
        cmocka_unit_test(the_hosts_deadline_leaves_time_to_answer),
        cmocka_unit_test(cancelling_works_wherever_it_comes),
        cmocka_unit_test(cancelling_ends_an_expensive_line),
        cmocka_unit_test(no_descriptor_is_left_open),
        cmocka_unit_test(an_unreadable_file_is_told),
    };

    return cmocka_run_group_tests_name("samples/search limits", all, NULL, NULL);
}
