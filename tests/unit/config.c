/* SPDX-License-Identifier: MIT
 * What the command line, the environment and the defaults become together. */
#include "loader/config/config.h"

#include "check.h"
#include "loader/config/settings.h"

#include <stdlib.h>
#include <string.h>

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})

static void clean_environment(void)
{
    for (size_t i = 0; i < hr_nsettings; i++)
        (void)unsetenv(hr_settings[i].variable);
    (void)unsetenv("HANDRAIL_SERVER");
    (void)unsetenv("HANDRAIL_SUPERVISED");
}

static void same_settings(const struct hr_service_settings *a, const struct hr_service_settings *b)
{
    assert_int_equal(a->restart, b->restart);
    assert_int_equal(a->backoff_ms, b->backoff_ms);
    assert_int_equal(a->backoff_max_ms, b->backoff_max_ms);
    assert_int_equal(a->stable_ms, b->stable_ms);
    assert_int_equal(a->backoff_reset_ms, b->backoff_reset_ms);
    assert_int_equal(a->budget_window_ms, b->budget_window_ms);
    assert_int_equal(a->start_timeout_ms, b->start_timeout_ms);
    assert_int_equal(a->stop_timeout_ms, b->stop_timeout_ms);
    assert_int_equal(a->budget, b->budget);
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
    assert_int_equal(c.server.restart, HR_RESTART_ON_FAILURE);
    assert_int_equal(c.grace_ms, 25000);
    assert_int_equal(c.agent_port, 8000);
    assert_string_equal(c.agent_host, "127.0.0.1");
    assert_int_equal(hr_address_port(&c.health), 60010);
    assert_int_equal(hr_address_port(&c.mcp), 60011);
    assert_int_equal(config(ARGS("--no-sidecar", "--", "x"), &c), 0);
    assert_int_equal(c.server.restart, HR_RESTART_NEVER);
    assert_int_equal(c.grace_ms, 0);
    assert_int_equal(
        config(ARGS("--no-sidecar", "--restart=on-failure", "--grace=2.5", "--", "x"), &c), 0);
    assert_int_equal(c.server.restart, HR_RESTART_ON_FAILURE); /* but what was asked for is done */
    assert_int_equal(c.grace_ms, 2500);
}

/* The default of every other setting, as the supervisor had them before they could be set. */
static void defaults_of_the_rest(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    assert_int_equal(config(ARGS("server"), &c), 0);
    const struct hr_service_settings server = {
        HR_RESTART_ON_FAILURE, 500, 30000, 10000, 30000, 600000, 0, 0, 10};
    const struct hr_service_settings sidecar = {
        HR_RESTART_ON_FAILURE, 500, 1000, 10000, 30000, 600000, 10000, 2000, 0};
    const struct hr_service_settings toolhosts = {
        HR_RESTART_ON_FAILURE, 500, 30000, 10000, 30000, 600000, 30000, 5000, 0};
    same_settings(&c.server, &server);
    same_settings(&c.sidecar_settings, &sidecar);
    same_settings(&c.toolhosts, &toolhosts);
    assert_false(c.stay);
    assert_int_equal(c.cleanup, HR_CLEANUP_KNOWN);
    assert_int_equal(c.pause_ms, 5000);
    assert_false(c.group_signals);
    for (int i = 0; i < HR_MAX_SIGNALS; i++)
        assert_int_equal(c.rewrite[i], i);
    assert_int_equal(c.watchdog_soft_ms, 5000);
    assert_int_equal(c.watchdog_ms, 60000);
    assert_true(c.replay);
    assert_true(c.helper);
    assert_string_equal(c.config_dir, "/app/config");
    assert_null(c.registry);
    assert_null(c.crash_dir);
    assert_int_equal(c.log_format, HR_LOG_TEXT);
    assert_int_equal(c.log_rate, 0);
    assert_false(c.nested);
}

static void a_backoff_and_its_maximum_agree(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    assert_int_equal(config(ARGS("--backoff=60", "x"), &c), 0);
    assert_int_equal(c.server.backoff_ms, 60000);
    assert_int_equal(c.server.backoff_max_ms, 60000);
    assert_int_equal(config(ARGS("--sidecar-backoff-max=0.1", "x"), &c), 0);
    assert_int_equal(c.sidecar_settings.backoff_ms, 100);
    assert_int_equal(c.sidecar_settings.backoff_max_ms, 100);
    assert_int_equal(config(ARGS("--toolhost-backoff=2", "--toolhost-backoff-max=1", "x"), &c), 78);
    (void)setenv("HANDRAIL_BACKOFF_MAX", "1", 1);
    assert_int_equal(config(ARGS("--backoff=2", "x"), &c), 78);
}

