/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/control_status.h"

#include "check.h"
#include "common/buf.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NOW_MS = 1000000 };

static struct hr_board *board;
static int board_fd;

static int make_board(void **state)
{
    (void)state;
    return hr_board_create(&board, &board_fd);
}

static int drop_board(void **state)
{
    (void)state;
    hr_board_unmap(board);
    hr_close(&board_fd);
    return 0;
}

/* What was written: one line, and valid, in which every key comes once. */
static json_t *answer(void)
{
    struct hr_buf text;
    int fd = memfd_create("answer", MFD_CLOEXEC);
    assert_int_equal(hr_control_status_json(fd, board, NOW_MS), 0);
    hr_buf_init(&text, 1024 * 1024);
    assert_int_equal(hr_read_fd(fd, &text), 0);
    assert_ptr_equal(strchr(hr_buf_str(&text), '\n'), text.data + text.len - 1);
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_true(json_is_true(json_object_get(root, "ok")));
    hr_buf_free(&text);
    hr_close(&fd);
    return root;
}

/* Does root hold this JSON (with ' for ") under key? */
static void assert_json(const json_t *root, const char *key, const char *wanted)
{
    char text[1024];
    size_t n = strlen(wanted);
    assert_true(n < sizeof(text));
    for (size_t i = 0; i <= n; i++)
        text[i] = (char)(wanted[i] == '\'' ? '"' : wanted[i]);
    json_t *expected = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(expected);
    const json_t *got = json_object_get(root, key);
    if (!json_equal(got, expected)) {
        char *dump = json_dumps(got, JSON_ENCODE_ANY);
        fail_msg("%s is %s, expected %s", key, dump, text);
    }
    json_decref(expected);
}

static void put_three_services(void)
{
    const struct hr_board_head head = {
        .supervisor_pid = 1, .nservices = 3, .draining = 1, .started_ms = NOW_MS - 7500};
    const struct hr_board_service services[] = {{.name = "server",
                                                 .state = HR_UP,
                                                 .pid = 17,
                                                 .starts = 3,
                                                 .failures = 2,
                                                 .last_status = SIGKILL,
                                                 .state_since_ms = NOW_MS - 1000,
                                                 .started_ms = NOW_MS - 2001},
                                                {.name = "sidecar",
                                                 .state = HR_STARTING,
                                                 .pid = 18,
                                                 .starts = 1,
                                                 .last_status = -1,
                                                 .state_since_ms = NOW_MS,
                                                 .started_ms = NOW_MS},
                                                {.name = "toolhost/a\"b",
                                                 .state = HR_BACKOFF,
                                                 .starts = 9,
                                                 .failures = 9,
                                                 .last_status = 3 << 8,
                                                 .state_since_ms = NOW_MS - 5,
                                                 .retry_at_ms = NOW_MS + 1234,
                                                 .reason = "ended with code 3\xff\n"}};
    hr_board_put_head(board, &head);
    for (uint32_t i = 0; i < 3; i++)
        hr_board_put_service(board, i, &services[i]);
}

