/* SPDX-License-Identifier: MIT */
#include "loader/config/check_setting.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hr_check_settings s;
static char why[240];
static char text[HR_CHECK_SETTING_TEXT];

static int start(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    return 0;
}

static const char *taken(const char *in)
{
    assert_int_equal(hr_check_settings_parse(&s, in, why, sizeof(why)), 0);
    hr_check_settings_format(&s, text);
    return text;
}

static const char *refused(const char *in)
{
    struct hr_check_settings before = s;
    why[0] = '\0';
    assert_int_equal(hr_check_settings_parse(&s, in, why, sizeof(why)), -EINVAL);
    assert_memory_equal(&before, &s, sizeof(s));
    return why;
}

static void what_is_said_is_kept(void **state)
{
    (void)state;
    assert_string_equal(taken("disk:free=10%,gate=ready"), "disk:gate=ready,free=10%");
    assert_string_equal(taken("port/12000:gate=ready;memory:pressure=5%,free=512M"),
                        "disk:gate=ready,free=10%;port/12000:gate=ready;"
                        "memory:free=512M,pressure=5%");
    /* what is said later replaces, and only that */
    assert_string_equal(taken("disk:free=1536,period=0.5"),
                        "disk:period=0.5,gate=ready,free=1536;port/12000:gate=ready;"
                        "memory:free=512M,pressure=5%");
    assert_string_equal(taken(text), text);
}

static void every_key_and_unit(void **state)
{
    (void)state;
    assert_string_equal(taken("alive:limit=90,gate=live+ready,successes=2,failures=4,timeout=0.25,"
                              "period=86400"),
                        "alive:period=86400,timeout=0.25,failures=4,successes=2,gate=ready+live,"
                        "limit=90");
    assert_string_equal(taken("workspace:path=/a b,gate=none"), "alive:period=86400,timeout=0.25,"
                                                                "failures=4,successes=2,gate="
                                                                "ready+live,limit=90;workspace:"
                                                                "gate=none,path=/a b");
    start(NULL);
    assert_string_equal(taken("disk:free=2T"), "disk:free=2T");
    assert_int_equal(s.list[0].number[HR_CHECK_FREE], INT64_C(2) << 40);
    assert_string_equal(taken("disk:free=2048K"), "disk:free=2M");
    assert_string_equal(taken("disk:free=0"), "disk:free=0");
    assert_string_equal(taken("disk:free=0%"), "disk:free=0%");
    assert_string_equal(taken("port/8001"), "disk:free=0%;port/8001");
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_string_equal(refused("dsk:free=1%"),
                        "a check: alive, ready, api, loop-lag, workspace, disk, memory, port/PORT");
    assert_string_equal(refused("disk:fre=1%"), "KEY=VALUE, disk having the keys period timeout "
                                                "failures successes gate free");
    assert_string_equal(refused("disk:free=1"
                                "x"),
                        "free of disk to be a share such as 5% or a size such as 500M");
    assert_string_equal(refused("ready:period=0"),
                        "period of ready to be seconds from 0.1 to 86400");
    assert_string_equal(refused("api:gate=ready+ready+dead"),
                        "gate of api to be none, ready, live or ready+live");
    static const char *const bad[] = {"",
                                      ";",
                                      "disk",
                                      "disk:",
                                      "disk:free",
                                      "disk:free=",
                                      "disk:free=1%;",
                                      "disk:free=1%,",
                                      "disk:free=101%",
                                      "disk:free=-1",
                                      "disk:free=9223372036854775807K",
                                      "disk:free=10MB",
                                      "disk:free=M",
                                      "disk:limit=1",
                                      "memory:timeout=1",
                                      "memory:pressure=0%",
                                      "memory:pressure=7",
                                      "loop-lag:limit=0",
                                      "workspace:path=relative",
                                      "workspace:path=/\xff",
                                      "process:gate=none",
                                      "plugin/x:gate=none",
                                      "port/:gate=none",
                                      "port/0",
                                      "port/080",
                                      "port/+80",
                                      "port/65536",
                                      "port/1x",
                                      "port/123456789012345678901",
                                      "api:failures=0",
                                      "api:failures=101",
                                      "api:gate=",
                                      "api:gate=ready+",
                                      "api:gate=ready+none",
                                      "api:gate=READY",
                                      "api:timeout=601"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        print_message("%s\n", bad[i]);
        assert_true(strlen(refused(bad[i])) > 10);
    }
}

static void the_list_is_bounded(void **state)
{
    char name[32];
    (void)state;
    for (int i = 1; i <= HR_CHECK_SETTINGS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "port/%d", i);
        (void)taken(name);
    }
    assert_string_equal(refused("port/99"), "no more than 16 checks");
    (void)taken("port/3:period=9"); /* one that is there */
}

/* As long as it can get: still whole, and read back the same. */
static void the_longest_list_fits(void **state)
{
    char one[HR_CHECK_SETTING_PATH + 200];
    struct hr_check_settings again = {.count = 0};
    char copy[HR_CHECK_SETTING_TEXT];
    (void)state;
    for (int i = 1; i < HR_CHECK_SETTINGS_MAX; i++) {
        (void)snprintf(one, sizeof(one),
                       "port/%d:period=86399.999,timeout=599.999,failures=100,successes=100,"
                       "gate=ready+live",
                       65520 + i);
        (void)taken(one);
    }
    (void)snprintf(one, sizeof(one),
                   "workspace:period=86399.999,timeout=599.999,failures=100,"
                   "successes=100,gate=ready+live,path=");
    size_t n = strlen(one);
    memset(one + n, '/', HR_CHECK_SETTING_PATH - 1);
    one[n + HR_CHECK_SETTING_PATH - 1] = '\0';
    (void)taken(one);
    assert_true(strlen(text) < sizeof(text) - 1);
    assert_int_equal(hr_check_settings_parse(&again, text, why, sizeof(why)), 0);
    hr_check_settings_format(&again, copy);
    assert_string_equal(copy, text);
    one[n + HR_CHECK_SETTING_PATH - 1] = '/';
    one[n + HR_CHECK_SETTING_PATH] = '\0';
    (void)refused(one);
}

static void the_sidecar_gets_json(void **state)
{
    (void)state;
    (void)taken("disk:free=10%,gate=ready;memory:free=1K,pressure=7%;port/80;alive:limit=1.5,"
                "period=2,timeout=3,failures=4,successes=5;workspace:path=/w,gate=none");
    json_t *j = hr_check_settings_json(&s);
    char *out = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(out, "{\"alive\":{\"failures\":4,\"limit_ms\":1500,\"period_ms\":2000,"
                             "\"successes\":5,\"timeout_ms\":3000},"
                             "\"disk\":{\"free_percent\":10,\"gates\":[\"ready\"]},"
                             "\"memory\":{\"free_bytes\":1024,\"pressure_percent\":7},"
                             "\"port/80\":{},"
                             "\"workspace\":{\"gates\":[],\"path\":\"/w\"}}");
    free(out);
    json_decref(j);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
    const struct CMUnitTest tests[] = {
        T(what_is_said_is_kept), T(every_key_and_unit),    T(what_is_wrong_is_said),
        T(the_list_is_bounded),  T(the_longest_list_fits), T(the_sidecar_gets_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
