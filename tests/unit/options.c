/* SPDX-License-Identifier: MIT
 * The command line. */
#include "loader/config/options.h"

#include "check.h"
#include "common/handoff.h"
#include "loader/config/settings.h"

#include <string.h>

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})

static char **command;

static int parse(char **argv, struct hr_config *c)
{
    memset(c, 0, sizeof(*c));
    hr_settings_default(c);
    command = NULL;
    return hr_options_parse(argv, NULL, c, &command);
}

static void options_in_any_form(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse(ARGS("--no-sidecar", "--restart=always", "--grace", "3", "--registry=/r",
                                "--config-dir", "/c", "--", "cmd", "-x"),
                           &c),
                     0);
    assert_false(c.sidecar);
    assert_int_equal(c.server.restart, HR_RESTART_ALWAYS);
    assert_int_equal(c.grace_ms, 3000);
    assert_string_equal(c.registry, "/r");
    assert_string_equal(c.config_dir, "/c");
    assert_string_equal(command[0], "cmd");
    assert_string_equal(command[1], "-x");
    assert_null(command[2]);
}

static void switches_in_any_form(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse(ARGS("-g", "--sidecar=off", "--no-init-replay", "--helper=off"), &c), 0);
    assert_true(c.group_signals);
    assert_false(c.sidecar);
    assert_false(c.replay);
    assert_false(c.helper);
    assert_int_equal(parse(ARGS("-g", "--no-group", "--no-sidecar", "--sidecar"), &c), 0);
    assert_false(c.group_signals); /* the last one counts */
    assert_true(c.sidecar);
    /* A switch never takes the next argument. */
    assert_int_equal(parse(ARGS("--group", "off"), &c), 0);
    assert_true(c.group_signals);
    assert_string_equal(command[0], "off");
    assert_int_equal(parse(ARGS("--no-sidecar=on", "x"), &c), 64);
    assert_int_equal(parse(ARGS("--group=yes", "x"), &c), 64);
    assert_int_equal(parse(ARGS("--no-grace", "x"), &c), 64); /* is no switch */
    assert_int_equal(parse(ARGS("--no-", "x"), &c), 64);
}

/* As getopt() has it. */
static void letters_in_one_word(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse(ARGS("-gr", "TERM:INT", "x"), &c), 0);
    assert_true(c.group_signals);
    assert_int_equal(c.rewrite[15], 2);
    assert_string_equal(command[0], "x");
    assert_int_equal(parse(ARGS("-gve143", "-r1:0", "x"), &c), 0);
    assert_true(c.success_codes[143]);
    assert_true(c.verbose);
    assert_int_equal(c.rewrite[1], 0);
    assert_int_equal(parse(ARGS("-ge"), &c), 64);
    assert_int_equal(parse(ARGS("-gx", "x"), &c), 64);
    assert_int_equal(parse(ARGS("-g=on", "x"), &c), 64);
}

static void exit_codes_add_up(void **state)
{
    static char *const wrong[] = {"", "256", "-1", "1,", ",1", "x", "0143", "1 "};
    struct hr_config c;
    (void)state;
    assert_int_equal(parse(ARGS("-e", "143", "--success-code=130,0", "x"), &c), 0);
    for (int i = 0; i < HR_EXIT_CODES; i++)
        assert_int_equal(c.success_codes[i], i == 143 || i == 130 || i == 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(parse(ARGS("-e", wrong[i], "x"), &c), 64);
}

/* Who replaces only the word in an ENTRYPOINT has a working image. */
static void what_other_inits_call_it(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse(ARGS("-s", "-w", "-g", "--", "x"), &c), 0); /* tini */
    assert_true(c.group_signals);
    assert_false(c.verbose);
    assert_int_equal(parse(ARGS("-vvv", "--", "x"), &c), 0);
    assert_true(c.verbose);
    assert_int_equal(parse(ARGS("-g", "--single-child", "--verbose", "x"), &c), 0); /* dumb-init */
    assert_false(c.group_signals);
    assert_true(c.verbose);
    assert_int_equal(parse(ARGS("-c", "-r", "15:3", "x"), &c), 0);
    assert_string_equal(command[0], "x");
    assert_int_equal(parse(ARGS("-p", "SIGTERM", "x"), &c), 64);
    assert_int_equal(parse(ARGS("-l", "x"), &c), 64);
    hr_settings_default_mcp(&c);
    assert_int_equal(hr_options_parse(ARGS("-s"), NULL, &c, &command), 64);
}

