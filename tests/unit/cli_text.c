/* SPDX-License-Identifier: MIT
 * What the commands print for people, from fixed answers. */
#include "loader/cli/text.h"

#include "check.h"
#include "loader/cli/config_screen.h"
#include "loader/cli/crashes.h"
#include "loader/cli/status_screen.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
                "'uptime_seconds':7860.2,'state_seconds':7855.1,'retry_in_ms':null,"
                "'last_exit':{'signal':9},'reason':null},"
                "{'name':'sidecar','state':'up','pid':18,'starts':1,'failures':0,"
                "'uptime_seconds':11531.0,'state_seconds':11530.0,'retry_in_ms':null,"
                "'last_exit':null,'reason':null},"
                "{'name':'toolhost/workspace','state':'backoff','pid':null,'starts':9,"
                "'failures':9,'uptime_seconds':null,'state_seconds':0.2,'retry_in_ms':1500,"
                "'last_exit':{'code':3},'reason':'ended with code 3'}]}"),
        "handrail 0.1.0, pid 1, up 3h 12m\n"
        "\n"
        "SERVICE             STATE     SINCE     PID      UPTIME    RESTARTS\n"
        "server              up        2h 10m    17       2h 11m           2\n"
        "  its last process was ended by signal 9\n"
        "sidecar             up        3h 12m    18       3h 12m           0\n"
        "toolhost/workspace  backoff   0.2s      -        -                8\n"
        "  ended with code 3; again in 1.5s\n"
        "\n"
        "heartbeat   2.5s ago, loop lag 12 ms\n"
        "says        serving 3\n"
        "agent       ok\n"
        "init        recorded, this server has it; replayed 1 time, failed 0 times\n");
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
                "'retry_in_ms':null,'last_exit':{'code':2},'reason':null}]}"),
        "handrail 0.1.0, pid 7, up 1.0s, draining: readiness is off\n"
        "\n"
        "SERVICE  STATE     SINCE     PID      UPTIME    RESTARTS\n"
        "server   failed    -         -        -                0\n"
        "  its last process ended with code 2\n"
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

