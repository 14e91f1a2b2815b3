/* SPDX-License-Identifier: MIT
 * The status page, from fixed answers.  How it looks and what it does in a browser: tests/e2e. */
#include "sidecar/page/page.h"

#include "check.h"
#include "sidecar/page/html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct hr_buf out;

static json_t *parse(const char *json)
{
    json_error_t error;
    char *copy = strdup(json);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    json_t *root = json_loads(copy, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root)
        fail_msg("%s: %s", json, error.text);
    free(copy);
    return root;
}

/* The page of these (with ' for "). */
static const char *page(const char *status, const char *plugins, const char *crashes)
{
    json_t *s = parse(status);
    json_t *p = parse(plugins);
    json_t *c = parse(crashes);
    hr_buf_free(&out);
    hr_buf_init(&out, HR_PAGE_MAX);
    assert_int_equal(hr_page_render(s, p, c, &out), 0);
    json_decref(s);
    json_decref(p);
    json_decref(c);
    return hr_buf_str(&out);
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("there is no %s in:\n%s", part, strstr(text, "</style>"));
}

static void has_not(const char *text, const char *part)
{
    const char *at = strstr(text, part);
    if (at)
        fail_msg("there is %s:\n%.200s", part, at);
}

static int clear(void **state)
{
    (void)state;
    hr_buf_free(&out);
    return 0;
}

/* ---- what it says ---- */

