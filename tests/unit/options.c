/* SPDX-License-Identifier: MIT
 * The command line, and what it, the environment and the defaults become together. */
#include "loader/config/options.h"

#include "check.h"
#include "common/handoff.h"

#include <stdlib.h>
#include <string.h>

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})

static void options_in_any_form(void **state)
{
    struct hr_options o;
    (void)state;
    assert_int_equal(
        hr_options_parse(ARGS("--no-sidecar", "--restart=always", "--grace", "3", "--registry=/r",
                              "--config-dir", "/c", "--", "cmd", "-x"),
                         &o),
        0);
    assert_int_equal(o.sidecar, 0);
    assert_int_equal(o.restart, HR_RESTART_ALWAYS);
    assert_int_equal(o.grace_ms, 3000);
    assert_string_equal(o.registry, "/r");
    assert_string_equal(o.config_dir, "/c");
    assert_string_equal(o.command[0], "cmd");
    assert_string_equal(o.command[1], "-x");
    assert_null(o.command[2]);
}

static void the_command_may_follow_without_dashes(void **state)
{
    struct hr_options o;
    (void)state;
    assert_int_equal(hr_options_parse(ARGS("cmd", "--grace=x"), &o), 0);
    assert_string_equal(o.command[0], "cmd");
    assert_int_equal(o.grace_ms, -1);
    assert_int_equal(hr_options_parse(ARGS("--", "--odd"), &o), 0);
    assert_string_equal(o.command[0], "--odd");
}

static void wrong_options_are_usage_errors(void **state)
{
    struct hr_options o;
    (void)state;
    assert_int_equal(hr_options_parse(ARGS("--bogus", "--", "x"), &o), 64);
    assert_int_equal(hr_options_parse(ARGS("--restart=sometimes", "x"), &o), 64);
    assert_int_equal(hr_options_parse(ARGS("--grace=-1", "x"), &o), 64);
    assert_int_equal(hr_options_parse(ARGS("--grace=1.5", "x"), &o), 64);
    assert_int_equal(hr_options_parse(ARGS("--registry"), &o), 64);
    assert_int_equal(hr_options_parse(ARGS("--registryx", "y"), &o), 64);
    assert_int_equal(hr_options_parse(ARGS("-"), &o), 64);
}

static void clean_environment(void)
{
    static const char *const names[] = {
        "HANDRAIL_SIDECAR",    "HANDRAIL_RESTART",     "HANDRAIL_GRACE",    "HANDRAIL_CONFIG_DIR",
        "HANDRAIL_AGENT_PORT", "HANDRAIL_HEALTH_ADDR", "HANDRAIL_MCP_ADDR", "HANDRAIL_SERVER"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]);
}

static int config(char **argv, struct hr_config *c)
{
    int code = hr_config_load(argv, c);
    if (!code)
        hr_config_free(c);
    return code;
}

static void defaults(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    assert_int_equal(config(ARGS("server"), &c), 0);
    assert_true(c.sidecar);
    assert_int_equal(c.restart, HR_RESTART_ON_FAILURE);
    assert_int_equal(c.grace_ms, 25000);
    assert_int_equal(c.agent_port, 8000);
    assert_string_equal(c.agent_host, "127.0.0.1");
    assert_int_equal(hr_address_port(&c.health), 60010);
    assert_int_equal(hr_address_port(&c.mcp), 60011);
    assert_int_equal(config(ARGS("--no-sidecar", "--", "x"), &c), 0);
    assert_int_equal(c.restart, HR_RESTART_NEVER);
    assert_int_equal(c.grace_ms, 0);
}

static void the_command_line_wins_over_the_environment(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    (void)setenv("HANDRAIL_RESTART", "always", 1);
    (void)setenv("HANDRAIL_GRACE", "7", 1);
    (void)setenv("HANDRAIL_SIDECAR", "off", 1);
    assert_int_equal(config(ARGS("x"), &c), 0);
    assert_false(c.sidecar);
    assert_int_equal(c.restart, HR_RESTART_ALWAYS);
    assert_int_equal(c.grace_ms, 7000);
    assert_int_equal(config(ARGS("--restart=never", "--grace=1", "x"), &c), 0);
    assert_int_equal(c.restart, HR_RESTART_NEVER);
    assert_int_equal(c.grace_ms, 1000);
}

static void the_agent_is_found_in_its_own_command(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    assert_int_equal(config(ARGS("s", "--port", "60000", "--host", "0.0.0.0"), &c), 0);
    assert_int_equal(c.agent_port, 60000);
    assert_string_equal(c.agent_host, "127.0.0.1");
    assert_int_equal(config(ARGS("s", "--port=1", "--port=2", "--host=::"), &c), 0);
    assert_int_equal(c.agent_port, 2); /* as the server itself reads it: the last one */
    assert_string_equal(c.agent_host, "::1");
    assert_int_equal(config(ARGS("s", "--host", "10.1.2.3"), &c), 0);
    assert_string_equal(c.agent_host, "10.1.2.3");
    assert_int_equal(config(ARGS("s", "--host", "some.name"), &c), 0);
    assert_string_equal(c.agent_host, "127.0.0.1");
    (void)setenv("HANDRAIL_AGENT_PORT", "5", 1);
    assert_int_equal(config(ARGS("s", "--port", "60000"), &c), 0);
    assert_int_equal(c.agent_port, 5);
    assert_int_equal(config(ARGS("s", "--port"), &c), 0); /* the server will complain itself */
}

static void wrong_values_are_configuration_errors(void **state)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"HANDRAIL_AGENT_PORT", "0"},
        {"HANDRAIL_AGENT_PORT", "http"},
        {"HANDRAIL_AGENT_PORT", "60010"}, /* clashes with the health port */
        {"HANDRAIL_HEALTH_ADDR", "localhost:1"},
        {"HANDRAIL_HEALTH_ADDR", "0.0.0.0:60011"},
        {"HANDRAIL_MCP_ADDR", "0.0.0.0:60011"}, /* not loopback */
        {"HANDRAIL_SIDECAR", "maybe"},
        {"HANDRAIL_RESTART", "sometimes"},
        {"HANDRAIL_GRACE", "soon"},
    };
    struct hr_config c;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clean_environment();
        (void)setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(config(ARGS("x"), &c), 78);
    }
    clean_environment();
    assert_int_equal(config(ARGS("x", "--port", "99999"), &c), 78);
    assert_int_equal(config(ARGS("--registry=/does/not/exist", "x"), &c), 78);
    assert_int_equal(config(ARGS("--grace=1"), &c), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_in_any_form),
        cmocka_unit_test(the_command_may_follow_without_dashes),
        cmocka_unit_test(wrong_options_are_usage_errors),
        cmocka_unit_test(defaults),
        cmocka_unit_test(the_command_line_wins_over_the_environment),
        cmocka_unit_test(the_agent_is_found_in_its_own_command),
        cmocka_unit_test(wrong_values_are_configuration_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
