/* SPDX-License-Identifier: MIT
 * Variables whose names begin with HANDRAIL_: which are told of, and which are not. */
#include "loader/config/variables.h"

#include "check.h"
#include "common/log.h"
#include "loader/config/settings.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char said[4096];
static size_t used;

static bool hear(const char *line, size_t n)
{
    assert_true(used + n < sizeof(said));
    memcpy(said + used, line, n);
    used += n;
    said[used] = '\0';
    return true;
}

static void check(char *const *environment)
{
    used = 0;
    said[0] = '\0';
    hr_log_divert(hear);
    hr_variables_check(environment);
    hr_log_divert(NULL);
}

static void what_is_read_is_not_told_of(void **state)
{
    static char names[HR_MAX_SETTINGS][64];
    char *settings[HR_MAX_SETTINGS + 1] = {0};
    char *others[] = {"HANDRAIL_AGENT_DEFAULT=1",
                      "HANDRAIL_AGENT_TOOLS=a",
                      "HANDRAIL_CONTROL=@c",
                      "HANDRAIL_LOG_LEVEL=debug",
                      "HANDRAIL_PROBE=@p",
                      "HANDRAIL_SERVER=/s",
                      "HANDRAIL_SUPERVISED=0",
                      "HANDRAIL_WEBHOOK_AUTHORIZATION=Bearer t",
                      "HANDRAIL=1",
                      "handrail_grace=1",
                      "XHANDRAIL_GRACEE=1",
                      "HANDRAIL_GRACEE=", /* as good as unset */
                      "HANDRAIL_GRACEE",  /* no variable at all */
                      NULL};
    (void)state;
    for (size_t i = 0; i < hr_nsettings; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%s=1", hr_settings[i].variable);
        settings[i] = names[i];
    }
    check(settings);
    assert_string_equal(said, "");
    check(others);
    assert_string_equal(said, "");
}

/* In a namespace with the Services "handrail", "handrail-mcp" and "handrail-health". */
static void what_others_set_is_not_told_of(void **state)
{
    static char longest[4096] = "HANDRAIL_GRACE";
    char *set[] = {"HANDRAIL_SERVICE_HOST=10.0.0.1",
                   "HANDRAIL_SERVICE_PORT=60010",
                   "HANDRAIL_SERVICE_PORT_HEALTH=60010",
                   "HANDRAIL_PORT=tcp://10.0.0.1:60010",
                   "HANDRAIL_PORT_60010_TCP=tcp://10.0.0.1:60010",
                   "HANDRAIL_PORT_60010_TCP_PROTO=tcp",
                   "HANDRAIL_PORT_60010_TCP_PORT=60010",
                   "HANDRAIL_PORT_60010_TCP_ADDR=10.0.0.1",
                   "HANDRAIL_MCP_SERVICE_HOST=10.0.0.2",
                   "HANDRAIL_MCP_PORT=tcp://10.0.0.2:60011",
                   "HANDRAIL_HEALTH_PORT=tcp://10.0.0.3:60010",
                   "HANDRAIL_HOME=/h",
                   "HANDRAIL_=1",
                   longest,
                   NULL};
    (void)state;
    memset(longest + 14, 'E', sizeof(longest) - 17);
    memcpy(longest + sizeof(longest) - 3, "=1", 3);
    check(set);
    assert_string_equal(said, "");
}

static void a_slip_of_the_pen_is_told_of(void **state)
{
    char *set[] = {"HANDRAIL_GRACEE=secret", "HANDRAIL_Grace=1", "HANDRAIL_SERVERS=/s",
                   "HANDRAIL_MCP_ADR=a=b", NULL};
    (void)state;
    check(set);
    static const char *const wanted[] = {
        ": HANDRAIL_GRACEE is set, but handrail reads no such variable: did you mean "
        "HANDRAIL_GRACE?\n",
        ": HANDRAIL_Grace is set, but handrail reads no such variable: did you mean "
        "HANDRAIL_GRACE?\n",
        ": HANDRAIL_SERVERS is set, but handrail reads no such variable: did you mean "
        "HANDRAIL_SERVER?\n",
        ": HANDRAIL_MCP_ADR is set, but handrail reads no such variable: did you mean "
        "HANDRAIL_MCP_ADDR?\n"};
    const char *p = said;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) { /* a line each, in order */
        p = strstr(p, "warning");
        assert_non_null(p);
        p += strlen("warning");
        assert_int_equal(strncmp(p, wanted[i], strlen(wanted[i])), 0);
        p += strlen(wanted[i]);
    }
    assert_string_equal(p, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_not_told_of),
        cmocka_unit_test(what_others_set_is_not_told_of),
        cmocka_unit_test(a_slip_of_the_pen_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
