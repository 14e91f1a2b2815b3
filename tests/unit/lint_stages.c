/* SPDX-License-Identifier: MIT
 * Stages: what each is built from, and the values of variables where they are used. */
#include "loader/image/lint/stages.h"

#include "check.h"

#include <string.h>

static struct hr_dockerfile d;
static struct hr_stages s;

static void read_text(const char *text)
{
    hr_dockerfile_free(&d);
    assert_int_equal(hr_dockerfile_parse(&d, text, strlen(text)), 0);
    assert_int_equal(hr_stages_read(&d, &s), 0);
}

static int teardown(void **state)
{
    (void)state;
    hr_dockerfile_free(&d);
    return 0;
}

/* What the last word of the last instruction stands for. */
static const struct hr_word *last_word(const char *text)
{
    read_text(text);
    const struct hr_instruction *i = &d.instructions[d.ninstructions - 1];
    return &i->words.at[i->words.n - 1];
}

static void variables(void **state)
{
    static const struct {
        const char *text, *value; /* NULL: not known */
    } cases[] = {
        {"ARG A=1\nFROM a:$A\n", "a:1"},
        {"ARG A=1\nARG B=${A}2\nFROM a:$B\n", "a:12"},
        {"ARG A=1 B=$A\nFROM a:$B\n", "a:1"},
        {"FROM x\nARG A=1\nFROM a:${A}\n", "a:"},
        {"ARG A\nFROM a:$A\n", NULL},
        {"ARG A\nFROM a:${A:-2}\n", "a:2"},
        {"FROM --platform=$BUILDPLATFORM a:1\n", "a:1"},
        {"FROM a:$TARGETARCH\n", NULL},
        {"ARG A=1\nFROM x\nUSER $A\n", NULL},       /* it may be the base's ENV */
        {"ARG A=1\nFROM scratch\nUSER u$A\n", "u"}, /* which has none */
        {"ARG A=1\nFROM x\nARG A\nUSER $A\n", "1"},
        {"ARG A=1\nFROM x\nARG A=2\nUSER $A\n", "2"},
        {"FROM x\nARG A\nUSER $A\n", NULL},
        {"FROM x\nENV A=1\nENV A=2 B=$A\nUSER $B\n", "1"},
        {"FROM x\nARG A=1\nENV A=2\nUSER $A\n", "2"},
        {"FROM x\nENV A=1\nARG A\nUSER $A\n", "1"},
        {"FROM x AS y\nENV A=1\nARG B=2\nFROM y\nUSER $A$B\n", "12"},
        {"FROM x AS y\nENV A=1\nFROM x\nUSER $A\n", NULL},
        {"FROM x\nENV A=1\nONBUILD ENV A=2\nUSER $A\n", "1"},
        {"FROM x\nENV A=1\nLABEL A=2\nUSER $A\n", "1"},
        {"FROM scratch\nLABEL A=2\nUSER u$A\n", "u"},
        {"FROM scratch\nENV A=$PATH:/a\nUSER $A\n", NULL}, /* BuildKit sets that one */
        {"FROM scratch\nUSER u$PAT$PATHS\n", "u"},
        {"FROM x\nENV PATH=$PATH:/b A=1\nUSER $A\n", "1"},
        {"FROM x\nENV A=1\nCOPY [\"a\", \"/$A\"]\n", "/1"},
        {"FROM x\nENV A 1 2\nWORKDIR /$A\n", "/1 2"},
        {"FROM x\nENV A='$B' B=\\$C\nUSER $A$B\n", "$B$C"},
        {"FROM x\nENV A=1\nEXPOSE 80 $A$A\n", "11"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct hr_word *w = last_word(cases[i].text);
        if (w->known != (cases[i].value != NULL) ||
            (cases[i].value && strcmp(w->expanded, cases[i].value) != 0))
            fail_msg("%s: %s", cases[i].text, w->expanded);
        assert_int_equal(d.nproblems, 0);
    }
}

static void parents(void **state)
{
    (void)state;
    read_text("FROM a:1 AS One\nUSER u\nENTRYPOINT [\"e\"]\nCMD [\"c\"]\n"
              "FROM one AS two\nFROM b:1 AS other\n"
              "FROM TWO\nENTRYPOINT [\"f\"]\nONBUILD USER v\n");
    assert_int_equal(s.n, 4);
    assert_string_equal(s.at[0].name, "one");
    assert_ptr_equal(s.at[1].parent, &s.at[0]);
    assert_ptr_equal(s.at[3].parent, &s.at[1]);
    assert_string_equal(hr_stage_root(&s.at[3])->base, "a:1");
    assert_true(s.at[0].kept && s.at[1].kept && !s.at[2].kept && s.at[3].kept);
    assert_string_equal(s.at[3].user->words.at[0].text, "u");
    assert_string_equal(s.at[3].entrypoint->words.at[0].text, "f");
    assert_null(s.at[3].cmd); /* another ENTRYPOINT drops it */
    assert_non_null(s.at[1].cmd);
    assert_ptr_equal(hr_stage_find(&s, "ONE"), &s.at[0]);
    assert_ptr_equal(hr_stage_find(&s, "2"), &s.at[2]);
    assert_null(hr_stage_find(&s, "9"));
    assert_null(hr_stage_find(&s, "b:1"));
    assert_ptr_equal(hr_stage_of(&s, &d, &d.instructions[5]), &s.at[2]);
}

static void a_number_is_no_parent(void **state)
{
    (void)state;
    read_text("FROM a:1\nFROM 0\n");
    assert_null(s.at[1].parent);
    assert_string_equal(s.at[1].base, "0");
}

static void problems(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"RUN x\nFROM a\n", "before the first FROM"},
        {"FROM a\nUSER ${X\n", "without }"},
        {"FROM a\nENV A='b\n", "without its second one"},
        {"FROM scratch\nENV A=${B:?}\n", "must be set"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_text(cases[i].text);
        assert_int_equal(d.nproblems, 1);
        assert_non_null(strstr(d.problems[0].text, cases[i].says));
    }
    read_text("FROM a\nENV A=${B:?}\n"); /* the base may set it */
    assert_int_equal(d.nproblems, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(variables, teardown),
        cmocka_unit_test_teardown(parents, teardown),
        cmocka_unit_test_teardown(a_number_is_no_parent, teardown),
        cmocka_unit_test_teardown(problems, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
