/* SPDX-License-Identifier: MIT
 * What the commands print for people, from fixed answers. */
#include "loader/cli/text.h"

#include "check.h"
#include "loader/cli/crashes.h"
#include "loader/cli/status.h"

#include <stdlib.h>
#include <string.h>

static char text[16 * 1024];

/* What print writes of this JSON (with ' for "). */
static const char *printed(void (*print)(FILE *, const json_t *), const char *json)
{
    json_error_t error;
    char *copy = strdup(json);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    json_t *root = json_loads(copy, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s: %s", json, error.text);
    memset(text, 0, sizeof(text));
    FILE *out = fmemopen(text, sizeof(text) - 1, "w");
    assert_non_null(out);
    print(out, root);
    assert_int_equal(fclose(out), 0);
    json_decref(root);
    free(copy);
    return text;
}

static void status_on_one_screen(void **state)
{
    (void)state;
    assert_string_equal(
        printed(hr_status_print,
                "{'ok':true,'version':'0.1.0','pid':1,'uptime_seconds':11532.5,'draining':false,"
                "'server':{'heartbeat_age_seconds':2.5,'loop_lag_ms':12,'status':'serving 3',"
                "'agent':'ok','agent_error':null,'recorded':true,'initialised':true,'replays':1,"
                "'replay_errors':0},'services':["
                "{'name':'server','state':'up','pid':17,'starts':3,'failures':2,"
                "'uptime_seconds':7860.2,'state_seconds':7855.1,'retry_in_seconds':null,"
                "'last_exit':{'signal':9},'reason':null},"
                "{'name':'sidecar','state':'up','pid':18,'starts':1,'failures':0,"
                "'uptime_seconds':11531.0,'state_seconds':11530.0,'retry_in_seconds':null,"
                "'last_exit':null,'reason':null},"
                "{'name':'toolhost/workspace','state':'backoff','pid':null,'starts':9,"
                "'failures':9,'uptime_seconds':null,'state_seconds':0.2,'retry_in_seconds':1.5,"
                "'last_exit':{'code':3},'reason':'ended with code 3'}]}"),
        "handrail 0.1.0, pid 1, up 3h 12m\n"
        "\n"
        "SERVICE             STATE     SINCE     PID      UPTIME    RESTARTS  REASON\n"
        "server              up        2h 10m    17       2h 11m           2  its last process was "
        "ended by signal 9\n"
        "sidecar             up        3h 12m    18       3h 12m           0  \n"
        "toolhost/workspace  backoff   0.2s      -        -                8  ended with code 3; "
        "again in 1.5s\n"
        "\n"
        "heartbeat   2.5s ago, loop lag 12 ms\n"
        "says        serving 3\n"
        "agent       ok\n"
        "init        recorded, this server has it; replayed 1 times, failed 0 times\n");
}

static void status_of_a_server_that_tells_nothing(void **state)
{
    (void)state;
    assert_string_equal(
        printed(hr_status_print,
                "{'version':'0.1.0','pid':7,'uptime_seconds':1.0,'draining':true,"
                "'server':{'heartbeat_age_seconds':null,'loop_lag_ms':null,'status':null,"
                "'agent':'unknown','agent_error':null,'recorded':false,'initialised':null,"
                "'replays':0,'replay_errors':0},'services':[{'name':'server','state':'failed',"
                "'pid':null,'starts':0,'failures':0,'uptime_seconds':null,'state_seconds':null,"
                "'retry_in_seconds':null,'last_exit':{'code':2},'reason':null}]}"),
        "handrail 0.1.0, pid 7, up 1.0s, draining: readiness is off\n"
        "\n"
        "SERVICE  STATE     SINCE     PID      UPTIME    RESTARTS  REASON\n"
        "server   failed    -         -        -                0  its last process ended with "
        "code 2\n"
        "\n"
        "heartbeat   none\n"
        "agent       not checked\n"
        "init        nothing recorded\n");
}

static void status_of_a_wrong_agent(void **state)
{
    (void)state;
    const char *screen =
        printed(hr_status_print, "{'server':{'heartbeat_age_seconds':9.96,'agent':'wrong',"
                                 "'agent_error':'module my_agent: no \\u001b[31m class\\n',"
                                 "'recorded':true,'initialised':false,'replay_errors':5}}");
    assert_non_null(strstr(screen, "heartbeat   9s ago\n"));
    assert_non_null(strstr(screen, "agent       wrong: module my_agent: no ^[[31m class^J\n"));
    assert_non_null(strstr(screen, "init        recorded, this server still waits for it; replayed "
                                   "0 times, failed 5 times\n"));
}

/* Not what our supervisor says, but it must not hurt. */
static void any_answer_can_be_printed(void **state)
{
    static const char *const answers[] = {
        "{}",
        "{'services':7,'server':[]}",
        "{'services':[1,null,{},[]],'server':null}",
        "{'services':[{'name':7,'state':'\\u0007','pid':'x','starts':-9223372036854775808}]}",
        "{'uptime_seconds':1e300,'pid':1.5,'version':null}",
        "[{},7,{'number':'x'}]",
        "{'output':7}",
        "{'output':{'text':null}}",
        "{'a':[[[[[[[[[[[[1]]]]]]]]]]]]}"};
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        assert_true(strlen(printed(hr_status_print, answers[i])) > 0);
        assert_true(strlen(printed(hr_crashes_print, answers[i])) > 0);
        assert_true(strlen(printed(hr_crash_print, answers[i])) > 0);
    }
}

