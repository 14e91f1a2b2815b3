/* SPDX-License-Identifier: MIT
 * Quotes, escapes and variables, as BuildKit resolves them.  A is "a", E is empty, P is a path, U
 * is not set, O may be set by a build, K by the base image. */
#include "loader/image/lint/lex.h"

#include "check.h"

#include <errno.h>
#include <string.h>

static enum hr_variable_state get(const void *context, const char *name, size_t n,
                                  const char **ret_value)
{
    (void)context;
    if (n != 1)
        return HR_VARIABLE_UNSET;
    switch (*name) {
    case 'A': *ret_value = "a"; return HR_VARIABLE_SET;
    case 'E': *ret_value = ""; return HR_VARIABLE_SET;
    case 'P': *ret_value = "/x/y.tar.gz"; return HR_VARIABLE_SET;
    case 'W': *ret_value = "two words"; return HR_VARIABLE_SET;
    case 'O': return HR_VARIABLE_OPEN;
    case 'K': return HR_VARIABLE_UNKNOWN;
    default: return HR_VARIABLE_UNSET;
    }
}

static const struct {
    const char *text, *result; /* NULL: it is wrong */
    bool unknown;
} cases[] = {
    {"", "", false},
    {"plain", "plain", false},
    {"$A", "a", false},
    {"${A}b", "ab", false},
    {"$Ab", "", false},
    {"$A-b", "a-b", false},
    {"x$", "x$", false},
    {"$$A", "A", false},
    {"$1x", "x", false},
    {"$(A)", "$(A)", false},
    {"'$A'", "$A", false},
    {"\"$A\"", "a", false},
    {"\\$A", "$A", false},
    {"\"\\$A \\\" \\\\ \\n\"", "$A \" \\ \\n", false},
    {"'\\'", "\\", false},
    {"\\a\\ b", "a b", false},
    {"end\\", "end", false},
    {"a'b c'\"d\"", "ab cd", false},
    {"${U}", "", false},
    {"${U:-d}", "d", false},
    {"${U-d}", "d", false},
    {"${E:-d}", "d", false},
    {"${E-d}", "", false},
    {"${A:-d}", "a", false},
    {"${U:-${A:-x}}", "a", false},
    {"${U:-'}'}", "}", false},
    {"${U:+d}", "", false},
    {"${A:+d}", "d", false},
    {"${E:+d}", "", false},
    {"${E+d}", "d", false},
    {"${A:?no}", "a", false},
    {"${A?}", "a", false},
    {"${P#*/}", "x/y.tar.gz", false},
    {"${P##*/}", "y.tar.gz", false},
    {"${P%.*}", "/x/y.tar", false},
    {"${P%%.*}", "/x/y", false},
    {"${P#?x}", "/y.tar.gz", false},
    {"${P#\\?x}", "/x/y.tar.gz", false},
    {"${P%nothing}", "/x/y.tar.gz", false},
    {"${P/y/z}", "/x/z.tar.gz", false},
    {"${P/\\//_}", "_x/y.tar.gz", false},
    {"${P//\\//_}", "_x_y.tar.gz", false},
    {"${P/t*r/q}", "/x/y.q.gz", false},
    {"${P//a}", NULL, false},
    {"${O}", "${O}", true},
    {"${O:-d}", "d", false},
    {"${O:+d}", "${O}", true},
    {"${K}", "${K}", true},
    {"$K/bin:$A", "${K}/bin:a", true},
    {"${K:-d}", "${K}", true},
    {"${K#x}", "${K}", true},
    {"${", NULL, false},
    {"${A", NULL, false},
    {"${}", NULL, false},
    {"${:-x}", NULL, false},
    {"${A:-x", NULL, false},
    {"${A^^}", NULL, false},
    {"${A:1}", NULL, false},
    {"${A:#x}", NULL, false},
    {"${A#\\x}", NULL, false},
    {"${#A}", NULL, false},
    {"${U:?must}", NULL, false},
    {"${E:?must}", NULL, false},
    {"'a", NULL, false},
    {"\"a", NULL, false},
};

static void resolves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_buf out;
        hr_buf_init(&out, HR_LEX_VALUE);
        struct hr_lex l = {.escape = '\\', .get = get, .work = 10000, .out = &out};
        int err = hr_lex(&l, cases[i].text);
        if (err != (cases[i].result ? 0 : -EINVAL))
            fail_msg("%s: %d", cases[i].text, err);
        assert_int_equal(!l.error, !err);
        if (!err &&
            (strcmp(hr_buf_str(&out), cases[i].result) != 0 || l.unknown != cases[i].unknown))
            fail_msg("%s: %s", cases[i].text, hr_buf_str(&out));
        hr_buf_free(&out);
    }
}

static void falls_apart(void **state)
{
    static const struct {
        const char *text, *words; /* apart by "|" */
    } split[] = {
        {"a b  c", "a|b|c|"},
        {" a ", "a|"},
        {"$W x", "two|words|x|"},
        {"\"$W\" x", "two words|x|"},
        {"'a b'c d", "a bc|d|"},
        {"a\\ b c", "a b|c|"},
        {"'' a \"\"", "a|"},
        {"<< EOF x", "<< EOF|x|"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(split) / sizeof(split[0]); i++) {
        struct hr_buf out;
        struct hr_buf words;
        hr_buf_init(&out, HR_LEX_VALUE);
        hr_buf_init(&words, HR_LEX_VALUE);
        struct hr_lex l = {.escape = '\\', .get = get, .work = 10000, .out = &out, .words = &words};
        assert_int_equal(hr_lex(&l, split[i].text), 0);
        for (size_t k = 0; k < words.len; k++)
            if (!words.data[k])
                words.data[k] = '|';
        assert_string_equal(hr_buf_str(&words), split[i].words);
        hr_buf_free(&out);
        hr_buf_free(&words);
    }
}

static void limits(void **state)
{
    char text[1000] = "";
    struct hr_buf out;
    (void)state;
    for (int i = 0; i <= HR_LEX_DEPTH; i++)
        memcpy(text + (size_t)i * 5, "${U:-", 5);
    hr_buf_init(&out, HR_LEX_VALUE);
    struct hr_lex l = {.escape = '\\', .get = get, .work = 10000, .out = &out};
    assert_int_equal(hr_lex(&l, text), -EINVAL);
    assert_non_null(strstr(l.error, "too many"));
    hr_buf_free(&out);
    hr_buf_init(&out, 2);
    assert_int_equal(hr_lex(&l, "$P"), -E2BIG);
    hr_buf_free(&out);
    hr_buf_init(&out, HR_LEX_VALUE);
    l = (struct hr_lex){.escape = '\\', .get = get, .work = 20, .out = &out};
    assert_int_equal(hr_lex(&l, "${P#*a}"), -E2BIG);
    hr_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves),
        cmocka_unit_test(falls_apart),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
