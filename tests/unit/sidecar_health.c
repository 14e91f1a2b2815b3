/* SPDX-License-Identifier: MIT
 * What the health listener answers to whole requests: paths, methods, formats. */
#include "check.h"
#include "health_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct health_fixture fix;
static struct hr_buf answer;

static int set_up(void **state)
{
    (void)state;
    hr_buf_init(&answer, 1024 * 1024);
    health_fixture_open(&fix);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    health_fixture_close(&fix);
    hr_buf_free(&answer);
    return 0;
}

/* The answer to "METHOD /path" with more header lines; its status, and its body in *ret_body. */
static int ask(const char *line, const char *headers, const char **ret_body)
{
    char request[1024];
    answer.len = 0;
    int n = snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: x\r\n%s\r\n", line, headers);
    health_fixture_say(&fix, request, (size_t)n, &answer);
    const char *text = hr_buf_str(&answer);
    const char *gap = strstr(text, "\r\n\r\n");
    assert_int_equal(strncmp(text, "HTTP/1.1 ", 9), 0);
    assert_non_null(gap);
    assert_non_null(strstr(text, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
    *ret_body = gap + 4;
    return (int)strtol(text + 9, NULL, 10);
}

static json_t *healthz(int status)
{
    const char *body = NULL;
    assert_int_equal(ask("GET /healthz", "Accept: */*\r\n", &body), status);
    assert_non_null(strstr(hr_buf_str(&answer), "\r\nContent-Type: application/health+json\r\n"));
    json_t *page = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(page);
    return page;
}

static const char *status_of(json_t *page, const char *key)
{
    json_t *entry = json_array_get(json_object_get(json_object_get(page, "checks"), key), 0);
    const char *status = json_string_value(json_object_get(entry, "status"));
    return status ? status : "(none)";
}

static void healthz_has_everything(void **state)
{
    (void)state;
    json_t *page = healthz(503);
    assert_string_equal(json_string_value(json_object_get(page, "status")), "fail");
    assert_string_equal(json_string_value(json_object_get(page, "releaseId")), HR_VERSION);
    assert_string_equal(json_string_value(json_object_get(page, "output")),
                        "started: not measured yet");
    assert_string_equal(status_of(page, "ready:status"), "fail");
    assert_string_equal(status_of(page, "process:status"), "pass");
    json_t *ready =
        json_array_get(json_object_get(json_object_get(page, "checks"), "ready:status"), 0);
    assert_string_equal(json_string_value(json_object_get(ready, "output")), "not measured yet");
    assert_string_equal(json_string_value(json_object_get(ready, "componentType")), "component");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(ready, "affectedEndpoints"), 0)),
        "/readyz");
    /* It counts for /livez too, but does not make it fail yet. */
    json_t *alive =
        json_array_get(json_object_get(json_object_get(page, "checks"), "alive:status"), 0);
    assert_string_equal(json_string_value(json_object_get(alive, "status")), "warn");
    assert_null(json_object_get(alive, "affectedEndpoints"));
    json_decref(page);

    health_fixture_measure(&fix, 200);
    page = healthz(200);
    assert_string_equal(status_of(page, "ready:responseTime"), "pass");
    assert_string_not_equal(json_string_value(json_object_get(page, "status")), "fail");
    ready =
        json_array_get(json_object_get(json_object_get(page, "checks"), "ready:responseTime"), 0);
    assert_null(json_object_get(ready, "output"));
    json_decref(page);
}

