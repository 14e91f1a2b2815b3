/* SPDX-License-Identifier: MIT
 * The metrics page: families whole and named once, numbers from the board, a full page refused. */
#include "sidecar/metrics/metrics.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hr_board *board;
static int board_fd = -1;
static struct hr_metrics_board source;
static struct hr_buf page;

static int set_up(void **state)
{
    (void)state;
    struct hr_board_head head = {.supervisor_pid = 7,
                                 .nservices = 3,
                                 .draining = 1,
                                 .started_ms = hr_now_ms() - 90000,
                                 .started_wall_ms = 1700000123500};
    struct hr_board_service server = {
        .name = "server", .state = HR_BACKOFF, .starts = 3, .failures = 2, .last_status = SIGKILL};
    struct hr_board_service sidecar = {.name = "sidecar",
                                       .state = HR_UP,
                                       .pid = 9,
                                       .starts = 1,
                                       .started_ms = hr_now_ms() - 5000,
                                       .last_status = -1};
    struct hr_board_service host = {
        .name = "toolhost/a\"b\\c", .state = HR_FAILED, .last_status = 70 << 8};
    hr_buf_init(&page, HR_METRICS_MAX);
    if (hr_board_create(&board, &board_fd))
        return -1;
    hr_board_put_head(board, &head);
    hr_board_put_service(board, 0, &server);
    hr_board_put_service(board, 1, &sidecar);
    hr_board_put_service(board, 2, &host);
    hr_board_put_output(board, 2,
                        &(struct hr_board_output){.lines = 3, .bytes = 200, .dropped_lines = 1});
    source.board = board;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hr_buf_free(&page);
    hr_board_unmap(board);
    hr_close(&board_fd);
    return 0;
}

static void has(const char *line)
{
    if (!strstr(hr_buf_str(&page), line))
        fail_msg("no \"%s\" in:\n%s", line, hr_buf_str(&page));
}

static void hasnt(const char *text)
{
    if (strstr(hr_buf_str(&page), text))
        fail_msg("\"%s\" in:\n%s", text, hr_buf_str(&page));
}

static void the_board_is_told(void **state)
{
    (void)state;
    struct hr_metrics m = {.count = 0};
    hr_metrics_add(&m, hr_metrics_collect_board, &source);
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &page), 0);
    has("\nhandrail_draining 1\n");
    has("\nhandrail_start_time_seconds 1700000123\n");
    has("\nhandrail_service_up{service=\"server\"} 0\n");
    has("\nhandrail_service_up{service=\"sidecar\"} 1\n");
    has("\nhandrail_service_state{service=\"server\",state=\"backoff\"} 1\n");
    has("\nhandrail_service_state{service=\"server\",state=\"up\"} 0\n");
    has("\nhandrail_service_starts_total{service=\"server\"} 3\n");
    has("\nhandrail_service_failures_total{service=\"server\"} 2\n");
    has("\nhandrail_service_uptime_seconds{service=\"server\"} 0\n");
    has("\nhandrail_service_uptime_seconds{service=\"sidecar\"} 5");
    has("\nhandrail_service_last_exit_signal{service=\"server\"} 9\n");
    has("\nhandrail_service_last_exit_code{service=\"toolhost/a\\\"b\\\\c\"} 70\n");
    hasnt("last_exit_code{service=\"sidecar\"");
    hasnt("last_exit_signal{service=\"sidecar\"");
    hasnt("last_exit_signal{service=\"toolhost");
}

static double value_of(const char *name)
{
    const char *line = strstr(page.data, name);
    assert_non_null(line);
    return strtod(line + strlen(name), NULL);
}

static void the_server_is_told(void **state)
{
    (void)state;
    struct hr_metrics m = {.count = 0};
    struct hr_board_server own = {.replays = 2, .replay_errors = 1};
    hr_metrics_add(&m, hr_metrics_collect_board, &source);
    hr_board_put_server(board, &own);
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &page), 0);
    has("\nhandrail_init_replays_total{result=\"success\"} 2\n");
    has("\nhandrail_init_replays_total{result=\"failure\"} 1\n");
    hasnt("heartbeat"); /* there was none yet */
    hasnt("loop_lag");
    own.beat_ms = hr_now_ms() - 7000;
    own.lag_ms = -1;
    hr_board_put_server(board, &own);
    hr_buf_reset(&page);
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &page), 0);
    double age =
        (double)hr_wall_ms() / 1000 - value_of("\nhandrail_server_heartbeat_timestamp_seconds ");
    assert_true(age > 6.9 && age < 9);
    hasnt("loop_lag");
    own.lag_ms = 1500;
    hr_board_put_server(board, &own);
    hr_buf_reset(&page);
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &page), 0);
    has("\nhandrail_server_loop_lag_seconds 1.5\n");
}

