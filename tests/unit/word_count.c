/* SPDX-License-Identifier: MIT
 * The sample plugin word-count: what it counts, what it refuses, where it stops. */
#include "check.h"
#include "fake_host.h"
#include "search_tree.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sample_tree tree;

static int start(void **state)
{
    (void)state;
    search_tree_make(&tree, "");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    sample_tree_remove(&tree);
    return 0;
}

/* {"<key>": <len bytes>, "top": top}; to be freed. */
static char *arguments(const char *key, const char *value, size_t len, int top)
{
    json_t *v = json_pack("{s:s%, s:i}", key, value, len, "top", top);
    char *text = json_dumps(v, JSON_COMPACT);

    assert_non_null(text);
    json_decref(v);
    return text;
}

static json_t *call_ok(const char *args)
{
    handrail_call c;

    fake_call_init(&c);
    handrail_status status = search_tree_call(&tree, &c, args);
    if (status != HANDRAIL_OK)
        fail_msg("%s: %d: %s", args, status, c.error);
    json_t *v = json_loads(c.json, 0, NULL);
    assert_non_null(v);
    fake_call_free(&c);
    return v;
}

static long long number(const json_t *v, const char *key)
{
    assert_true(json_is_integer(json_object_get(v, key)));
    return json_integer_value(json_object_get(v, key));
}

static const struct {
    const char *text;
    int lines, words, distinct, characters, longest, longest_characters, ill_formed;
    const char *top; /* "word count word count" */
} counted[] = {
    {"", 0, 0, 0, 0, 0, 0, 0, ""},
    {"\n", 1, 0, 0, 1, 1, 0, 0, ""},
    {"one", 1, 1, 1, 3, 1, 3, 0, "one 1"},
    {"one\n", 1, 1, 1, 4, 1, 3, 0, "one 1"},
    {"one\r\ntwo 2\r\n", 2, 3, 3, 12, 2, 5, 0, "2 1 one 1 two 1"},
    {"b a B\n\nA,b;", 3, 5, 2, 11, 1, 5, 0, "b 3 a 2"},
    {"don't 'quote' it''s x' y", 1, 6, 6, 24, 1, 24, 0, "don't 1 it 1 quote 1 s 1 x 1 y 1"},
    {"don\xe2\x80\x99t don't", 1, 2, 1, 11, 1, 11, 0, "don't 2"},
    {"\xc3\x84rger \xc3\xa4rger", 1, 2, 1, 11, 1, 11, 0, "\xc3\xa4rger 2"},
    {"\xce\xa9 \xcf\x89 \xd0\x81 \xd1\x91", 1, 4, 2, 7, 1, 7, 0, "\xcf\x89 2 \xd1\x91 2"},
    {"\xe6\x97\xa5\xe6\x9c\xac\xe3\x80\x82\xe8\xaa\x9e", 1, 2, 2, 4, 1, 4, 0,
     "\xe6\x97\xa5\xe6\x9c\xac 1 \xe8\xaa\x9e 1"},
    {"ok\xf0\x9f\x98\x80ok\xe2\x80\x94ok", 1, 3, 1, 8, 1, 8, 0, "ok 3"},
    {"foo_bar foo-bar", 1, 3, 3, 15, 1, 15, 0, "bar 1 foo 1 foo_bar 1"},
};

/* As a file, because JSON cannot carry them. */
static const struct {
    const char *text;
    int characters, ill_formed;
} broken[] = {
    {"a\xff"
     "b",
     3, 1},
    {"\x80\x80", 2, 2},
    {"\xc0\xaf", 2, 2},             /* longer than need be, in two bytes */
    {"\xe0\x80\x80", 1, 1},         /* and in three */
    {"\xed\xa0\x80", 1, 1},         /* a surrogate */
    {"\xf4\x90\x80\x80", 1, 1},     /* too large */
    {"\xe2\x82", 1, 1},             /* ends too early */
    {"\xe2\x82\xe2\x82\xac", 2, 1}, /* starts again */
    {"\xe2\x82x", 2, 1},
};

static void check_counts(size_t i, const json_t *v)
{
    char top[256] = "";
    size_t used = 0, at;
    json_t *word;

    assert_int_equal(number(v, "bytes"), strlen(counted[i].text));
    assert_int_equal(number(v, "lines"), counted[i].lines);
    assert_int_equal(number(v, "words"), counted[i].words);
    assert_int_equal(number(v, "distinct_words"), counted[i].distinct);
    assert_int_equal(number(v, "characters"), counted[i].characters);
    assert_int_equal(number(v, "longest_line"), counted[i].longest);
    assert_int_equal(number(v, "longest_line_characters"), counted[i].longest_characters);
    assert_int_equal(number(v, "ill_formed"), counted[i].ill_formed);
    assert_true(json_is_true(json_object_get(v, "complete")));
    json_array_foreach (json_object_get(v, "most_frequent_words"), at, word)
        used += (size_t)snprintf(top + used, sizeof(top) - used, "%s%s %lld", used ? " " : "",
                                 json_string_value(json_object_get(word, "word")),
                                 number(word, "count"));
    assert_string_equal(top, counted[i].top);
}

