/* SPDX-License-Identifier: MIT
 * Where things stand in a Dockerfile, and what is wrong with one.  What the words of an instruction
 * are is held against BuildKit itself: tests/conformance/test_dockerfile.py. */
#include "loader/image/lint/dockerfile.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hr_dockerfile d;

static void parse(const char *text)
{
    hr_dockerfile_free(&d);
    assert_int_equal(hr_dockerfile_parse(&d, text, strlen(text)), 0);
}

static int teardown(void **state)
{
    (void)state;
    hr_dockerfile_free(&d);
    return 0;
}

static void assert_word(const struct hr_word *w, const char *text, unsigned line, unsigned column)
{
    assert_string_equal(w->text, text);
    assert_int_equal(w->line, line);
    assert_int_equal(w->column, column);
}

static void words_keep_their_places(void **state)
{
    (void)state;
    parse("FROM a AS b\n"
          "  COPY --from=x --chown=1 \\\n"
          "    # a comment\n"
          "  one two\\\n"
          "three \\\n"
          "\n"
          "    /to\n"
          "ENV A=1 \\\r\n"
          "  B=\"2 3\"\r\n"
          "CMD [\"a\", \\\n"
          "  \"b\\\"\", \"c\"]\n");
    assert_int_equal(d.ninstructions, 4);
    assert_word(&d.instructions[0].words.at[2], "b", 1, 11);
    const struct hr_instruction *copy = &d.instructions[1];
    assert_int_equal(copy->line, 2);
    assert_int_equal(copy->column, 3);
    assert_int_equal(copy->last_line, 7);
    assert_word(&copy->flags.at[1], "chown", 2, 17);
    assert_word(&copy->words.at[0], "one", 4, 3);
    assert_word(&copy->words.at[1], "twothree", 4, 7);
    assert_word(&copy->words.at[2], "/to", 7, 5);
    const struct hr_instruction *env = &d.instructions[2];
    assert_word(&env->words.at[1], "B", 9, 3);
    assert_string_equal(env->words.at[1].value, "\"2 3\"");
    assert_word(&d.instructions[3].words.at[1], "b\"", 11, 3);
    assert_word(&d.instructions[3].words.at[2], "c", 11, 10);
}

static void places_in_scripts_and_bodies(void **state)
{
    (void)state;
    parse("RUN one && \\\n"
          "  # not this\n"
          "  two <<EOF\n"
          "first\n"
          "  second\n"
          "EOF\n");
    const struct hr_instruction *run = &d.instructions[0];
    uint32_t line = 0;
    uint32_t column = 0;
    hr_dockerfile_place(&d, strstr(run->rest, "two"), &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 3);
    assert_int_equal(run->nheredocs, 1);
    assert_string_equal(run->heredocs[0].body, "first\n  second\n");
    hr_dockerfile_place(&d, strstr(run->heredocs[0].body, "second"), &line, &column);
    assert_int_equal(line, 5);
    assert_int_equal(column, 3);
    assert_int_equal(run->last_line, 6);
}

static void columns_count_characters(void **state)
{
    (void)state;
    parse("ENV \xc3\xa4=\xe2\x82\xac b=1 \\\n\xc2\xa0 \xf0\x9f\x98\x80=2 c=3\n");
    const struct hr_instruction *env = &d.instructions[0];
    assert_word(&env->words.at[1], "b", 1, 9);
    assert_word(&env->words.at[2], "\xf0\x9f\x98\x80", 2, 3);
    assert_word(&env->words.at[3], "c", 2, 7);
}

static void heredocs_know_how_they_were_quoted(void **state)
{
    (void)state;
    parse("COPY <<one <<-'two' << \"thr ee\" /x/\na\none\n\tb\n\ttwo\nc\nthr ee\n");
    const struct hr_instruction *copy = &d.instructions[0];
    assert_int_equal(copy->nheredocs, 3);
    assert_true(copy->heredocs[0].expand && !copy->heredocs[0].chomp);
    assert_true(!copy->heredocs[1].expand && copy->heredocs[1].chomp);
    assert_true(!copy->heredocs[2].expand);
    assert_string_equal(copy->heredocs[2].name, "thr ee");
    assert_string_equal(copy->heredocs[2].body, "c\n");
    assert_int_equal(d.nproblems, 0);
}

static void directives_count_only_at_the_top(void **state)
{
    (void)state;
    parse("# syntax=x\n#  Escape = `\nRUN a `\n b\n");
    assert_int_equal(d.escape, '`');
    assert_string_equal(d.instructions[0].rest, "a  b");
    parse("# a remark\n# escape=`\nRUN a \\\n b\n");
    assert_int_equal(d.escape, '\\');
    assert_string_equal(d.instructions[0].rest, "a  b");
    parse("\n# escape=`\nRUN a\n");
    assert_int_equal(d.escape, '\\');
}

