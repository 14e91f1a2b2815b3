/* SPDX-License-Identifier: MIT
 * Single variables: each finding, and the values about which nothing is said. */
#include "check.h"
#include "preflight_fixture.h"

#include <stdio.h>
#include <string.h>

static void says(const char *variable, const char *id, const char *text)
{
    const struct hr_preflight_facts *f = FACTS("PATH=/bin", variable);
    hr_preflight_values(f);
    if (found(id) != 1 || found_in_all() != 1)
        fail_msg("%s: %d findings, %d of %s", variable, found_in_all(), found(id), id);
    if (!strstr(text_of(id), text))
        fail_msg("%s: no \"%s\" in: %s", variable, text, text_of(id));
}

static void silent(const char *variable)
{
    const struct hr_preflight_facts *f = FACTS("PATH=/bin", variable);
    hr_preflight_values(f);
    if (found_in_all())
        fail_msg("%s: %s%s%s", variable, text_of("env-number"), text_of("env-boolean"),
                 text_of("env-json"));
}

static void a_value_that_is_no_number_ends_the_server(void **state)
{
    (void)state;
    says("OH_VSCODE_PORT=abc", "env-number", "OH_VSCODE_PORT is \"abc\"");
    says("OH_VSCODE_PORT=", "env-number", "not a whole number");
    says("OH_MAX_CONCURRENT_RUNS=8.0", "env-number", "code 1");
    says("OH_LEASE_TTL_SECONDS=0x10", "env-number", "not a number");
    says("LOG_BACKUP_COUNT=x", "env-number", "LOG_BACKUP_COUNT");
    says("OH_TELEMETRY_NUM_RETRIES=x", "env-number", "OH_TELEMETRY_NUM_RETRIES");
    says("OH_VSCODE_PORT=1\n2", "env-number", "\"1?2\""); /* one line, whatever the value */
    silent("OH_VSCODE_PORT= 8_001\n");
    silent("OH_LEASE_TTL_SECONDS=1e3");
    silent("OH_BASH_EVENTS_RETENTION_SECONDS=99999999999999999999999");
    silent("OH_VSCODE_PORT=\xd9\xa8\xd9\xa0");     /* not ours to judge */
    silent("OH_VSCODE_PORTS=abc");                 /* another variable */
    silent("OH_RUNTIME_IDLE_TIMEOUT_SECONDS=abc"); /* the server copes with that one */
}

static void a_number_out_of_range_ends_the_server(void **state)
{
    (void)state;
    says("OH_VSCODE_PORT=0", "env-number", "at least 1 and at most 65535");
    says("OH_VSCODE_PORT=65536", "env-number", "at most 65535");
    says("OH_MAX_CONCURRENT_RUNS=-1", "env-number", "at least 1 ");
    says("OH_CONVERSATION_STORAGE_DISK_BUDGET=1", "env-number", "more than 0 and less than 1");
    says("OH_CONVERSATION_IDLE_TTL_SECONDS=0", "env-number", "more than 0 ");
    says("OH_CONVERSATION_IDLE_TTL_SECONDS=nan", "env-number", "more than 0 ");
    says("OH_LEASE_TTL_SECONDS=-0.1", "env-number", "at least 0 ");
    silent("OH_VSCODE_PORT=1");
    silent("OH_VSCODE_PORT=65535");
    silent("OH_LEASE_TTL_SECONDS=0");
    silent("OH_LEASE_TTL_SECONDS=inf");
    silent("OH_CONVERSATION_IDLE_TTL_SECONDS=inf");
    silent("OH_CONVERSATION_STORAGE_DISK_BUDGET=0.99");
    silent("OH_INLINE_IMAGE_MAX_MB=-5");
    silent("OH_INLINE_IMAGE_FETCH_TIMEOUT_S=nan");
}

static void a_service_of_kubernetes_is_recognised(void **state)
{
    (void)state;
    says("OH_VSCODE_PORT=tcp://10.0.0.1:8001", "env-number", "Service named oh-vscode:");
    says("OH_VSCODE_PORT=tcp://10.0.0.1:8001", "env-number", "enableServiceLinks: false");
    says("OH_MAX_CONCURRENT_RUNS=tcp://10.0.0.1:80", "env-number", "not a whole number");
    silent("OH_PORT=tcp://10.0.0.1:8001"); /* a Service named oh: nobody reads that */
}