static void what_was_written_is_told(void **state)
{
    (void)state;
    struct hr_metrics m = {.count = 0};
    hr_metrics_add(&m, hr_metrics_collect_board, &source);
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &page), 0);
    has("\nhandrail_log_lines_total{service=\"server\"} 0\n");
    has("\nhandrail_log_lines_total{service=\"toolhost/a\\\"b\\\\c\"} 3\n");
    has("\nhandrail_log_bytes_total{service=\"toolhost/a\\\"b\\\\c\"} 200\n");
    has("\nhandrail_log_dropped_lines_total{service=\"toolhost/a\\\"b\\\\c\"} 1\n");
}

static void the_build_is_told(void **state)
{
    (void)state;
    struct hr_metrics m = {.count = 0};
    hr_metrics_add(&m, hr_metrics_collect_build, NULL);
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &page), 0);
    has("\nhandrail_build_info{version=\"");
}

static void requests_are_counted(void **state)
{
    (void)state;
    struct hr_metrics m = {.count = 0};
    struct hr_metrics_requests r = {0};
    hr_metrics_add(&m, hr_metrics_collect_requests, &r);
    hr_metrics_request(&r, HR_EP_READYZ, 503);
    hr_metrics_request(&r, HR_EP_READYZ, 503);
    hr_metrics_request(&r, HR_EP_OTHER, 404);
    hr_metrics_request(&r, HR_NENDPOINTS, 200); /* ignored, all three */
    hr_metrics_request(&r, HR_EP_LIVEZ, 99);
    hr_metrics_request(&r, HR_EP_LIVEZ, 600);
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &page), 0);
    has("{endpoint=\"/readyz\",code=\"5xx\"} 2\n");
    has("{endpoint=\"/readyz\",code=\"2xx\"} 0\n");
    has("{endpoint=\"other\",code=\"4xx\"} 1\n");
    has("{endpoint=\"/livez\",code=\"2xx\"} 0\n");
    hasnt("1xx");
}

/* Every family is declared once, and all of its samples follow it at once. */
static void families_are_whole(void **state)
{
    (void)state;
    struct hr_metrics m = {.count = 0};
    struct hr_metrics_requests r = {0};
    char family[128] = "";
    char seen[64][128];
    int nseen = 0;
    hr_metrics_add(&m, hr_metrics_collect_build, NULL);
    hr_metrics_add(&m, hr_metrics_collect_board, &source);
    hr_metrics_add(&m, hr_metrics_collect_requests, &r);
    hr_board_put_server(board, &(struct hr_board_server){.beat_ms = 1});
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &page), 0);
    assert_int_equal(page.data[page.len - 1], '\n');
    for (const char *p = page.data; *p; p = strchr(p, '\n') + 1) {
        if (strncmp(p, "# TYPE ", 7) == 0) {
            assert_memory_equal(p + 7, family, strlen(family));
        } else if (strncmp(p, "# HELP ", 7) == 0) {
            (void)snprintf(family, sizeof(family), "%.*s", (int)strcspn(p + 7, " "), p + 7);
            for (int i = 0; i < nseen; i++)
                assert_string_not_equal(seen[i], family);
            assert_true(nseen < 64);
            memcpy(seen[nseen++], family, sizeof(family));
        } else {
            assert_int_equal(strcspn(p, "{ "), strlen(family));
            assert_memory_equal(p, family, strlen(family));
        }
    }
    assert_true(nseen >= 14);
}

static void a_page_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    struct hr_metrics m = {.count = 0};
    struct hr_buf small;
    hr_buf_init(&small, 200);
    hr_metrics_add(&m, hr_metrics_collect_board, &source);
    assert_int_equal(hr_metrics_render(&m, HR_EXPO_TEXT, &small), -E2BIG);
    hr_buf_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_board_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_server_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_written_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_build_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(families_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_that_does_not_fit_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