static void below_another_handrail_only_the_command_counts(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    (void)setenv("HANDRAIL_SUPERVISED", "0", 1);
    assert_int_equal(config(ARGS("x"), &c), 0);
    assert_false(c.nested);
    (void)setenv("HANDRAIL_SUPERVISED", "1", 1);
    /* Wrong for one that supervises: a port that clashes, a registry that is not there. */
    assert_int_equal(config(ARGS("--registry=/does/not/exist", "x", "--port", "60010"), &c), 0);
    assert_true(c.nested);
    assert_string_equal(c.command[0], "x");
    assert_int_equal(config(ARGS("--bogus", "x"), &c), 64);
    (void)setenv("HANDRAIL_GRACE", "soon", 1);
    assert_int_equal(config(ARGS("x"), &c), 78);
    clean_environment();
}

static int as_server(char **argv, struct hr_config *c)
{
    int code = hr_config_load_as_server(argv, c);
    if (!code)
        hr_config_free(c);
    return code;
}

static void called_by_the_servers_name(void **state)
{
    struct hr_config c;
    char **flags = ARGS("/x/agent-server", "--port", "5");
    (void)state;
    clean_environment();
    (void)setenv("HANDRAIL_SIDECAR", "off", 1);
    assert_int_equal(as_server(flags, &c), 127); /* there is no real one */

    /* The whole command of another shape: it needs no real server. */
    assert_int_equal(as_server(ARGS("/x/agent-server", "/bin/sh", "-c", "true"), &c), 0);
    assert_string_equal(c.command[0], "/bin/sh");
    assert_string_equal(c.command[1], "-c");
    /* What is no program is an argument: a folder, a file, a name without a slash. */
    assert_int_equal(as_server(ARGS("/x/agent-server", "/bin", "a"), &c), 127);
    assert_int_equal(as_server(ARGS("/x/agent-server", "/etc/passwd"), &c), 127);
    assert_int_equal(as_server(ARGS("/x/agent-server", "sh"), &c), 127);

    (void)setenv("HANDRAIL_SERVER", "/x/real", 1);
    assert_int_equal(as_server(flags, &c), 0);
    assert_string_equal(c.command[0], "/x/real");
    assert_string_equal(c.command[1], "--port");
    free(flags[0]);
    char **again = ARGS("/x/agent-server", "/y/agent-server", "--port", "5");
    assert_int_equal(as_server(again, &c), 0);
    assert_string_equal(c.command[0], "/x/real");
    assert_string_equal(c.command[1], "--port");
    free(c.command[0]);
    (void)setenv("HANDRAIL_SERVER", "relative", 1);
    assert_int_equal(as_server(ARGS("/x/agent-server"), &c), 78);
    clean_environment();
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
    assert_int_equal(c.server.restart, HR_RESTART_ALWAYS);
    assert_int_equal(c.grace_ms, 7000);
    assert_int_equal(config(ARGS("--restart=never", "--grace=1", "x"), &c), 0);
    assert_int_equal(c.server.restart, HR_RESTART_NEVER);
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
    assert_int_equal(config(ARGS("agent-server", "--port", "99999"), &c), 78);
    assert_int_equal(config(ARGS("x", "--port", "99999"), &c), 0); /* who knows what it means */
    hr_config_free(&c);
    assert_int_equal(config(ARGS("--registry=/does/not/exist", "x"), &c), 78);
    assert_int_equal(config(ARGS("--grace=1"), &c), 64);
}

static void for_mcp_only_some_settings_count(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    (void)setenv("HANDRAIL_MCP_ADDR", "nonsense", 1);
    (void)setenv("HANDRAIL_SIDECAR", "off", 1);
    (void)setenv("HANDRAIL_SIDECAR_RESTART", "always", 1);
    (void)setenv("HANDRAIL_TOOLHOST_BUDGET", "3", 1);
    (void)setenv("HANDRAIL_SUPERVISED", "1", 1);
    assert_int_equal(hr_config_load_mcp(ARGS("--config-dir=/nowhere", "--log-format=json"), &c), 0);
    assert_true(c.stdio && c.sidecar && !c.nested);
    assert_int_equal(c.sidecar_settings.restart, HR_RESTART_NEVER);
    assert_int_equal(c.toolhosts.budget, 3);
    assert_int_equal(c.grace_ms, 5000);
    assert_int_equal(c.log_format, HR_LOG_JSON);
    assert_string_equal(c.registry_path, "/nowhere/tool_registry.json");
    hr_config_free(&c);
    static char *wrong[] = {"--mcp-addr=127.0.0.1:1", "--no-sidecar",       "-g",
                            "--restart=never",        "--sidecar-budget=1", "x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(hr_config_load_mcp(ARGS(wrong[i]), &c), 64);
    (void)setenv("HANDRAIL_TOOLHOST_BUDGET", "many", 1);
    assert_int_equal(hr_config_load_mcp(ARGS("--config-dir=/nowhere"), &c), 78);
    clean_environment();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(defaults_of_the_rest),
        cmocka_unit_test(the_command_line_wins_over_the_environment),
        cmocka_unit_test(the_agent_is_found_in_its_own_command),
        cmocka_unit_test(wrong_values_are_configuration_errors),
        cmocka_unit_test(a_backoff_and_its_maximum_agree),
        cmocka_unit_test(below_another_handrail_only_the_command_counts),
        cmocka_unit_test(called_by_the_servers_name),
        cmocka_unit_test(for_mcp_only_some_settings_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