static void crashes_in_a_table(void **state)
{
    (void)state;
    assert_string_equal(printed(hr_crashes_print, "[]"), "no crash has been recorded\n");
    assert_string_equal(
        printed(hr_crashes_print,
                "[{'number':12,'service':'toolhost/workspace-search-more',"
                "'time':'2026-11-21T09:30:00.123Z','reason':'ended with code 3',"
                "'uptime_seconds':4.001},{'number':3,'service':'server','time':"
                "'2026-11-21T09:29:00.000Z','reason':null,'uptime_seconds':86400.0}]"),
        "NUMBER  WHEN                      SERVICE               UPTIME    REASON\n"
        "    12  2026-11-21T09:30:00.123Z  toolhost/workspace-search-more  4.0s      ended with "
        "code 3\n"
        "     3  2026-11-21T09:29:00.000Z  server                1d 0h     \n");
}

static void one_crash_whole(void **state)
{
    (void)state;
    assert_string_equal(
        printed(hr_crash_print,
                "{'number':3,'service':'server','exit_code':null,'signal':9,'core_dumped':false,"
                "'rusage':{'user_seconds':0.5,'maxrss_bytes':1024},'ports':[1,2],'none':[],"
                "'cgroup':{'before':{'memory_bytes':1,'oom':null},'after':{'memory_bytes':2}},"
                "'left':[{'pid':7,'name':'t\\u001bmux'},{'pid':8,'name':'bash'}],"
                "'a_key_that_is_longer_than_the_column':'x',"
                "'output':'one\\ntwo\\t\\u001b]0;x\\u0007','output_lost_bytes':10}"),
        "number                  3\n"
        "service                 server\n"
        "signal                  9\n"
        "core dumped             no\n"
        "rusage                  user seconds 0.500, maxrss bytes 1024\n"
        "ports                   1, 2\n"
        "cgroup                  before memory bytes 1, after memory bytes 2\n"
        "left                    pid 7, name t^[mux\n"
        "                        pid 8, name bash\n"
        "a key that is longer than the column x\n"
        "output lost bytes       10\n"
        "\n"
        "The last it wrote:\n"
        "one\ntwo\t^[]0;x^G\n");
    assert_string_equal(printed(hr_crash_print, "{'number':1,'output':'line\\n'}"),
                        "number                  1\n\nThe last it wrote:\nline\n");
    assert_string_equal(printed(hr_crash_print, "{'number':1,'output':''}"),
                        "number                  1\n\nIt had written nothing.\n");
}

static void the_terminal_is_not_for_others_to_steer(void **state)
{
    char out[64];
    (void)state;
    FILE *f = fmemopen(out, sizeof(out), "w");
    hr_text_print(f, "a\x1b[2J\tb\nc\x7f\xc2\x9b\xc2\xa0\xc3\xa9\xc2");
    (void)fclose(f);
    assert_string_equal(out, "a^[[2J^Ib^Jc^?^[\xc2\xa0\xc3\xa9\xc2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_on_one_screen),
        cmocka_unit_test(status_of_a_server_that_tells_nothing),
        cmocka_unit_test(status_of_a_wrong_agent),
        cmocka_unit_test(any_answer_can_be_printed),
        cmocka_unit_test(crashes_in_a_table),
        cmocka_unit_test(one_crash_whole),
        cmocka_unit_test(the_terminal_is_not_for_others_to_steer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
