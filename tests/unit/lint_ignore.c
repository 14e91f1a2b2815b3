/* SPDX-License-Identifier: MIT
 * .dockerignore: which paths its patterns leave out. */
#include "loader/image/lint/ignore.h"

#include "check.h"

#include <string.h>

static const struct {
    const char *patterns, *path;
    bool out;
} cases[] = {
    {"", "a", false},
    {"a", "a", true},
    {"a", "b/a", false},
    {"a", "a/b/c", true},
    {"/a/", "a", true},
    {"./a/./b", "a/b", true},
    {"a", "ab", false},
    {"# a\n\n  \na", "a", true},
    {"#a", "#a", false},
    {"a\r\nb\r\n", "b", true},
    {"\xef\xbb\xbf"
     "a",
     "a", true},
    {"*", "a", true},
    {"*.md", "a.md", true},
    {"*.md", "b/a.md", false},
    {"*/*.md", "b/a.md", true},
    {"**/*.md", "a.md", true},
    {"**/*.md", "b/c/a.md", true},
    {"**/.env", ".env", true},
    {"**/.env", "x.env", false},
    {"a/**", "a/b/c", true},
    {"a/**", "a", false},
    {"a/**/z", "a/z", true},
    {"a/**/z", "a/b/c/z", true},
    {"a/**/z", "a/bz", false},
    {"**", "a/b", true},
    {"a**/*", "ab", true},
    {"a**/*", "ab/c", true},
    {"a**/z", "abz", false},
    {"a?c", "abc", true},
    {"a?c", "a/c", false},
    {"[a-c]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[^a-c]x", "dx", true},
    {"[^a-c]x", "/x", false},
    {"[]x", "[]x", true},
    {"a\\*b", "a*b", true},
    {"a\\*b", "axb", false},
    {"*\n!a", "a", false},
    {"*\n!a", "b", true},
    {"!a\na", "a", true},
    {"*\n! \ta", "a", false},
    {"a\n!a/b", "a/b", false},
    {"a\n!a/b\na/b/c", "a/b/c", true},
    {"[", "[", true},
    {"[a", "[a", true},
    {"[^", "[^", true},
    {"a\\", "a\\", true},
};

static void decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_ignore g;
        assert_int_equal(hr_ignore_parse(&g, cases[i].patterns, strlen(cases[i].patterns)), 0);
        if (hr_ignored(&g, cases[i].path) != cases[i].out)
            fail_msg("\"%s\" with %s", cases[i].patterns, cases[i].path);
        hr_ignore_free(&g);
    }
}

static void long_patterns_are_passed_over(void **state)
{
    char text[HR_IGNORE_PATTERN + 4];
    struct hr_ignore g;
    (void)state;
    memset(text, 'a', sizeof(text));
    text[HR_IGNORE_PATTERN + 1] = '\n';
    text[HR_IGNORE_PATTERN + 2] = 'b';
    text[HR_IGNORE_PATTERN + 3] = '\0';
    assert_int_equal(hr_ignore_parse(&g, text, HR_IGNORE_PATTERN + 3), 0);
    assert_true(hr_ignored(&g, "b"));
    hr_ignore_free(&g);
    assert_int_equal(hr_ignore_parse(&g, text + 1, HR_IGNORE_PATTERN + 2), 0);
    text[HR_IGNORE_PATTERN + 1] = '\0';
    assert_true(hr_ignored(&g, text + 1));
    hr_ignore_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides),
        cmocka_unit_test(long_patterns_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
