/* SPDX-License-Identifier: MIT
 * The commands of a script: each as its words, with "|" between commands. */
#include "loader/image/lint/script.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *instruction, *commands;
} cases[] = {
    {"RUN a b", "a b"},
    {"RUN a && b c || d; e & f | g", "a|b c|d|e|f|g"},
    {"RUN a 'b; c' \"d && e\" f\\ g", "a b; c d && e f g"},
    {"RUN (a; b) && { c; }", "a|b|{ c|}"},
    {"RUN x $(a b) `c d`", "x $|a b|c d"},
    {"RUN x \"$(a b)\" ${y:-z z}", "x $(a b) ${y:-z z}"},
    {"RUN a > b 2>&1 >>c d>e &>f", "a > b 2>&1 >>c d >e &>f"},
    {"RUN set -e; if a; then b; fi", "set -e|if a|then b|fi"},
    {"RUN [\"a\", \"b c\"]", "a b c"},
    {"RUN [\"sh\", \"-ec\", \"a && b\"]", "sh -ec a && b|a|b"},
    {"RUN bash -c 'a; sh -c \"b c\"'", "bash -c a; sh -c \"b c\"|a|sh -c b c|b c"},
    {"RUN <<EOF\na\n# no\nb \\\nc\nEOF", "a|b c"},
    {"RUN bash -euo pipefail -c 'a b'", "bash -euo pipefail -c a b|a b"},
    {"RUN su -c 'a b' && su u -c c", "su -c a b|su u -c c|a b|c"},
    {"RUN sh x -c 'a b'", "sh x -c a b"},
    {"RUN cat <<EOF > x\na\nEOF", "cat <<EOF > x"},
    {"RUN bash <<EOF\na\nEOF", "bash <<EOF|a"},
    {"RUN bash -eo pipefail << 'EOF'\na b\nEOF", "bash -eo pipefail << EOF|a b"},
    {"RUN bash x <<EOF\na\nEOF", "bash x <<EOF"},
    {"RUN bash -c a <<EOF\nb\nEOF", "bash -c a <<EOF|a"},
    {"RUN a 'b", "a b"},
    {"RUN a ${b", "a ${b"},
    {"RUN a \\", "a"},
    {"HEALTHCHECK CMD a || b", "a|b"},
    {"RUN", ""},
};

static void commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[500] = "";
        size_t n = 0;
        struct hr_dockerfile d;
        struct hr_script s = {0};
        assert_int_equal(
            hr_dockerfile_parse(&d, cases[i].instruction, strlen(cases[i].instruction)), 0);
        assert_int_equal(hr_script_read(&d, &d.instructions[0], &s), 0);
        for (size_t c = 0; c < s.n; c++)
            for (size_t w = 0; w < s.commands[c].n; w++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
                                      w   ? " "
                                      : c ? "|"
                                          : "",
                                      s.commands[c].words[w].text);
        if (strcmp(text, cases[i].commands) != 0)
            fail_msg("%s: %s", cases[i].instruction, text);
        hr_dockerfile_free(&d);
    }
}

static void names(void **state)
{
    static const struct {
        const char *instruction, *name;
    } some[] = {
        {"RUN A=1 b=2 /usr/bin/env sudo c d", "c"},
        {"RUN ! a", "a"},
        {"RUN A=1", ""},
        {"RUN 1a=b", "1a=b"},
        {"RUN exec /x/y z", "y"},
        {"RUN sudo", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        struct hr_dockerfile d;
        struct hr_script s = {0};
        assert_int_equal(hr_dockerfile_parse(&d, some[i].instruction, strlen(some[i].instruction)),
                         0);
        assert_int_equal(hr_script_read(&d, &d.instructions[0], &s), 0);
        assert_string_equal(s.commands[0].name, some[i].name);
        assert_true(s.commands[0].first < s.commands[0].n);
        hr_dockerfile_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(commands), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
