/* SPDX-License-Identifier: MIT
 * Reading YAML: every trap is found, at its line and column. */
#include "check.h"
#include "loader/image/spec/expression.h"
#include "loader/image/spec/yaml_tree.h"
#include "spec_help.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* rule: expected, or NULL for nothing of YAML's; the rest of a specification is missing in all. */
static const struct {
    const char *text;
    const char *rule;
    int line, column;
} cases[] = {
    {"a: [1, 2\nb: 3\n", "yaml-syntax", 2, 2},
    {"a: b: c\n", "yaml-syntax", 1, 5},
    {"a:\n\tb: 1\n", "yaml-syntax", 2, 1},
    {"a: \"unfinished\n", "yaml-syntax", 2, 1},
    {"a: @at\n", "yaml-syntax", 1, 4},
    {"\"\\u12\": 1\n", "yaml-syntax", 1, 4},
    {"%YAML 3.0\n---\na: 1\n", "yaml-syntax", 1, 1},
    {"%YAML 1.2\n---\na: 1\n", NULL, 0, 0},
    {"a: 1\nb: \"x\xff\"\n", "yaml-encoding", 2, 6},
    {"a: \xed\xa0\x80\n", "yaml-encoding", 1, 4},
    {"a: \xc0\xaf\n", "yaml-encoding", 1, 4},
    {"\xef\xbb\xbfname: x\n\xef\xbb\xbf: y\n", "yaml-character", 2, 1},
    {"\xef\xbb\xbfname: x\n", NULL, 0, 0},
    {"a: 1\r\nb: yes\r\nb: no\r\n", "yaml-duplicate-key", 3, 1},
    {"a: 1\rb: 2\rb: 3\r", "yaml-duplicate-key", 3, 1},
    {"a: 1\r\nb: 2\r\n", NULL, 0, 0},
    {"a: x\x07\n", "yaml-character", 1, 5},
    {"a: x\xc2\x85y\n", "yaml-character", 1, 5},
    {"a: x\xe2\x80\xa8y\n", "yaml-character", 1, 5},
    {"a: \xe2\x80\xae# evil\n", "yaml-character", 1, 4},
    {"a: x\xe2\x81\xa9\n", "yaml-character", 1, 5},
    {"a: x\xe2\x81\xaa\n", NULL, 0, 0},
    {"a: \xc2\xa0x\n", NULL, 0, 0},
    {"a: \xf0\x9f\x90\xb1 \xe2\x80\xa6\n", NULL, 0, 0},
    {"a: \"\xc3\xa4\xc3\xb6\xc3\xbc\", b: 1\n", "yaml-syntax", 1, 9},
    {"a: \"x\\0y\"\n", "yaml-character", 1, 4},
    {"a: \"x\\ty\\n\"\n", NULL, 0, 0},
    {"a: 1\nb: 2\n\"a\": 3\n", "yaml-duplicate-key", 3, 1},
    {"x: {a: 1, b: 2, a: 3}\n", "yaml-duplicate-key", 1, 17},
    {"x: {a: 1}\nz: {a: 1}\n", NULL, 0, 0},
    {"no: 1\n", "yaml-key", 1, 1},
    {"x:\n  on: 1\n", "yaml-key", 2, 3},
    {"x: {1: a}\n", "yaml-key", 1, 5},
    {"x: {~: a}\n", "yaml-key", 1, 5},
    {": a\n", "yaml-syntax", 1, 1},
    {"?\n: a\n", "yaml-key", 1, 2},
    {"? [a]\n: b\n", "yaml-key", 1, 3},
    {"? {a: b}\n: b\n", "yaml-key", 1, 3},
    {"&x a: b\n", "yaml-key", 1, 1},
    {"x: &x a\n*x : b\n", "yaml-key", 2, 1},
    {"\"no\": 1\nnope: 2\n\"1\": x\n", NULL, 0, 0},
    {"a: &a [*a]\n", "yaml-alias", 1, 8},
    {"a: &a {b: {c: *a}}\n", "yaml-alias", 1, 15},
    {"a: *later\nb: &later x\n", "yaml-alias", 1, 4},
    {"a: &a [x]\nb: *a\nc: [*a, *a]\n", NULL, 0, 0},
    {"a: &a x\nb: &a [y]\nc: *a\n", NULL, 0, 0},
    {"a: &a {b: c}\nx:\n  <<: *a\n", "yaml-merge-key", 3, 3},
    {"a: {\"<<\": b}\n", NULL, 0, 0},
    {"a: !!python/object/apply:os.system [ls]\n", "yaml-tag", 1, 4},
    {"a: !!str 1\n", "yaml-tag", 1, 4},
    {"a: ! x\n", "yaml-tag", 1, 4},
    {"a: !!map {}\n", "yaml-tag", 1, 4},
    {"!!str a: 1\n", "yaml-tag", 1, 1},
    {"a: \"!x\"\n", NULL, 0, 0},
    {"a: 1\n---\nb: 2\n", "yaml-documents", 2, 1},
    {"---\na: 1\n...\n---\n", "yaml-documents", 4, 1},
    {"---\na: 1\n...\n# the end\n", NULL, 0, 0},
    {"", "yaml-documents", 1, 1},
    {"# nothing\n", "yaml-documents", 1, 1},
    /* There is no fourth line. */
    {"a: [x\n#\n# \xc3\xa4", "yaml-syntax", 3, 4},
    {"a: [x\n#\n# b\n", "yaml-syntax", 4, 1},
    /* Columns count characters, in every way that one is found. */
    {"\xc3\xa4: 1\n\xe2\x82\xac\xe2\x82\xac: !!str 1\n", "yaml-tag", 2, 5},
    {"\xc3\xa4: 1\n\xe2\x82\xac: \xff\n", "yaml-encoding", 2, 4},
    {"\xc3\xa4: 1\nb:\n\tc: 1\n", "yaml-syntax", 3, 1},
};

