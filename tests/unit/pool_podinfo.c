/* SPDX-License-Identifier: MIT */
#include "sidecar/pool/podinfo.h"

#include "check.h"
#include "sidecar/pool/bodies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *parsed(const char *text, size_t n)
{
    json_t *all = NULL;
    unsigned line = 0;
    int err = hr_podinfo_parse(text, n, &all, &line);
    if (err)
        fail_msg("%s: %d, line %u", text, err, line);
    return all;
}

static void expect(const char *text, const char *key, const char *value, size_t n)
{
    json_t *all = parsed(text, strlen(text));
    const json_t *got = json_object_get(all, key);
    assert_non_null(got);
    assert_int_equal(json_string_length(got), n);
    assert_memory_equal(json_string_value(got), value, n);
    json_decref(all);
}

static void what_the_kubelet_writes(void **state)
{
    static const char real[] = "agents.x-k8s.io/created-by=\"controller\"\n"
                               "agents.x-k8s.io/sandbox-name-hash=\"5d1f3a\"\n"
                               "agents.x-k8s.io/warm-pool-sandbox=\"478b3beb\"\n"
                               "app=\"agent\"";
    json_t *all = parsed(real, strlen(real));
    (void)state;
    assert_int_equal(json_object_size(all), 4);
    assert_string_equal(json_string_value(json_object_get(all, "app")), "agent");
    assert_int_equal(hr_podinfo_standing(all), HR_STANDING_POOLED);
    json_decref(all);
    all = parsed("", 0);
    assert_int_equal(json_object_size(all), 0);
    json_decref(all);
}

/* Every escape of strconv.Quote(). */
static void quoting(void **state)
{
    (void)state;
    expect("a=\"\"", "a", "", 0);
    expect("a=\"x\"\n", "a", "x", 1);
    expect("a=\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"'\"", "a", "\a\b\f\n\r\t\v\\\"'", 10);
    expect("a=\"\\x01\\x7f\"", "a", "\x01\x7f", 2);
    expect("a=\"\\x00b\"", "a", "\0b", 2);
    expect("a=\"\\u00ad\\u200b\"", "a", "\xc2\xad\xe2\x80\x8b", 5);
    expect("a=\"\\U0010ffff\"", "a", "\xf4\x8f\xbf\xbf", 4);
    expect("a=\"h\xc3\xa9\xe2\x82\xac\"", "a", "h\xc3\xa9\xe2\x82\xac", 6);
    /* a byte that is no UTF-8: it was none in the annotation either */
    expect("a=\"\\xff\\xfeb\"", "a",
           "\xef\xbf\xbd\xef\xbf\xbd"
           "b",
           7);
    expect("a=\"{\\\"k\\\":\\\"v=1\\\\n\\\"}\"", "a", "{\"k\":\"v=1\\n\"}", 13);
}

static void what_it_does_not_write_is_refused(void **state)
{
    static const char *const wrong[] = {"\n",
                                        "a",
                                        "a=",
                                        "a=b",
                                        "a=\"",
                                        "a=\"x",
                                        "=\"x\"",
                                        "a =\"x\"",
                                        "a= \"x\"",
                                        "a=\"x\" ",
                                        "a=\"x\"\r\n",
                                        "a=\"x\"\n\n",
                                        "a=\"x\"b=\"y\"",
                                        "a=\"x\"\na=\"y\"",
                                        "a=\"\\",
                                        "a=\"\\\"",
                                        "a=\"\\q\"",
                                        "a=\"\\0\"",
                                        "a=\"\\'\"",
                                        "a=\"\\x\"",
                                        "a=\"\\x1\"",
                                        "a=\"\\xg1\"",
                                        "a=\"\\u12\"",
                                        "a=\"\\ud800\"",
                                        "a=\"\\udfff\"",
                                        "a=\"\\U00110000\"",
                                        "a=\"\\Uffffffff\"",
                                        "a=\"\\U7fffffff\"",
                                        "a=\"\t\"",
                                        "a=\"x\ny\"",
                                        "a=\"\x7f\"",
                                        "a=\"\xff\"",
                                        "a=\"\xc3\"",
                                        "a=\"\xed\xa0\x80\"",
                                        "a'b=\"x\"",
                                        "a\xc3\xa9=\"x\"",
                                        "a='x'",
                                        "a=`x`"};
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json_t *all = NULL;
        unsigned line = 0;
        int err = hr_podinfo_parse(wrong[i], strlen(wrong[i]), &all, &line);
        if (err != -EPROTO || line == 0)
            fail_msg("%s: %d, line %u", wrong[i], err, line);
        assert_null(all);
    }
    json_t *all = NULL;
    unsigned line = 0;
    assert_int_equal(hr_podinfo_parse("a=\"x\0y\"", 7, &all, &line), -EPROTO);
    assert_int_equal(hr_podinfo_parse("a=\"x\"\nb=\"y\"\nc", 13, &all, &line), -EPROTO);
    assert_int_equal(line, 3);
}

