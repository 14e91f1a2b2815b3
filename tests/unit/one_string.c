/* SPDX-License-Identifier: MIT */
#include "loader/config/one_string.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void become(const char *text, const char *const *wanted)
{
    char **argv = NULL;
    assert_int_equal(hr_one_string(text, &argv), 0);
    for (size_t i = 0; wanted[i]; i++) {
        assert_non_null(argv[i]);
        assert_string_equal(argv[i], wanted[i]);
        assert_true(!wanted[i + 1] == !argv[i + 1]);
    }
    free(argv);
}

static void plain_words_are_run_directly(void **state)
{
    (void)state;
    become("/bin/sh --port 60000", (const char *const[]){"/bin/sh", "--port", "60000", NULL});
    become("  sh\t-x   a=b,c:d@e%f+g_h. ",
           (const char *const[]){"sh", "-x", "a=b,c:d@e%f+g_h.", NULL});
    become("sh a b c d e f g h",
           (const char *const[]){"sh", "a", "b", "c", "d", "e", "f", "g", "h", NULL});
    become("sh", (const char *const[]){"sh", NULL});
}

static void the_rest_is_for_a_shell(void **state)
{
    static const char *const texts[] = {
        "sh -c 'a b'", "sh \"a\"", "sh $HOME",   "sh a; sh b", "sh a && sh b", "sh a | sh b",
        "sh a > /x",   "sh a &",   "sh *",       "sh ~",       "sh `x`",       "sh {a,b}",
        "sh a\\ b",    "sh a # b", "sh a\nsh b", "A=b sh c",   "exit 3",       "no-such-thing x",
        "/no/such x",  "/bin a",   "",           "   ",        "sh \xc3\xa4",  "! sh a",
        "(sh a)",      "sh [ab]",  "sh a?",      "sh a^b"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        become(texts[i], (const char *const[]){"/bin/sh", "-c", texts[i], NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words_are_run_directly),
        cmocka_unit_test(the_rest_is_for_a_shell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