static void webhooks_are_looked_at_in_their_order(void **state)
{
    const struct hr_preflight_facts *f = NULL;
    (void)state;
    says("OH_WEBHOOKS_0_EVENT_BUFFER_SIZE=x", "env-number", "OH_WEBHOOKS_0_EVENT_BUFFER_SIZE");
    silent("OH_WEBHOOKS_1_EVENT_BUFFER_SIZE=x"); /* without number 0 it is not read */
    f = FACTS("OH_WEBHOOKS_0_BASE_URL=http://x", "OH_WEBHOOKS_1_FLUSH_DELAY=0");
    hr_preflight_values(f);
    assert_int_equal(found("env-number"), 1);
    silent("OH_WEBHOOKS_0_FLUSH_DELAY=0.5");
}

static void a_boolean_that_reads_as_false_is_said(void **state)
{
    static const char *const meant_true[] = {"yes", "on", "y", "t", "2", " 1", "enabled"};
    static const char *const fine[] = {"1", "true", "TRUE", "0", "false", "False", "no", "off"};
    char variable[64];
    (void)state;
    for (size_t i = 0; i < sizeof(meant_true) / sizeof(meant_true[0]); i++) {
        (void)snprintf(variable, sizeof(variable), "OH_DEFERRED_INIT=%s", meant_true[i]);
        says(variable, "env-boolean", "reads as false");
    }
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        (void)snprintf(variable, sizeof(variable), "OH_DEFERRED_INIT=%s", fine[i]);
        silent(variable);
    }
    says("OH_ENABLE_VSCODE=", "env-boolean", "empty"); /* without it: true */
    silent("OH_DEFERRED_INIT=");
}

static void a_list_or_object_that_is_no_json_ends_the_server(void **state)
{
    (void)state;
    says("OH_WEBHOOKS=tcp://x", "env-json", "OH_WEBHOOKS is not a JSON list");
    says("OH_SESSION_API_KEYS=sekrit", "env-json", "OH_SESSION_API_KEYS_0");
    assert_null(strstr(text_of("env-json"), "sekrit"));
    says("OH_SESSION_API_KEYS=", "env-json", "code 1");
    says("OH_ALLOW_CORS_ORIGINS={}", "env-json", "OH_ALLOW_CORS_ORIGINS");
    says("OH=nojson", "env-json", "OH is not a JSON object");
    says("OH=[]", "env-json", "OH is");
    says("OH_TELEMETRY=x", "env-json", "OH_TELEMETRY");
    silent("OH_WEBHOOKS=[]");
    silent("OH_SESSION_API_KEYS=2");
    silent("OH=");
    silent("OH={}");
    silent("OH_TELEMETRY=");
}

static void names(const struct hr_preflight_facts *f)
{
    hr_preflight_names(f);
}

static void our_variables_have_no_oh(void **state)
{
    (void)state;
    names(FACTS("OH_HANDRAIL_GRACE=5", "OH_HANDRAIL=1"));
    assert_int_equal(found("name-oh-handrail"), 2);
    names(FACTS("OH_HANDRAIL_GRACE=sekrit"));
    assert_non_null(strstr(text_of("name-oh-handrail"), "as in HANDRAIL_GRACE"));
    assert_null(strstr(text_of("name-oh-handrail"), "sekrit"));
    names(FACTS("HANDRAIL_GRACE=5", "OH_HANDLER=1"));
    assert_int_equal(found_in_all(), 0);
}

static void a_class_needs_its_module(void **state)
{
    (void)state;
    names(FACTS("CUSTOM_AGENT_CLASS=MyAgent"));
    assert_int_equal(found("agent-class-alone"), 1);
    names(FACTS("CUSTOM_AGENT_CLASS=MyAgent", "CUSTOM_AGENT_MODULE="));
    assert_int_equal(found("agent-class-alone"), 1);
    names(FACTS("CUSTOM_AGENT_CLASS=MyAgent", "CUSTOM_AGENT_MODULE=my.agent"));
    assert_int_equal(found_in_all(), 0);
    names(FACTS("CUSTOM_AGENT_MODULE=my.agent"));
    assert_int_equal(found_in_all(), 0);
    names(FACTS("CUSTOM_AGENT_CLASS="));
    assert_int_equal(found_in_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_is_no_number_ends_the_server),
        cmocka_unit_test(a_number_out_of_range_ends_the_server),
        cmocka_unit_test(a_service_of_kubernetes_is_recognised),
        cmocka_unit_test(webhooks_are_looked_at_in_their_order),
        cmocka_unit_test(a_boolean_that_reads_as_false_is_said),
        cmocka_unit_test(a_list_or_object_that_is_no_json_ends_the_server),
        cmocka_unit_test(our_variables_have_no_oh),
        cmocka_unit_test(a_class_needs_its_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