static void what_is_wrong_does_not_end_it(void **state)
{
    static const struct {
        const char *text;
        unsigned line, column;
        const char *says;
    } cases[] = {
        {"", 0, 0, "no instruction"},
        {"# only\n", 1, 0, "no instruction"},
        {"# escape=x\nFROM a\n", 1, 0, "escape=x"},
        {"# escape=`\n# escape=`\nFROM a\n", 2, 0, "twice"},
        {"FROM a\n  NOPE b\n", 2, 3, "NOPE"},
        {"FROM\n", 1, 5, "FROM needs an argument"},
        {"FROM a b\n", 1, 6, "IMAGE AS NAME"},
        {"FROM a AS 1\n", 1, 6, "the name of a stage"},
        {"COPY a\n", 1, 6, "a source and a destination"},
        {"COPY --form=a b c\n", 1, 1, "--form"},
        {"COPY --from a b\n", 1, 1, "--from needs a value"},
        {"COPY --from=a:$V b c\n", 1, 1, "--from takes no variable"},
        {"ENV A\n", 1, 5, "no value"},
        {"ENV A=1 B\n", 1, 5, "NAME=VALUE"},
        {"ARG =x\n", 1, 5, "a name"},
        {"CMD [1]\n", 1, 5, "strings only"},
        {"SHELL sh\n", 1, 7, "JSON array"},
        {"HEALTHCHECK curl x\n", 1, 18, "NONE, or CMD"},
        {"HEALTHCHECK NONE x\n", 1, 18, "nothing more"},
        {"HEALTHCHECK CMD\n", 1, 16, "no command"},
        {"ONBUILD ONBUILD RUN a\n", 1, 9, "after itself"},
        {"ONBUILD FROM a\n", 1, 9, "after ONBUILD"},
        {"ONBUILD\n", 1, 1, "needs an instruction"},
        {"RUN <<EOF\na\n", 1, 0, "does not end"},
        {"RUN a \\\n\n b\n", 2, 0, "an empty line"},
    };
    char text[200];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse(cases[i].text);
        assert_int_equal(d.nproblems, 1);
        assert_non_null(strstr(d.problems[0].text, cases[i].says));
        assert_int_equal(d.problems[0].line, cases[i].line);
        assert_int_equal(d.problems[0].column, cases[i].column);
        if (strstr(cases[i].text, "<<") || !*cases[i].text)
            continue;
        (void)snprintf(text, sizeof(text), "%sUSER after\n", cases[i].text);
        parse(text);
        assert_string_equal(d.instructions[d.ninstructions - 1].words.at[0].text, "after");
    }
}

static void limits(void **state)
{
    (void)state;
    char *text = malloc(HR_DOCKERFILE_MAX + 2);
    assert_non_null(text);
    memset(text, 'x', HR_DOCKERFILE_MAX + 1);
    text[HR_DOCKERFILE_MAX + 1] = '\0';
    parse(text);
    assert_int_equal(d.problems[0].kind, HR_PROBLEM_LIMIT);
    text[HR_DOCKERFILE_LINE + 1] = '\0';
    parse(text);
    assert_int_equal(d.problems[0].kind, HR_PROBLEM_LIMIT);
    for (size_t i = 0; i < HR_DOCKERFILE_MAX; i += 8)
        memcpy(text + i, "RUN x y\n", 8);
    text[HR_DOCKERFILE_MAX] = '\0';
    parse(text);
    assert_int_equal(d.ninstructions, HR_DOCKERFILE_INSTRUCTIONS);
    assert_int_equal(d.problems[0].kind, HR_PROBLEM_LIMIT);
    for (size_t i = 0; i < HR_DOCKERFILE_MAX; i += 2)
        memcpy(text + i, "a ", 2);
    memcpy(text, "EXPOSE  ", 8);
    text[HR_DOCKERFILE_LINE - 1] = '\0';
    parse(text);
    assert_int_equal(d.problems[0].kind, HR_PROBLEM_LIMIT);
    assert_int_equal(d.instructions[0].words.n, 0);
    assert_int_equal(hr_dockerfile_parse(&d, "F\0R", 3), 0);
    assert_int_equal(d.problems[0].kind, HR_PROBLEM_SYNTAX);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(words_keep_their_places, teardown),
        cmocka_unit_test_teardown(places_in_scripts_and_bodies, teardown),
        cmocka_unit_test_teardown(columns_count_characters, teardown),
        cmocka_unit_test_teardown(heredocs_know_how_they_were_quoted, teardown),
        cmocka_unit_test_teardown(directives_count_only_at_the_top, teardown),
        cmocka_unit_test_teardown(what_is_wrong_does_not_end_it, teardown),
        cmocka_unit_test_teardown(limits, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