static void a_text_and_a_file_count_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        char *args = arguments("text", counted[i].text, strlen(counted[i].text), 10);
        json_t *v = call_ok(args);
        check_counts(i, v);
        json_decref(v);
        free(args);
        sample_tree_text(&tree, "folder/file", counted[i].text);
        v = call_ok("{\"path\":\"folder/./file\"}");
        check_counts(i, v);
        json_decref(v);
    }
}

static void what_is_not_utf8_is_counted_and_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        sample_tree_text(&tree, "file", broken[i].text);
        json_t *v = call_ok("{\"path\":\"file\"}");
        assert_int_equal(number(v, "characters"), broken[i].characters);
        assert_int_equal(number(v, "ill_formed"), broken[i].ill_formed);
        json_decref(v);
    }
}

static void a_sequence_across_two_reads(void **state)
{
    (void)state;
    sample_tree_fill(&tree, "file", 'x', 65535, "\xe2\x82\xac");
    json_t *v = call_ok("{\"path\":\"file\"}");
    assert_int_equal(number(v, "characters"), 65536);
    assert_int_equal(number(v, "ill_formed"), 0);
    json_decref(v);
}

static void the_sentences(void **state)
{
    handrail_call c;

    (void)state;
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&tree, &c, "{\"text\":\"to be or\\nnot to be\",\"top\":2}"),
                     HANDRAIL_OK);
    assert_string_equal(c.text, "2 lines, 6 words (4 distinct), 18 characters, 18 bytes\n"
                                "longest line: number 2, 9 characters\n"
                                "most frequent words: be 2, to 2\n");
    fake_call_free(&c);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&tree, &c, "{\"text\":\"x\",\"top\":0.0}"), HANDRAIL_OK);
    assert_string_equal(c.text, "1 line, 1 word (1 distinct), 1 character, 1 byte\n"
                                "longest line: number 1, 1 character\n");
    fake_call_free(&c);
}

static void too_long_and_too_many_words_are_counted(void **state)
{
    const size_t size = (size_t)100050 * 7;
    char *text = malloc(size + 128);
    size_t used = 0;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < 100050; i++)
        used += (size_t)snprintf(text + used, size + 1 - used, "%06d ", i);
    memset(text + used, 'y', 65);
    sample_tree_write(&tree, "file", text, used + 65);
    json_t *v = call_ok("{\"path\":\"file\"}");
    assert_int_equal(number(v, "words"), 100051);
    assert_int_equal(number(v, "distinct_words"), 100000);
    json_decref(v);
    free(text);
}

static void arguments_that_are_refused(void **state)
{
    static const struct {
        const char *args, *reason;
    } cases[] = {
        {"", "'[' or '{' expected near end of file"},
        {"[]", "a JSON object is needed"},
        {"{}", "give text or path, as in {\"path\": \"README.md\"}"},
        {"{\"text\":\"a\",\"path\":\"b\"}", "give text or path, not both"},
        {"{\"text\":1}", "text must be a string"},
        {"{\"text\":\"a\",\"top\":101}", "top must be an integer from 0 to 100"},
        {"{\"text\":\"a\",\"top\":1.5}", "top must be an integer from 0 to 100"},
        {"{\"text\":\"a\",\"more\":1}", "unknown key: more"},
        {"{\"path\":\"../root-outside/secret.txt\"}",
         "../root-outside/secret.txt contains \"..\": give the path without it"},
        {"{\"path\":\"a\\u0000b\"}", "path must not contain a NUL"},
        {"{\"path\":\".\"}", ". names no file"},
        {"{\"path\":\"\"}", "the empty path names no file"},
        {"{\"path\":\"absent\"}", "absent cannot be read: No such file or directory"},
        {"{\"path\":\"folder\"}", "folder is no regular file"},
        {"{\"path\":\"link\"}", "link is a symbolic link, which is not followed"},
        {"{\"path\":\"out/secret.txt\"}", "out/secret.txt leads through what is no folder, or a "
                                          "symbolic link, which is not followed"},
    };
    (void)state;
    sample_tree_text(&tree, "folder/file", "x");
    sample_tree_link(&tree, "folder/file", "link");
    sample_tree_link(&tree, tree.outside, "out");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        fake_call_init(&c);
        assert_int_equal(search_tree_call(&tree, &c, cases[i].args), HANDRAIL_E_INVALID);
        assert_string_equal(c.error, cases[i].reason);
        fake_call_free(&c);
    }
}