static void rewriting_adds_up(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse(ARGS("-r", "TERM:INT", "-rHUP:0", "--rewrite", "10:12",
                                "--rewrite=SIGUSR2:usr1,15:3", "x"),
                           &c),
                     0);
    assert_int_equal(c.rewrite[15], 3); /* the later one counts */
    assert_int_equal(c.rewrite[1], 0);
    assert_int_equal(c.rewrite[10], 12);
    assert_int_equal(c.rewrite[12], 10);
    assert_int_equal(c.rewrite[2], 2);
    assert_int_equal(hr_setting_origin(&c, "rewrite"), HR_FROM_OPTION);
    assert_int_equal(parse(ARGS("-r", "KILL:TERM", "x"), &c), 64);
    assert_int_equal(parse(ARGS("-r"), &c), 64);
}

static void flags_of_the_caller_stand_anywhere(void **state)
{
    bool all = false;
    bool json = false;
    const struct hr_flag flags[] = {{"--all", &all}, {"--json", &json}, {NULL, NULL}};
    struct hr_config c;
    (void)state;
    memset(&c, 0, sizeof(c));
    hr_settings_default(&c);
    assert_int_equal(
        hr_options_parse(ARGS("--grace", "3", "--all", "-g", "--", "--json"), flags, &c, &command),
        0);
    assert_true(all);
    assert_false(json); /* it is the command's */
    assert_string_equal(command[0], "--json");
    assert_int_equal(hr_options_parse(ARGS("--crash-dir", "--all"), flags, &c, &command), 64);
    assert_int_equal(hr_options_parse(ARGS("--all=on"), flags, &c, &command), 64);
}

static void the_command_may_follow_without_dashes(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse(ARGS("cmd", "--grace=x"), &c), 0);
    assert_string_equal(command[0], "cmd");
    assert_int_equal(c.grace_ms, 25000);
    assert_int_equal(parse(ARGS("--", "--odd"), &c), 0);
    assert_string_equal(command[0], "--odd");
    assert_int_equal(parse(ARGS("--grace=1"), &c), 0);
    assert_null(command[0]);
}

static void wrong_options_are_usage_errors(void **state)
{
    static char *const wrong[][3] = {
        {"--bogus", "--", "x"},
        {"--restart=sometimes", "x"},
        {"--restart=", "x"},
        {"--restart=on", "x"}, /* the beginning of a word is not the word */
        {"--grace=-1", "x"},
        {"--grace=1.2345", "x"},
        {"--registry"},
        {"--registry=", "x"},
        {"--registryx", "y"},
        {"--crash-dir=here", "x"},
        {"--budget=101", "x"},
        {"--agent-port=0", "x"},
        {"--webhook=ftp://host/", "x"},
        {"--webhook=http://user:sekrit@host/", "x"},
        {"-"},
        {"-x", "y"},
        {"---grace=1", "x"},
        {"--=1", "x"},
    };
    struct hr_config c;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char *argv[4] = {wrong[i][0], wrong[i][1], wrong[i][2], NULL};
        assert_int_equal(parse(argv, &c), 64);
        assert_null(command);
    }
}

/* Every row of the table can be set by its option, and says then that it was. */
static void every_option_is_known(void **state)
{
    struct hr_config c;
    char arg[128];
    char value[HR_SETTING_TEXT];
    (void)state;
    for (size_t i = 0; i < hr_nsettings; i++) {
        const struct hr_setting *s = &hr_settings[i];
        hr_settings_default(&c);
        hr_setting_format(&c, s, value);
        if (s->type == HR_SETTING_PATH || s->type == HR_SETTING_ABSOLUTE)
            (void)snprintf(value, sizeof(value), "/some/where");
        else if (s->type == HR_SETTING_URL)
            (void)snprintf(value, sizeof(value), "http://host/");
        else if (s->type == HR_SETTING_REWRITE)
            (void)snprintf(value, sizeof(value), "1:2");
        else if (s->type == HR_SETTING_CODES)
            (void)snprintf(value, sizeof(value), "143");
        else if (s->type == HR_SETTING_CHECKS)
            (void)snprintf(value, sizeof(value), "disk:free=1G");
        (void)snprintf(arg, sizeof(arg), "--%s=%.60s", s->option, value);
        assert_int_equal(parse(ARGS(arg, "x"), &c), 0);
        assert_int_equal(hr_setting_origin(&c, s->option), HR_FROM_OPTION);
        for (size_t j = 0; j < hr_nsettings; j++)
            assert_int_equal(c.origins[j], j == i ? HR_FROM_OPTION : HR_FROM_DEFAULT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_in_any_form),
        cmocka_unit_test(switches_in_any_form),
        cmocka_unit_test(letters_in_one_word),
        cmocka_unit_test(exit_codes_add_up),
        cmocka_unit_test(what_other_inits_call_it),
        cmocka_unit_test(rewriting_adds_up),
        cmocka_unit_test(flags_of_the_caller_stand_anywhere),
        cmocka_unit_test(the_command_may_follow_without_dashes),
        cmocka_unit_test(wrong_options_are_usage_errors),
        cmocka_unit_test(every_option_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