static bool is_of_yaml(const json_t *finding)
{
    const char *rule = json_string_value(json_object_get(finding, "rule"));
    return strncmp(rule, "yaml-", 5) == 0;
}

static void every_trap_has_a_line_and_a_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *found = spec_findings(cases[i].text, strlen(cases[i].text));
        size_t n = 0;
        for (size_t k = 0; k < json_array_size(found); k++)
            n += is_of_yaml(json_array_get(found, k));
        bool good = cases[i].rule
                        ? spec_count(found, cases[i].rule, cases[i].line, cases[i].column) == 1
                        : n == 0;
        if (!good)
            fail_msg("%s\nexpected %s at %d:%d, got\n%s", cases[i].text,
                     cases[i].rule ? cases[i].rule : "nothing", cases[i].line, cases[i].column,
                     spec_lines(found));
        json_decref(found);
    }
}

static void a_tab_is_called_one(void **state)
{
    (void)state;
    json_t *found = spec_findings("a:\n\tb: 1\n", 9);
    assert_string_equal(spec_lines(found),
                        "2:1 yaml-syntax : there is a tab here, where only spaces can be\n");
    json_decref(found);
}

static void a_line_that_is_named_is_there(void **state)
{
    (void)state;
    json_t *found = spec_findings("{", 1);
    assert_string_equal(spec_lines(found),
                        "1:2 yaml-syntax : did not find expected node content, while parsing a "
                        "flow node that began on line 1\n");
    json_decref(found);
}

static void utf16_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } files[] = {
        {"\xff\xfe"
         "a\0:\0",
         6},
        {"\xfe\xff\0a\0:", 6},
        {"a\0:\0", 4},
        {"\0a\0:", 4},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        json_t *found = spec_findings(files[i].text, files[i].n);
        assert_int_equal(spec_count(found, "yaml-encoding", 1, 1), 1);
        json_decref(found);
    }
}

/* ---- limits ---------------------------------------------------------------------------------- */

static char *repeat(const char *before, const char *part, size_t times, const char *after)
{
    size_t n = strlen(part);
    char *text = malloc(strlen(before) + n * times + strlen(after) + 1);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, part);
    (void)stpcpy(at, after);
    return text;
}