static int lines_of(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

/* The longest, in bytes: what is printed here is ASCII. */
static size_t width_of(const char *s)
{
    size_t widest = 0;
    for (size_t n = 0; *s; s += n + (s[n] == '\n')) {
        n = strcspn(s, "\n");
        widest = n > widest ? n : widest;
    }
    return widest;
}

/* In trouble, with what the sidecar knows: on one screen, too. */
static void status_of_a_whole_pod(void **state)
{
    (void)state;
    const char *screen = printed(
        hr_status_print,
        "{'ok':true,'version':'0.1.0','pid':1,'uptime_seconds':7862.1,'draining':false,"
        "'hostname':'sandbox-7f9c6','sidecar_error':null,"
        "'probes':{'startup':true,'live':true,'ready':false,'warm':false},"
        "'phase':{'name':'active','seconds':857.0,'pooled':true,'claimed':true,'claim_uid':'c-1','"
        "idle_seconds':3,"
        "'server_version':'1.58.0'},"
        "'checks':[{'name':'process','ok':true,'status':'pass'},"
        "{'name':'memory','ok':false,'status':'warn','message':'97% are used','since_seconds':120},"
        "{'name':'ready','ok':false,'status':'fail','message':'GET /ready: no answer within 2 s',"
        "'since_seconds':29}],"
        "'services':[{'name':'server','state':'up','pid':901,'starts':3,'uptime_seconds':611.0,"
        "'state_seconds':540.0,'reason':'hung: no heartbeat for 31 s'},"
        "{'name':'sidecar','state':'up','pid':18,'starts':1,'uptime_seconds':7861.0,"
        "'state_seconds':7860.0},"
        "{'name':'toolhost/echo','state':'up','pid':19,'starts':1,'uptime_seconds':7861.0,"
        "'state_seconds':7860.0}],"
        "'plugins':[{'id':'echo','state':'up','calls_in_flight':1,'tools':["
        "{'name':'a','calls':8,'errors':3},{'name':'b','calls':1,'errors':0}]},"
        "{'id':'sqlite','state':'backoff','tools':[],'reason':'killed by signal 11'}],"
        "'resources':{'memory':{'used_bytes':2147000000,'limit_bytes':2147483648,'working_set_"
        "bytes':2040109466,'oom_kills':1},"
        "'cpu':{'limit_cores':1},'pids':{'count':41,'limit':512},"
        "'disks':[{'path':'/workspace','free_bytes':6657199308}]},"
        "'server':{'heartbeat_age_seconds':31.0,'loop_lag_ms':3,'agent':'ok','recorded':false}}");
    assert_string_equal(
        screen, "handrail 0.1.0 on sandbox-7f9c6, pid 1, up 2h 11m\n"
                "phase       active (it has been used) for 14m 17s, idle for 3.0s, server 1.58.0\n"
                "pool        in a pool, claimed by c-1\n"
                "probes      startup 200, live 200, ready 503, warm 503\n"
                "checks      1 of 3 ok\n"
                "  failing   ready, for 29s: GET /ready: no answer within 2 s\n"
                "  warning   memory, for 2m 0s: 97% are used\n"
                "\n"
                "SERVICE        STATE     SINCE     PID      UPTIME    RESTARTS\n"
                "server         up        9m 0s     901      10m 11s          2\n"
                "  hung: no heartbeat for 31 s\n"
                "sidecar        up        2h 11m    18       2h 11m           0\n"
                "toolhost/echo  up        2h 11m    19       2h 11m           0\n"
                "\n"
                "PLUGIN  STATE        CALLS  ERRORS  OPEN  REASON\n"
                "echo    up               9       3     1\n"
                "sqlite  backoff          0       0     0  killed by signal 11\n"
                "\n"
                "heartbeat   31s ago, loop lag 3 ms\n"
                "agent       ok\n"
                "init        nothing recorded\n"
                "resources   working set 1.9 GiB of 2.0 GiB (95%), 1 OOM kill; pids 41 of 512 "
                "(8%); 1 core; "
                "/workspace 6.2 GiB free\n");
    assert_true(lines_of(screen) < 24);
}

static void status_of_a_pod_outside_kubernetes(void **state)
{
    (void)state;
    const char *screen =
        printed(hr_status_print, "{'probes':{},'phase':{'name':'warm','seconds':182,'pooled':null,"
                                 "'claimed':null},'resources':{'memory':{'used_bytes':1048576,"
                                 "'limit_bytes':null,'working_set_bytes':null,'oom_kills':2}}}");
    assert_non_null(strstr(screen, "phase       warm (ready, not used yet) for 3m 2s\n"
                                   "pool        none seen (no podinfo volume, or no "
                                   "pool in it)\n"));
    assert_non_null(strstr(screen, "resources   memory with cached files 1.0 MiB, 2 OOM kills\n"));
    assert_null(strstr(screen, "webhook"));
    assert_true(width_of(screen) <= 80);
}

static void status_of_the_webhook(void **state)
{
    (void)state;
    const char *screen = printed(
        hr_status_print, "{'probes':{},'webhook':{'receiver':'http://e:1','state':'waiting',"
                         "'queued':2,'delivered':7,'failed':1,'dropped':3,"
                         "'error':'nobody \\u001b[2J','retry_in_ms':1500}}");
    assert_non_null(strstr(screen, "\nwebhook     http://e:1: 7 delivered, 1 refused, 3 dropped, 2 "
                                   "waiting\n  last try  nobody ^[[2J; again in 1.5s\n"));
}

static void status_without_a_sidecar(void **state)
{
    (void)state;
    const char *screen =
        printed(hr_status_print, "{'version':'0.1.0','pid':1,'uptime_seconds':1.0,'probes':null,"
                                 "'sidecar_error':'no \\u001b[2J answer','services':[]}");
    assert_non_null(strstr(screen, "\nsidecar     does not answer: no ^[[2J answer.\n"));
    assert_non_null(strstr(screen, "no phase, checks, plugins, resources.\n"));
    assert_null(strstr(screen, "probes"));
}

static void status_with_a_sidecar_that_knows_nothing(void **state)
{
    (void)state;
    const char *screen = printed(hr_status_print, "{'probes':{},'phase':null,'checks':null,"
                                                  "'plugins':[],'resources':null}");
    assert_non_null(strstr(screen, "\nphase       not known\nprobes      not known\n"
                                   "checks      not known\n"));
    assert_non_null(strstr(screen, "\nplugins     none\n"));
    assert_non_null(strstr(screen, "\nresources   not known\n"));
}

#define TOOLS(calls)                                                                               \
    "{'plugins':[{'id':'echo','version':'1.0.0','state':'up','ok':true,'starts':1,'tools':["       \
    "{'name':'idle','calls':{'ok':900}},"                                                          \
    "{'name':'say','calls':{'ok':" calls ",'error':2,'timeout':1},'in_flight':0,"                  \
    "'latency_seconds':{'p50':0.001,'p99':1.5}}]},"                                                \
    "{'id':'bad','state':'failed','ok':false,'starts':4,'reason':'gone \\u0007','tools':[]}]}"

static json_t *earlier;

static void print_plugins(FILE *out, const json_t *now)
{
    hr_status_print_plugins(out, now, earlier, 2.0);
}

static json_t *parse(const char *json)
{
    char copy[4096];
    (void)snprintf(copy, sizeof(copy), "%s", json);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return json_loads(copy, 0, NULL);
}

static void plugins_and_their_tools(void **state)
{
    static const char head[] =
        "PLUGIN             VERSION   STATE     RESTARTS  REASON\n"
        "echo               1.0.0     up               0\n"
        "bad                -         failed           3  gone ^G\n"
        "\n"
        "TOOL               PLUGIN           CALLS ERRORS    RATE  OPEN      P50      P99\n";
    (void)state;
    earlier = NULL;
    const char *screen = printed(print_plugins, TOOLS("5"));
    assert_int_equal(strncmp(screen, head, strlen(head)), 0);
    assert_string_equal(
        screen + strlen(head),
        "idle               echo               900      0       -     0        -        -\n"
        "say                echo                 8      3       -     0   1.0 ms    1.5 s\n");
    earlier = parse(TOOLS("1"));
    screen = printed(print_plugins, TOOLS("5"));
    assert_string_equal(
        screen + strlen(head), /* the busier one first */
        "say                echo                 8      3   2.0/s     0   1.0 ms    1.5 s\n"
        "idle               echo               900      0   0.0/s     0        -        -\n");
    assert_true(width_of(screen) <= 80);
    json_decref(earlier);
    earlier = parse(TOOLS("9")); /* counted more: of a sidecar that is gone */
    assert_non_null(strstr(printed(print_plugins, TOOLS("5")), "      3       -     0"));
    json_decref(earlier);
    earlier = NULL;
    assert_string_equal(printed(print_plugins, "{'plugins':[]}"), "there are no plugins\n");
    assert_string_equal(printed(print_plugins, "{}"), "plugins are not known\n");
}

static void colours_only_if_they_are_wanted(void **state)
{
    static const char json[] = "{'services':[{'name':'x','state':'failed'}]}";
    (void)state;
    assert_null(strchr(printed(hr_status_print, json), '\033'));
    hr_text_set_colours(true);
    assert_non_null(strstr(printed(hr_status_print, json), "\033[31mfailed\033[0m    -"));
    hr_text_set_colours(false);
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)setenv("TERM", "xterm", 1);
    (void)unsetenv("NO_COLOR");
    assert_true(hr_text_wants_colours(fd));
    (void)setenv("NO_COLOR", "", 1);
    assert_true(hr_text_wants_colours(fd));
    (void)setenv("NO_COLOR", "1", 1);
    assert_false(hr_text_wants_colours(fd));
    assert_true(hr_text_is_screen(fd));
    (void)unsetenv("NO_COLOR");
    (void)setenv("TERM", "dumb", 1);
    assert_false(hr_text_wants_colours(fd));
    (void)close(fd);
}