static void absolute_paths_lie_below_the_root(void **state)
{
    char args[256];
    handrail_call c;

    (void)state;
    sample_tree_text(&tree, "file", "abc");
    (void)snprintf(args, sizeof(args), "{\"path\":\"%s/file\"}", tree.root);
    json_t *v = call_ok(args);
    assert_int_equal(number(v, "characters"), 3);
    json_decref(v);
    (void)snprintf(args, sizeof(args), "{\"path\":\"%s/secret.txt\"}", tree.outside);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&tree, &c, args), HANDRAIL_E_INVALID);
    assert_non_null(strstr(c.error, "lies outside"));
    fake_call_free(&c);
}

static void cancelling_and_the_deadline(void **state)
{
    handrail_call c;

    (void)state;
    sample_tree_fill(&tree, "file", 'x', 300000, "");
    fake_call_init(&c);
    c.cancel_at_poll = 2;
    assert_int_equal(search_tree_call(&tree, &c, "{\"path\":\"file\"}"), HANDRAIL_E_CANCELLED);
    fake_call_free(&c);
    fake_call_init(&c);
    c.time_left_ms = 0;
    assert_int_equal(search_tree_call(&tree, &c, "{\"path\":\"file\"}"), HANDRAIL_OK);
    assert_non_null(strstr(c.text, "incomplete: there was no time for more"));
    fake_call_free(&c);
}

static void the_hosts_limit_is_passed_on(void **state)
{
    handrail_call c;

    (void)state;
    fake_call_init(&c);
    c.text_max = 4;
    /* not by search_tree_call: the status is the host's, and so is the reason */
    assert_int_equal(
        fake_host_invoke(tree.plugin, tree.self, "text_statistics", &c, "{\"text\":\"x\"}"),
        HANDRAIL_E_LIMIT);
    fake_call_free(&c);
}

static void a_file_is_read_up_to_its_limit(void **state)
{
    struct sample_tree small;
    handrail_call c;

    (void)state;
    search_tree_make(&small, ",\"max_bytes\":4");
    sample_tree_text(&small, "file", "abcd");
    sample_tree_text(&small, "larger", "abcde");
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&small, &c, "{\"path\":\"file\"}"), HANDRAIL_OK);
    assert_null(strstr(c.text, "incomplete"));
    fake_call_free(&c);
    fake_call_init(&c);
    assert_int_equal(search_tree_call(&small, &c, "{\"path\":\"larger\"}"), HANDRAIL_OK);
    assert_non_null(strstr(c.text, "4 bytes\n"));
    assert_non_null(strstr(c.text, "incomplete: only the first 4 bytes were read"));
    assert_non_null(strstr(c.json, "\"complete\":false"));
    fake_call_free(&c);
    sample_tree_remove(&small);
}

static void configurations_that_are_refused(void **state)
{
    static const char *const cases[] = {"",
                                        "[]",
                                        "{\"root\":\"relative\"}",
                                        "{\"root\":1}",
                                        "{\"max_bytes\":0}",
                                        "{\"unknown\":1}"};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        void *self = NULL;
        fake_call_init(&c);
        assert_int_equal(tree.plugin->create(&fake_host, &c, cases[i], strlen(cases[i]), &self),
                         HANDRAIL_E_INVALID);
        assert_null(self);
        assert_true(strlen(c.error) > 0);
        fake_call_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_text_and_a_file_count_the_same),
        cmocka_unit_test(what_is_not_utf8_is_counted_and_told),
        cmocka_unit_test(a_sequence_across_two_reads),
        cmocka_unit_test(the_sentences),
        cmocka_unit_test(too_long_and_too_many_words_are_counted),
        cmocka_unit_test(arguments_that_are_refused),
        cmocka_unit_test(absolute_paths_lie_below_the_root),
        cmocka_unit_test(cancelling_and_the_deadline),
        cmocka_unit_test(the_hosts_limit_is_passed_on),
        cmocka_unit_test(a_file_is_read_up_to_its_limit),
        cmocka_unit_test(configurations_that_are_refused),
    };

    return cmocka_run_group_tests_name("word_count", all, start, stop) ? EXIT_FAILURE
                                                                       : EXIT_SUCCESS;
}