static void expect_limit(char *text, size_t limits)
{
    json_t *found = spec_findings(text, strlen(text));
    if (spec_count(found, "yaml-limit", 0, 0) != limits)
        fail_msg("%.100s...\ngot\n%s", text, spec_lines(found));
    json_decref(found);
    free(text);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    expect_limit(repeat("a: ", "[", 100 * 1000, ""), 1);
    expect_limit(repeat("a: ", "{a: ", 50 * 1000, ""), 1);
    expect_limit(repeat("", "- ", 100 * 1000, "x\n"), 1);
    expect_limit(repeat("", "? ", 100 * 1000, "x\n"), 0); /* a key that is a map */
    expect_limit(repeat("[", "[", HR_YAML_DEPTH_MAX, ""), 1);
}

static void size_is_bounded(void **state)
{
    (void)state;
    expect_limit(repeat("a: ", "x", HR_YAML_BYTES_MAX - 3, ""), 0);
    expect_limit(repeat("a: ", "x", HR_YAML_BYTES_MAX - 2, ""), 1);
    expect_limit(repeat("a: [", "x,", HR_YAML_NODES_MAX - 2, "]"), 0);
    expect_limit(repeat("a: [", "x,", HR_YAML_NODES_MAX - 1, "]"), 1);
    expect_limit(repeat("", "k", HR_YAML_KEY_MAX, ": x\n"), 0);
    expect_limit(repeat("", "k", HR_YAML_KEY_MAX + 1, ": x\n"), 1);
}

/* A key that is too long even for libyaml, which then says something of its own. */
static void a_very_long_key_is_an_error(void **state)
{
    (void)state;
    char *text = repeat("", "k", 5000, ": x\n");
    json_t *found = spec_findings(text, strlen(text));
    assert_int_equal(spec_count(found, "yaml-syntax", 1, 0), 1);
    json_decref(found);
    free(text);
}

/* What is repeated up to the limits, and where something looks for it again and again. */
static void hostile_files_take_little_time(void **state)
{
    (void)state;
    static const char environment[] = "id: a:1\ninitial_env:\n  A: \"";
    static const struct {
        const char *before, *part, *after;
    } files[] = {
        {environment, "sk-", "\""},
        {environment, "eyJ-", "\""},
        {environment, "eyJ.", "\""},
        {environment, "-----BEGIN ", "\""},
        {environment, "ghp_a", "\""},
        {"ports: [", "{name: a, port: 1},", "]"},
        {"permissions: {users: [", "a,", "]}"},
        {"a: ", "1:", ""},
        {"a: ", "1", ""},
        {"a: \"", "\\u00e4", "\""},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t room = HR_YAML_BYTES_MAX - strlen(files[i].before) - strlen(files[i].after);
        char *text =
            repeat(files[i].before, files[i].part, room / strlen(files[i].part), files[i].after);
        clock_t began = clock();
        json_decref(spec_findings(text, strlen(text)));
        if (clock() - began > 5 * CLOCKS_PER_SEC) /* a sanitizer's included */
            fail_msg("%s%s... took %ld s", files[i].before, files[i].part,
                     (long)((clock() - began) / CLOCKS_PER_SEC));
        free(text);
    }
}