static void cells_are_padded_by_columns(void **state)
{
    char out[64];
    (void)state;
    FILE *f = fmemopen(out, sizeof(out), "w");
    hr_text_cell(f, HR_RED, "\xc3\xa9\x1b", 6);
    hr_text_cell(f, HR_PLAIN, "42", -4);
    hr_text_cell(f, HR_PLAIN, "longer", 3);
    hr_text_cell(f, HR_PLAIN, "\xe2\x80\xae\xc2\x9b\x7f", 13); /* U+202E, U+009B */
    hr_text_cell(f, HR_PLAIN, "\xe2\x80\xa6\xe2\x80", -3);     /* U+2026, and half of one */
    (void)fclose(f);
    assert_string_equal(out, "\xc3\xa9^[     42longer<U+202E>^[^?  \xe2\x80\xa6\xe2\x80");
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
        "{'plugins':[1,null,{},{'tools':[1,null,{},{'calls':7}]}]}",
        "{'probes':{},'checks':[1,null,{}],'plugins':[1,null,{}],'phase':7,'resources':7}",
        "{'probes':{},'resources':{'disks':[1,{}],'memory':{'used_bytes':-1e300},'pids':7}}",
        "{'probes':{},'resources':{'memory':{'used_bytes':1e300,'limit_bytes':1e-300}}}",
        "{'a':[[[[[[[[[[[[1]]]]]]]]]]]]}"};
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        assert_true(strlen(printed(hr_status_print, answers[i])) > 0);
        assert_true(strlen(printed(print_plugins, answers[i])) > 0);
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

static void print_config(FILE *out, const json_t *config)
{
    hr_config_screen(out, config, 0);
}

static void a_command_as_a_shell_would_have_it(void **state)
{
    (void)state;
    printed(print_config, "{'server':{'command':['sh','-c','','a b','it\\u0027s',"
                          "'\\u0027','\\u202e\\u009b\\u001b']}}");
    assert_non_null(strstr(text, "  command                    sh -c '' 'a b' 'it'\\''s' ''\\''' "
                                 "'<U+202E>^[^['\n"));
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
        cmocka_unit_test(status_of_a_whole_pod),
        cmocka_unit_test(status_of_a_pod_outside_kubernetes),
        cmocka_unit_test(status_of_the_webhook),
        cmocka_unit_test(status_without_a_sidecar),
        cmocka_unit_test(status_with_a_sidecar_that_knows_nothing),
        cmocka_unit_test(plugins_and_their_tools),
        cmocka_unit_test(colours_only_if_they_are_wanted),
        cmocka_unit_test(cells_are_padded_by_columns),
        cmocka_unit_test(any_answer_can_be_printed),
        cmocka_unit_test(crashes_in_a_table),
        cmocka_unit_test(one_crash_whole),
        cmocka_unit_test(a_command_as_a_shell_would_have_it),
        cmocka_unit_test(the_terminal_is_not_for_others_to_steer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