/* The most that Kubernetes allows, and quoted in the way that takes most room. */
static void limits(void **state)
{
    const size_t most = (size_t)256 * 1024;
    const size_t size = most * 6 + 64;
    char *text = malloc(size);
    char key[HR_PODINFO_KEY_MAX + 8];
    json_t *all = NULL;
    unsigned line = 0;
    (void)state;
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, size, "big=\"");
    for (size_t i = 0; i + 3 < most; i += 2, n += 6)
        memcpy(text + n, "\\u00ad", 6);
    text[n++] = '"';
    all = parsed(text, n);
    assert_true(json_string_length(json_object_get(all, "big")) >= most - 4);
    json_decref(all);
    all = NULL;
    assert_int_equal(hr_podinfo_parse(text, (size_t)HR_PODINFO_MAX + 1, &all, &line), -E2BIG);
    free(text);
    memset(key, 'k', sizeof(key));
    memcpy(key + HR_PODINFO_KEY_MAX, "=\"\"", 4);
    all = parsed(key, HR_PODINFO_KEY_MAX + 3);
    json_decref(all);
    all = NULL;
    memset(key, 'k', sizeof(key));
    memcpy(key + HR_PODINFO_KEY_MAX + 1, "=\"\"", 4);
    assert_int_equal(hr_podinfo_parse(key, HR_PODINFO_KEY_MAX + 4, &all, &line), -EPROTO);
}

static enum hr_standing standing(const char *labels)
{
    json_t *all = parsed(labels, strlen(labels));
    enum hr_standing s = hr_podinfo_standing(all);
    json_decref(all);
    return s;
}

static void whose_it_is(void **state)
{
    (void)state;
    assert_int_equal(hr_podinfo_standing(NULL), HR_STANDING_UNKNOWN);
    assert_int_equal(standing(""), HR_STANDING_UNKNOWN);
    assert_int_equal(standing("app=\"x\""), HR_STANDING_UNKNOWN); /* somebody else's pod */
    assert_int_equal(standing("agents.x-k8s.io/warm-pool-sandbox=\"1\""), HR_STANDING_POOLED);
    assert_int_equal(standing("agents.x-k8s.io/sandbox-name-hash=\"1\""), HR_STANDING_CLAIMED);
    assert_int_equal(standing("agents.x-k8s.io/claim-uid=\"u\""), HR_STANDING_CLAIMED);
    /* In the middle of an adoption that is not one step. */
    assert_int_equal(standing("agents.x-k8s.io/claim-uid=\"u\"\n"
                              "agents.x-k8s.io/warm-pool-sandbox=\"1\""),
                     HR_STANDING_CLAIMED);
}

static void its_uid(void **state)
{
    json_t *none = json_object();
    json_t *one = json_pack("{s:s}", "agents.x-k8s.io/claim-uid", "8f-2");
    json_t *bad = json_pack("{s:s}", "agents.x-k8s.io/claim-uid", "8f 2\nX=1");
    (void)state;
    assert_null(hr_podinfo_claim_uid(NULL, NULL));
    assert_null(hr_podinfo_claim_uid(none, none));
    assert_string_equal(hr_podinfo_claim_uid(one, NULL), "8f-2");
    assert_string_equal(hr_podinfo_claim_uid(none, one), "8f-2");
    assert_null(hr_podinfo_claim_uid(bad, none));
    json_decref(none);
    json_decref(one);
    json_decref(bad);
}

static int init(const char *body, enum hr_init_state *ret)
{
    return hr_init_body(body, strlen(body), ret);
}

static void the_answer_of_init(void **state)
{
    enum hr_init_state s = HR_INIT_UNKNOWN;
    (void)state;
    assert_int_equal(init("{\"state\":\"dormant\",\"error\":null}", &s), 0);
    assert_int_equal(s, HR_INIT_DORMANT);
    assert_int_equal(init("{\"state\":\"initializing\"}", &s), 0);
    assert_int_equal(s, HR_INIT_RUNNING);
    assert_int_equal(init("{\"state\":\"ready\",\"more\":[1]}", &s), 0);
    assert_int_equal(s, HR_INIT_DONE);
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "null",
                                        "\"dormant\"",
                                        "{}",
                                        "{\"state\":null}",
                                        "{\"state\":\"Ready\"}",
                                        "{\"state\":[\"ready\"]}",
                                        "{\"state\":\"ready\",\"state\":\"dormant\"}",
                                        "<html>dormant</html>",
                                        "{\"state\":\"unknown\"}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(init(wrong[i], &s), -EPROTO);
    assert_int_equal(s, HR_INIT_DONE);
    assert_null(hr_init_state_name(HR_INIT_NONE));
    assert_null(hr_init_state_name(HR_INIT_UNKNOWN));
}

static void the_answer_of_server_info(void **state)
{
    static const char good[] = "{\"uptime\":7,\"idle_time\":2.5,\"version\":\"1.58.0\"}";
    static const char odd[] =
        "{\"uptime\":-1,\"idle_time\":\"2\",\"version\":\"1.58\\n# EOF\",\"x\":1e400}";
    static const char big[] = "{\"uptime\":1e300,\"idle_time\":true,\"version\":7}";
    struct hr_server_info i;
    (void)state;
    assert_int_equal(hr_server_info_body(good, strlen(good), &i), 0);
    assert_true(i.uptime_s == 7 && i.idle_s == 2.5);
    assert_string_equal(i.version, "1.58.0");
    assert_int_equal(hr_server_info_body(odd, strlen(odd), &i), -EPROTO); /* 1e400 is no number */
    assert_int_equal(hr_server_info_body(big, strlen(big), &i), 0);
    assert_true(i.uptime_s == -1 && i.idle_s == -1);
    assert_string_equal(i.version, "");
    assert_int_equal(hr_server_info_body("{\"version\":\"1 b\"}", 17, &i), 0);
    assert_string_equal(i.version, "1");
    assert_int_equal(hr_server_info_body("[]", 2, &i), -EPROTO);
    assert_int_equal(hr_server_info_body("", 0, &i), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_kubelet_writes),
        cmocka_unit_test(quoting),
        cmocka_unit_test(what_it_does_not_write_is_refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(whose_it_is),
        cmocka_unit_test(its_uid),
        cmocka_unit_test(the_answer_of_init),
        cmocka_unit_test(the_answer_of_server_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