static void status_tells_what_the_board_holds(void **state)
{
    const struct hr_board_server server = {.beat_ms = NOW_MS - 2500,
                                           .lag_ms = 12,
                                           .replay_life = 3,
                                           .recorded = 1,
                                           .replays = 4,
                                           .replay_errors = 5,
                                           .agent = HR_AGENT_WRONG,
                                           .agent_error = "no such class",
                                           .status = "serving"};
    (void)state;
    put_three_services();
    hr_board_put_server(board, &server);
    json_t *root = answer();
    assert_json(root, "version", "'" HR_VERSION "'");
    assert_json(root, "pid", "1");
    assert_json(root, "uptime_seconds", "7.5");
    assert_json(root, "draining", "true");
    assert_json(root, "server",
                "{'heartbeat_age_seconds': 2.5, 'loop_lag_ms': 12, 'status': 'serving', 'agent': "
                "'wrong', 'agent_error': 'no such class', 'recorded': true, 'initialised': false, "
                "'replays': 4, 'replay_errors': 5}");
    assert_json(root, "services",
                "[{'name': 'server', 'state': 'up', 'pid': 17, 'starts': 3, 'failures': 2, "
                "'uptime_seconds': 2.001, 'state_seconds': 1.0, 'retry_in_ms': null, "
                "'last_exit': {'signal': 9}, 'reason': null},"
                "{'name': 'sidecar', 'state': 'starting', 'pid': 18, 'starts': 1, 'failures': 0, "
                "'uptime_seconds': 0.0, 'state_seconds': 0.0, 'retry_in_ms': null, "
                "'last_exit': null, 'reason': null},"
                "{'name': 'toolhost/a\\'b', 'state': 'backoff', 'pid': null, 'starts': 9, "
                "'failures': 9, 'uptime_seconds': null, 'state_seconds': 0.005, "
                "'retry_in_ms': 1234, 'last_exit': {'code': 3}, "
                "'reason': 'ended with code 3\\ufffd\\n'}]");
    json_decref(root);
}

static void what_is_not_known_is_null(void **state)
{
    const struct hr_board_head head = {.supervisor_pid = 1, .nservices = 1};
    const struct hr_board_service s = {.name = "server", .last_status = -1};
    (void)state;
    hr_board_put_head(board, &head);
    hr_board_put_service(board, 0, &s);
    json_t *root = answer();
    assert_json(root, "server",
                "{'heartbeat_age_seconds': null, 'loop_lag_ms': null, 'status': null, 'agent': "
                "'unknown', 'agent_error': null, 'recorded': false, 'initialised': null, "
                "'replays': 0, 'replay_errors': 0}");
    assert_json(root, "services",
                "[{'name': 'server', 'state': 'down', 'pid': null, 'starts': 0, 'failures': 0, "
                "'uptime_seconds': null, 'state_seconds': null, 'retry_in_ms': null, "
                "'last_exit': null, 'reason': null}]");
    json_decref(root);
}

static void a_life_after_the_replay_is_initialised(void **state)
{
    struct hr_board_server server = {.lag_ms = -1, .recorded = 1};
    (void)state;
    put_three_services();
    hr_board_put_server(board, &server);
    json_t *root = answer();
    assert_true(json_is_true(json_object_get(json_object_get(root, "server"), "initialised")));
    json_decref(root);
    server.replay_life = 2; /* an earlier life's */
    hr_board_put_server(board, &server);
    root = answer();
    assert_true(json_is_true(json_object_get(json_object_get(root, "server"), "initialised")));
    json_decref(root);
}

static void as_many_services_as_there_can_be(void **state)
{
    const struct hr_board_head head = {.supervisor_pid = 1, .nservices = HR_MAX_SERVICES};
    struct hr_board_service s = {.state = HR_FAILED, .last_status = -1};
    (void)state;
    memset(s.name, 1, sizeof(s.name)); /* no NUL, and each byte becomes six */
    memset(s.reason, 0xff, sizeof(s.reason));
    hr_board_put_head(board, &head);
    for (uint32_t i = 0; i < HR_MAX_SERVICES; i++)
        hr_board_put_service(board, i, &s);
    json_t *root = answer();
    assert_int_equal(json_array_size(json_object_get(root, "services")), HR_MAX_SERVICES);
    json_decref(root);
}

static void an_error_of_the_file_is_told(void **state)
{
    (void)state;
    put_three_services();
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(hr_control_status_json(fd, board, NOW_MS), -ENOSPC);
    hr_close(&fd);
    assert_int_equal(hr_control_status_json(-1, board, NOW_MS), -EBADF);
}

#define with_board(test) cmocka_unit_test_setup_teardown(test, make_board, drop_board)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_board(status_tells_what_the_board_holds),
        with_board(what_is_not_known_is_null),
        with_board(a_life_after_the_replay_is_initialised),
        with_board(as_many_services_as_there_can_be),
        with_board(an_error_of_the_file_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