static void aliases_do_not_explode(void **state)
{
    (void)state;
    char text[4096];
    int n = snprintf(text, sizeof(text), "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 10; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    json_t *found = spec_findings(text, (size_t)n);
    assert_int_equal(spec_count(found, "yaml-limit", 4, 0), 1);
    json_decref(found);
}

/* ---- the tree -------------------------------------------------------------------------------- */

static void an_alias_is_a_copy_that_knows_where_it_was_written(void **state)
{
    (void)state;
    static const char text[] = "a: &a\n  - x\n  - {k: v}\nb:\n  c: *a\n";
    struct hr_report r;
    struct hr_yaml *y = NULL;
    char pointer[HR_YAML_POINTER];
    hr_report_init(&r, "check");
    assert_int_equal(hr_yaml_read("f", text, sizeof(text) - 1, &r, &y), 0);
    const struct hr_yaml_node *c = hr_yaml_member(hr_yaml_member(y->root, "b"), "c");
    assert_int_equal(c->kind, HR_YAML_LIST);
    assert_int_equal(c->size, 2);
    const struct hr_yaml_node *k = hr_yaml_member(c->first->next, "k");
    assert_string_equal(k->text, "v");
    assert_int_equal(k->line, 3);
    assert_int_equal(k->column, 9);
    hr_yaml_pointer(k, pointer);
    assert_string_equal(pointer, "/b/c/1/k");
    hr_yaml_pointer(y->root, pointer);
    assert_string_equal(pointer, "");
    assert_int_equal(r.errors, 0);
    hr_yaml_free(y);
    hr_report_free(&r);
}

static void a_pointer_is_escaped_and_fits(void **state)
{
    (void)state;
    char text[4096];
    char pointer[HR_YAML_POINTER];
    struct hr_report r;
    struct hr_yaml *y = NULL;
    hr_report_init(&r, "check");
    assert_int_equal(hr_yaml_read("f", "a/b: {c~d: 1}", 13, &r, &y), 0);
    hr_yaml_pointer(y->root->first->first, pointer);
    assert_string_equal(pointer, "/a~1b/c~0d");
    hr_yaml_free(y);
    int n = 0;
    for (int i = 0; i < 10; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "{%0200d~: ", 7);
    n += snprintf(text + n, sizeof(text) - (size_t)n, "x}}}}}}}}}}");
    assert_int_equal(hr_yaml_read("f", text, (size_t)n, &r, &y), 0);
    const struct hr_yaml_node *deep = y->root;
    while (deep->first)
        deep = deep->first;
    hr_yaml_pointer(deep, pointer);
    assert_true(strlen(pointer) < sizeof(pointer));
    assert_int_equal(strcmp(pointer + strlen(pointer) - 4, "07~0"), 0);
    hr_yaml_free(y);
    hr_report_free(&r);
}

static void every_pattern_compiles(void **state)
{
    (void)state;
    static const struct {
        enum hr_spec_regex pattern;
        const char *yes, *no;
    } all[HR_SPEC_REGEXES] = {
        {HR_RE_YAML_NULL, "", " "},
        {HR_RE_YAML_TRUE, "On", "oN"},
        {HR_RE_YAML_FALSE, "n", "none"},
        {HR_RE_YAML_DECIMAL, "-10", "+10"},
        {HR_RE_YAML_OCTAL, "0_17", "08"},
        {HR_RE_YAML_INTEGER, "0xF_F", "0xG"},
        {HR_RE_YAML_BASE60, "12:30", "12:60"},
        {HR_RE_YAML_FLOAT11, "1.", "1e3"},
        {HR_RE_YAML_FLOAT12, "1e3", "1e"},
        {HR_RE_YAML_DATE, "2026-11-27", "2026-11"},
        {HR_RE_YAML_OTHER, "=", "=="},
        {HR_RE_NAME, "a.b-c", "a..b"},
        {HR_RE_LABEL, "ML agent", "ML agent "},
        {HR_RE_SEMVER, "1.0.0-rc.1+b", "1.0"},
        {HR_RE_MAIL, "a@b", "a@b@c"},
        {HR_RE_WORD, "a b", " a"},
        {HR_RE_IMAGE,
         "registry.example.com:5000/a/b_c:1@sha256:"
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "A/b"},
        {HR_RE_FLOATING, "a/b:latest", "a/b:later"},
        {HR_RE_CAPABILITY, "a_b-c9", "a__b"},
        {HR_RE_VARIABLE, "_A.1-", "A B"},
        {HR_RE_PORT_NAME, "8080-web-2", "80"},
        {HR_RE_PATH, "/", "a"},
    };
    for (size_t i = 0; i < HR_SPEC_REGEXES; i++) {
        assert_int_equal(all[i].pattern, i);
        if (!hr_spec_matches(all[i].pattern, all[i].yes) ||
            hr_spec_matches(all[i].pattern, all[i].no))
            fail_msg("%s: %s, %s", hr_spec_regex_text(all[i].pattern), all[i].yes, all[i].no);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_trap_has_a_line_and_a_column),
        cmocka_unit_test(a_tab_is_called_one),
        cmocka_unit_test(a_line_that_is_named_is_there),
        cmocka_unit_test(utf16_is_named),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(a_very_long_key_is_an_error),
        cmocka_unit_test(hostile_files_take_little_time),
        cmocka_unit_test(aliases_do_not_explode),
        cmocka_unit_test(an_alias_is_a_copy_that_knows_where_it_was_written),
        cmocka_unit_test(a_pointer_is_escaped_and_fits),
        cmocka_unit_test(every_pattern_compiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