static void a_pod_that_is_well(void **state)
{
    (void)state;
    const char *text = page(
        "{'version':'0.1.0','hostname':'pod-1','time':'2026-11-26T18:05:12.345Z','pid':1,"
        "'uptime_seconds':11532.5,'draining':false,"
        "'probes':{'startup':true,'live':true,'ready':true,'warm':false},"
        "'phase':{'name':'claimed','since':'2026-11-26T18:00:00.000Z','seconds':312.3,'history':["
        "{'phase':'starting','at':'2026-11-25T17:59:00.000Z','seconds':60.0},"
        "{'phase':'claimed','at':'2026-11-26T18:00:00.000Z','seconds':312.3}],"
        "'seconds_in':{'starting':60.0,'warm':0,'claimed':312.3},'pooled':true,'claimed':true,"
        "'claim_uid':'c-1','init':'ready','idle_seconds':3,'server_version':'1.58.0',"
        "'hook':{'state':'ok','message':'set up'}},"
        "'resources':{'memory':{'used_bytes':432013312,'limit_bytes':1073741824,"
        "'working_set_bytes':268435456,'oom_kills':1,'pressure_10s_percent':0.5},"
        "'cpu':{'seconds':75.0,'limit_cores':1.5,'throttled_seconds':0.2},"
        "'pids':{'count':12,'limit':100},'processes':{'count':7,'threads':90,'open_fds':1,"
        "'rss_bytes':2048,'zombies':1},'disks':[{'path':'/workspace','free_bytes':1048576,"
        "'size_bytes':4194304}]},'services':[{'name':'server','state':'up','pid':17,'starts':3,"
        "'uptime_seconds':7860.2,'state_seconds':7855.1,'retry_in_ms':null,'reason':null}],"
        "'checks':[{'name':'alive','ok':true,'status':'pass','message':'','since_seconds':75,"
        "'gates':['live','ready'],'observed':0.0032,'unit':'seconds'}]}",
        "{'plugins':[{'id':'echo','version':'1.0.0','state':'up','ok':true,'reason':null,"
        "'tools':[{'name':'say','calls':{'ok':5,'error':2,'timeout':0,'crashed':1},'in_flight':1,"
        "'latency_seconds':{'p50':0.001,'p99':1.5}}],'tool_count':1,"
        "'totals':{'calls':8,'errors':3,'in_flight':1}}]}",
        "[{'number':3,'service':'server','time':'2026-11-26T17:58:00.000Z','reason':"
        "'killed by signal 9 (SIGKILL)','uptime_seconds':4.0,'oom_kills':0}]");
    has(text, "<title>Ready, claimed \xc2\xb7 pod-1 \xc2\xb7 handrail</title>");
    has(text, "fill='%231a7f37'");
    has(text, "<h1 class=\"state ok\" aria-live=\"polite\">Ready</h1>");
    has(text,
        "<b>claimed</b> for 5m 12s \xc2\xb7 server 1.58.0 up for 2h 11m \xc2\xb7 handrail 0.1.0 up "
        "3h 12m</p>");
    has(text, "as of <time datetime=\"2026-11-26T18:05:12.345Z\">2026-11-26 18:05:12</time> UTC");
    has(text, "<time datetime=\"2026-11-25T17:59:00.000Z\">2026-11-25 17:59:00</time></li>");
    has(text, "<time datetime=\"2026-11-26T18:00:00.000Z\">18:00:00</time></li>");
    has(text, "<dd><bdi>ready, and somebody&#39;s</bdi></dd>");
    has(text, "<a href=\"warmz?verbose\">/warmz</a> <span class=\"state off\">503</span>");
    has(text, "aria-current=\"step\"><b>claimed</b> <span>5m 12s</span>");
    has(text, "in a pool, claimed");
    has(text, "<dd><span class=\"state ok\">ok</span> <bdi>set up</bdi></dd>");
    has(text, "<th scope=\"row\">warm</th><td class=\"n\">0.0s</td>");
    has(text, "<th scope=\"row\"><bdi>server</bdi><p data-k=\"crash\">last crash at <time "
              "datetime=\"2026-11-26T17:58:00.000Z\">17:58:00</time>: <bdi>killed by signal 9 "
              "(SIGKILL)</bdi>, after 4.0s</p></th><td><span class=\"state ok\">up</span></td>"
              "<td class=\"n\">2h 11m</td><td class=\"n\">2</td><td class=\"n wide\">17</td>");
    has(text,
        "<bdi>alive</bdi> <small>3.2 ms</small></th><td><span class=\"state ok\">ok</span></td>"
        "<td class=\"n\">1m 15s</td><td class=\"wide\">live, ready</td>");
    has(text, "8 calls, 3 errors, 1 open");
    has(text, "<p>error 2, crashed 1</p></th><td class=\"n\">8</td><td class=\"n some\">3</td>"
              "<td class=\"n\">1</td><td class=\"n\">1.0 ms</td><td class=\"n\">1.5 s</td>");
    has(text,
        "256 MiB of 1.0 GiB (25%) <small>working set; 412 MiB with all cached files; 1 OOM kill; "
        "pressure 0.5%</small><svg class=\"bar ok\" aria-hidden=\"true\"><rect class=\"track\" "
        "width=\"100%\" height=\"100%\"/><rect width=\"25%\"");
    has(text, "1m 15s used, limit 1.5 cores");
    has(text, "12 of 100 (12%)");
    has(text,
        "7 with 90 threads, 2.0 KiB resident <small>1 open file</small> <small>1 zombie</small>");
    has(text, "3.0 MiB of 4.0 MiB (75%) <small>1.0 MiB free</small><svg class=\"bar ok\" "
              "aria-hidden=\"true\"><rect "
              "class=\"track\" width=\"100%\" height=\"100%\"/><rect width=\"75%\"");
    has_not(text, "class=\"reasons\"");
}