static void healthz_is_text_for_who_wants_text(void **state)
{
    const char *body = NULL;
    (void)state;
    health_fixture_measure(&fix, 200);
    assert_int_equal(ask("GET /healthz", "Accept: text/plain\r\n", &body), 200);
    assert_string_equal(body, "ok");
    assert_non_null(strstr(hr_buf_str(&answer), "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(hr_buf_str(&answer), "\r\nVary: Accept\r\n"));
    assert_int_equal(ask("GET /healthz?verbose&exclude=ready", "Accept: text/plain\r\n", &body),
                     200);
    assert_non_null(strstr(body, "[+]started ok\n"));
    assert_non_null(strstr(body, "[+]ready excluded: ok\n"));
    assert_non_null(strstr(body, "\nhealthz check passed\n"));
    assert_int_equal(ask("GET /healthz/ready", "", &body), 200);
    assert_string_equal(body, "ok");
    assert_int_equal(ask("GET /healthz/nosuch", "", &body), 404);
    const struct hr_board_head draining = {
        .supervisor_pid = getppid(), .nservices = 1, .draining = 1};
    hr_board_put_head(fix.board, &draining);
    assert_int_equal(ask("GET /healthz", "Accept: text/plain\r\n", &body), 503);
    assert_non_null(strstr(body, "[-]draining failed: "));
    assert_int_equal(ask("GET /healthz/draining", "", &body), 503);
    assert_int_equal(strncmp(body, "internal server error: ", 23), 0);
}

static const char *time_of(json_t *page, const char *key)
{
    json_t *entry = json_array_get(json_object_get(json_object_get(page, "checks"), key), 0);
    return json_string_value(json_object_get(entry, "time"));
}

/* What is measured now and then has the time of its measurement, not that of the question. */
static void times_are_those_of_the_measurement(void **state)
{
    (void)state;
    health_fixture_measure(&fix, 200);
    json_t *first = healthz(200);
    const struct timespec pause = {.tv_nsec = 30 * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
    json_t *second = healthz(200);
    assert_string_not_equal(time_of(first, "process:status"), time_of(second, "process:status"));
    assert_string_not_equal(time_of(second, "ready:responseTime"),
                            time_of(second, "process:status"));
    json_decref(first);
    json_decref(second);
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        n++;
    return n;
}

/* Whole requests as they may come, and the status of the one answer to each. */
static void odd_requests_have_one_answer(void **state)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /livez HTTP/1.0\r\n\r\n", 200},
        {"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200},
        {"HEAD / HTTP/1.0\r\n\r\n", 200},
        {"GET /livez HTTP/1.1\r\n\r\n", 400},
        {"POST /livez HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", 400},
        {"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
        {"GET /livez HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
        {"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET /livez\r\n\r\n", 400},
        {"GET /livez HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n", 200},
        {"GET /livez HTTP/1.1\r\nHost: x\r\nIf-Match: \"x\"\r\n\r\n", 200},
        {"GET /livez HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"
         "\r\n\r\n",
         200},
        {"GET /livez HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n", 200},
        {"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", 200},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer.len = 0;
        health_fixture_say(&fix, cases[i].request, strlen(cases[i].request), &answer);
        const char *text = hr_buf_str(&answer);
        if (count(text, "HTTP/1.1 ") != 1 || strtol(text + 9, NULL, 10) != cases[i].status)
            fail_msg("%s is answered: %s", cases[i].request, text);
    }
}

static void methods_and_paths(void **state)
{
    static const struct {
        const char *line;
        int status;
    } cases[] = {
        {"GET /livez", 200},    {"HEAD /livez", 200},     {"GET http://other.host/livez", 200},
        {"GET /%6civez", 200},  {"POST /livez", 405},     {"OPTIONS /status", 405},
        {"get /livez", 405},    {"DELETE /metrics", 405}, {"GET /nosuch", 404},
        {"BREW /nosuch", 404},  {"OPTIONS *", 404},       {"GET /livez%00", 404},
        {"GET /livez/", 404},   {"GET //livez", 404},     {"GET /livez/../readyz", 404},
        {"GET /status/x", 404}, {"GET /livezz", 404},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *body = NULL;
        int status = ask(cases[i].line, "", &body);
        if (status != cases[i].status)
            fail_msg("%s: %d", cases[i].line, status);
        bool allow = strstr(hr_buf_str(&answer), "\r\nAllow: GET, HEAD\r\n") != NULL;
        assert_int_equal(allow, status == 405);
    }
}

static long content_length(void)
{
    const char *at = strstr(hr_buf_str(&answer), "\r\nContent-Length: ");
    assert_non_null(at);
    return strtol(at + 18, NULL, 10);
}

/* HEAD is GET without the body, whatever the answer is. */
static void head_is_get_without_the_body(void **state)
{
    static const char *const paths[] = {"/livez",   "/readyz", "/readyz?verbose", "/plugins",
                                        "/crashes", "/nosuch", "/readyz/ready"};
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char line[64];
        const char *body = NULL;
        (void)snprintf(line, sizeof(line), "GET %s", paths[i]);
        int status = ask(line, "", &body);
        long length = content_length();
        assert_int_equal(length, strlen(body));
        (void)snprintf(line, sizeof(line), "HEAD %s", paths[i]);
        assert_int_equal(ask(line, "", &body), status);
        assert_int_equal(content_length(), length);
        assert_string_equal(body, "");
    }
}

/* Of the four named excludes two are the same, one is empty and one is full of odd bytes. */
static void excludes_come_from_the_query(void **state)
{
    const char *body = NULL;
    (void)state;
    health_fixture_measure(&fix, 200);
    assert_int_equal(
        ask("GET /readyz?exclude=b%0a%ff&exclude&verbose=no&exclude=ready,init&exclude=ready"
            "&exclude=ready&exclude=%00&Exclude=init",
            "", &body),
        200);
    assert_non_null(strstr(body, "[+]ready excluded: ok\n[+]init ok\n"));
    assert_non_null(strstr(body,
                           "warn: some health checks cannot be excluded: no matches for "
                           "\"\",\"%00\",\"b\\n\\xff\",\"ready,init\"\nreadyz check passed\n"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(healthz_has_everything),
        T(healthz_is_text_for_who_wants_text),
        T(times_are_those_of_the_measurement),
        T(odd_requests_have_one_answer),
        T(methods_and_paths),
        T(head_is_get_without_the_body),
        T(excludes_come_from_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