static void a_pod_that_is_not(void **state)
{
    (void)state;
    const char *text = page(
        "{'probes':{'startup':true,'live':true,'ready':false},'services':["
        "{'name':'server','state':'backoff','pid':null,'starts':1,'uptime_seconds':null,"
        "'state_seconds':0.2,'retry_in_ms':1500,'reason':'ended with code 3'}],"
        "'checks':[{'name':'fine','ok':true,'message':''},"
        "{'name':'so-so','ok':false,'status':'warn','message':'slow'},"
        "{'name':'late','ok':true,'status':'fail','message':'','gates':['live']},"
        "{'name':'mere','ok':false,'status':'fail','message':'m','gates':[]},"
        "{'name':'ready','ok':false,'status':'fail','message':'no answer','gates':['ready']}]}",
        "{'plugins':[]}", "[]");
    has(text, "<h1 class=\"state bad\" aria-live=\"polite\">Not ready</h1>");
    has(text, "<ul class=\"reasons\"><li data-k=\"late\"><b><bdi>late</bdi></b><bdi></bdi></li>"
              "<li data-k=\"ready\"><b><bdi>ready</bdi></b>: <bdi>no answer"
              "</bdi></li></ul>");
    has(text, "server backoff for 0.2s \xc2\xb7");
    has(text, "<p data-k=\"reason\"><bdi>ended with code 3</bdi>; again in 1.5s</p>");
    has(text, "<span class=\"state warn\">backoff</span> <small>0.2s</small>");
    has(text, "<span class=\"state warn\">warning</span>");
    const char *checks = strstr(text, "id=\"checks\"");
    assert_true(strstr(checks, "data-k=\"ready\"") < strstr(checks, "data-k=\"so-so\""));
    assert_true(strstr(checks, "data-k=\"so-so\"") < strstr(checks, "data-k=\"fine\""));
    has(text, "None: the tool registry names no plugin.");
    has(text, "None since handrail began.");
    has(text, "Not measured.");
}

/* A process is there from the start; that it is up is another thing. */
static void a_server_that_starts_is_not_up(void **state)
{
    (void)state;
    const char *text =
        page("{'agent':{'deferred':false},'phase':{'name':'warming','pooled':null,'claimed':null},"
             "'services':[{'name':'server','state':'starting','pid':7,'starts':1,"
             "'uptime_seconds':3.2,'state_seconds':3.1}]}",
             "{}", "[]");
    has(text, "server starting for 3.1s \xc2\xb7");
    has_not(text, "server up");
    has(text, "the server is not ready yet");
    has(text, "not deferred");
}

static void memory_without_a_working_set(void **state)
{
    (void)state;
    const char *text = page("{'resources':{'memory':{'used_bytes':1048576,'limit_bytes':4194304,"
                            "'working_set_bytes':null}}}",
                            "{}", "[]");
    has(text, "1.0 MiB of 4.0 MiB (25%) <small>with all cached files; 0 OOM kills</small>");
}

static void crashes_of_other_days_have_a_date(void **state)
{
    (void)state;
    const char *text = page("{'time':'2026-11-26T00:00:01.000Z'}", "{}",
                            "[{'number':2,'service':'a','time':'2026-11-26T00:00:00.500Z'},"
                            "{'number':1,'service':'a','time':'2026-11-25T23:59:59.500Z',"
                            "'oom_kills':1}]");
    has(text, "<time datetime=\"2026-11-26T00:00:00.500Z\">00:00:00</time>");
    has(text, "<time datetime=\"2026-11-25T23:59:59.500Z\">2026-11-25 23:59:59</time>");
    has(text, "; 1 OOM kill in its lifetime");
}

static void the_worst_come_first(void **state)
{
    (void)state;
    const char *text = page(
        "{'services':[{'name':'s-up','state':'up'},{'name':'s-starting','state':'starting'},"
        "{'name':'s-failed','state':'failed'},{'name':'s-up-2','state':'up'},{'name':'s-waits',"
        "'state':'backoff'}]}",
        "{'plugins':[{'id':'p-up','state':'up','ok':true},{'id':'p-failed','state':'failed'}]}",
        "[]");
    static const char *const order[] = {"s-failed", "s-waits",  "s-starting", "\"s-up\"",
                                        "s-up-2",   "p-failed", "p-up"};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        has(text, order[i]);
        text = strstr(text, order[i]);
    }
}

static void the_webhook(void **state)
{
    (void)state;
    has_not(page("{'webhook':null}", "{}", "[]"), "Webhook");
    const char *text =
        page("{'time':'2026-11-26T18:05:12.000Z','webhook':{'receiver':'http://events:8080',"
             "'state':'waiting','queued':2,'delivered':7,'failed':1,'dropped':3,'tries':12,"
             "'last_success':'2026-11-26T18:00:00.000Z','error':'it answered <503>',"
             "'retry_in_ms':1500}}",
             "{}", "[]");
    has(text, "<bdi>http://events:8080</bdi> <span class=\"state warn\">waiting</span>");
    has(text, "7 delivered, 1 refused, 3 dropped, 2 waiting <small>12 POSTs</small>");
    has(text, "\">18:00:00</time></dd>");
    has(text, "<bdi>it answered &lt;503&gt;</bdi>; again in 1.5s</dd>");
    text = page("{'webhook':{'receiver':'gopher://x','state':'off','error':'cannot'}}", "{}", "[]");
    has(text, "<span class=\"state bad\">off</span>");
    has(text, "<dt>Last taken</dt><dd>never</dd>");
}

static void verdicts(void **state)
{
    static const char *const cases[][2] = {
        {"{'draining':true,'probes':{'ready':true}}", "<title>Draining \xc2\xb7 handrail"},
        {"{'probes':{'startup':false,'live':false,'ready':false}}", "<title>Not alive "},
        {"{'probes':{'startup':false,'live':true,'ready':false}}", "<title>Starting \xc2\xb7"},
        {"{'probes':{'startup':false,'live':true,'ready':false},'services':[{'failures':1}]}",
         "<title>Starting again \xc2\xb7"},
        {"{'probes':{'startup':true,'live':true,'ready':false}}", "<title>Not ready "},
        {"{'probes':{'startup':true,'live':false,'ready':true}}", "<title>Not alive "},
        {"{'phase':{'name':'warm'},'hostname':'p'}", "<title>Not known, warm \xc2\xb7 p \xc2\xb7 "},
        {"{}", "<title>Not known \xc2\xb7 handrail</title>"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        has(page(cases[i][0], "{}", "[]"), cases[i][1]);
}

static void what_is_not_known_is_said_in_words(void **state)
{
    (void)state;
    const char *text = page("null", "null", "null");
    has(text, "<h2 id=\"phase\">Phase</h2>\n<p class=\"none\">Not known.</p>");
    has(text, "board cannot be read.</p>");
    has(text, "<h2 id=\"checks\">Checks</h2>\n<p class=\"none\">Not known.</p>");
    has(text, "<h2 id=\"plugins\">Plugins</h2>\n<p class=\"none\">Not known.</p>");
    text = page("{'phase':{'name':'active','pooled':null,'init':null},'resources':{'memory':null,"
                "'cpu':{'seconds':null},'pids':{'count':3,'limit':null},'processes':null,"
                "'disks':[{'path':'/w'}]}}",
                "{'plugins':[{'id':'x','state':'starting','tools':[]}]}", "[]");
    has(text, "none seen (no podinfo volume, or no pool in it)");
    has(text, "<dt>Initialisation</dt><dd><bdi>not known</bdi>");
    has(text, "<dt><bdi>Memory</bdi></dt><dd>not known</dd>");
    has(text, "3, no limit</dd>");
    has(text, "<dt><bdi>/w</bdi></dt><dd>not known</dd>");
    has(text, "Its tools are not known yet.");
}

/* ---- what cannot hurt it ---- */

#define EVIL                                                                                       \
    "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\\\"' onmouseover=x "    \
    "\\u2069\\u202e"

static void hostile_names(void **state)
{
    (void)state;
    static const char *const status =
        "{'version':'"
        "@"
        "','hostname':'@','time':'@','phase':{'name':'@','history':[{'phase':'@',"
        "'at':'@','seconds':1}],'seconds_in':{'@':1},'claim_uid':'@','init':'@','server_version':"
        "'@','hook':{'state':'@','message':'@'}},'services':[{'name':'@','state':'@','reason':'@'}]"
        ",'webhook':{'receiver':'@','state':'@','error':'@','last_success':'@'},"
        "'checks':[{'name':'@','ok':false,'message':'@','gates':['@'],'observed':1,'unit':'@'}],"
        "'resources':{'disks':[{'path':'@','free_bytes':1,'size_bytes':2}]}}";
    static const char *const plugins =
        "{'plugins':[{'id':'@','version':'@','state':'@','reason':'@','confinement':{'missing':"
        "{'@':'@'}},'tools':[{'name':'@','calls':{'@':1}}]}]}";
    static const char *const crashes =
        "[{'number':1,'service':'@','time':'@','reason':'@','uptime_seconds':1}]";
    const char *const forms[] = {status, plugins, crashes};
    json_t *parts[3];
    for (int i = 0; i < 3; i++) {
        struct hr_buf text;
        hr_buf_init(&text, 65536);
        for (const char *p = forms[i]; *p; p++)
            (void)(*p == '@'    ? hr_buf_adds(&text, EVIL)
                   : *p == '\'' ? hr_buf_addc(&text, '"')
                                : hr_buf_addc(&text, *p));
        parts[i] = json_loads(hr_buf_str(&text), 0, NULL);
        assert_non_null(parts[i]);
        hr_buf_free(&text);
    }
    hr_buf_free(&out);
    hr_buf_init(&out, HR_PAGE_MAX);
    assert_int_equal(hr_page_render(parts[0], parts[1], parts[2], &out), 0);
    const char *text = hr_buf_str(&out);
    has_not(text, "<script>alert");
    has_not(text, "<img");
    has_not(text, "\"' onmouseover");
    has_not(text, "\xe2\x81\xa9");
    has_not(text, "\xe2\x80\xae");
    has(text, "&lt;img src=x onerror=alert(1)&gt;&quot;&#39; onmouseover=x");
    for (int i = 0; i < 3; i++)
        json_decref(parts[i]);
}

static const char *written(const char *value)
{
    hr_buf_free(&out);
    hr_buf_init(&out, 4096);
    struct hr_html h = {.out = &out, .err = 0};
    hr_html(&h, "%s", value);
    assert_int_equal(h.err, 0);
    return hr_buf_str(&out);
}

static void values_are_escaped_and_cut(void **state)
{
    char text[HR_HTML_TEXT_MAX + 8];
    (void)state;
    /* The first and the last that turn the direction, and what stands around them. */
    assert_string_equal(written("\u202a\u202e\u2066\u2069"), "\ufffd\ufffd\ufffd\ufffd");
    assert_string_equal(written("\u2029\u202f\u2065\u206a\u2192"),
                        "\u2029\u202f\u2065\u206a\u2192");
    assert_string_equal(written("x\xe2"), "x\xe2"); /* reads no further than its end */
    assert_string_equal(written("x\xe2\x80"), "x\xe2\x80");
    assert_string_equal(written(NULL), "");
    assert_string_equal(written(""), "");
    assert_string_equal(written("a&b<c>d\"e'f"), "a&amp;b&lt;c&gt;d&quot;e&#39;f");
    assert_string_equal(written("a\tb\nc\x1b[31m\x7f\xc2\x9b\xc2\xa0\xc3\xa9\xc2"),
                        "a b c\xef\xbf\xbd[31m\xef\xbf\xbd\xef\xbf\xbd\xc2\xa0\xc3\xa9\xc2");
    memset(text, 'x', sizeof(text));
    text[HR_HTML_TEXT_MAX] = '\0';
    assert_string_equal(written(text), text);
    memcpy(text + HR_HTML_TEXT_MAX - 1, "\xc3\xa9", 3); /* would be cut in two */
    const char *cut = written(text);
    assert_int_equal(strlen(cut), HR_HTML_TEXT_MAX - 1 + 3);
    assert_string_equal(cut + HR_HTML_TEXT_MAX - 1, "\xe2\x80\xa6");
    hr_buf_free(&out);
    hr_buf_init(&out, 4096);
    struct hr_html h = {.out = &out, .err = 0};
    hr_html(&h, "%d%% <b>%lld</b> %s", -1, 1LL << 40, "<");
    assert_string_equal(hr_buf_str(&out), "-1% <b>1099511627776</b> &lt;");
}

static void any_answer_can_be_shown(void **state)
{
    static const char *const answers[] = {
        "7",
        "[]",
        "{'services':7,'checks':{},'phase':[],'resources':7,'probes':[]}",
        "{'services':[1,null,{},[]],'checks':[1,null,{},[]],'plugins':[1,null,{},[]],'phase':"
        "{'name':'x','history':[1,null,{}],'seconds_in':[],'hook':7}}",
        "{'plugins':[{'id':7,'tools':[1,null,{},{'calls':7},{'calls':{'x':'y'}}],'confinement':7}]"
        "}",
        "{'resources':{'memory':{'used_bytes':-1e300,'limit_bytes':1e-300},'cpu':{'seconds':1e300,"
        "'pressure_10s_percent':1e300},'pids':{'count':-9223372036854775808,'limit':-1},'disks':7}"
        "}",
        "{'checks':[{'observed':1e300,'unit':'bytes'},{'observed':-1e300,'unit':'ms'}]}",
        "[{'number':'x','exit':{'signal':-9223372036854775808}},{'exit':{'code':null}},7]"};
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        has(page(answers[i], answers[i], answers[i]), "</html>");
}

static void many_tools_are_counted(void **state)
{
    (void)state;
    json_t *tools = json_array();
    for (int i = 0; i < 48; i++)
        (void)json_array_append_new(tools, json_pack("{s:o}", "name", json_sprintf("t%d", i)));
    json_t *plugins = json_pack("{s:[{s:s, s:o, s:i}]}", "plugins", "id", "many", "tools", tools,
                                "tool_count", 53);
    hr_buf_free(&out);
    hr_buf_init(&out, HR_PAGE_MAX);
    assert_int_equal(hr_page_render(NULL, plugins, NULL, &out), 0);
    json_decref(plugins);
    has(hr_buf_str(&out), "<bdi>t47</bdi>");
    has(hr_buf_str(&out), "And 5 with no more calls than these:");
}

static void a_page_that_does_not_fit(void **state)
{
    (void)state;
    hr_buf_free(&out);
    hr_buf_init(&out, 1000);
    assert_int_equal(hr_page_render(NULL, NULL, NULL, &out), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_pod_that_is_well, clear),
        cmocka_unit_test_teardown(a_pod_that_is_not, clear),
        cmocka_unit_test_teardown(a_server_that_starts_is_not_up, clear),
        cmocka_unit_test_teardown(memory_without_a_working_set, clear),
        cmocka_unit_test_teardown(crashes_of_other_days_have_a_date, clear),
        cmocka_unit_test_teardown(the_worst_come_first, clear),
        cmocka_unit_test_teardown(the_webhook, clear),
        cmocka_unit_test_teardown(verdicts, clear),
        cmocka_unit_test_teardown(what_is_not_known_is_said_in_words, clear),
        cmocka_unit_test_teardown(hostile_names, clear),
        cmocka_unit_test_teardown(values_are_escaped_and_cut, clear),
        cmocka_unit_test_teardown(any_answer_can_be_shown, clear),
        cmocka_unit_test_teardown(many_tools_are_counted, clear),
        cmocka_unit_test_teardown(a_page_that_does_not_fit, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
