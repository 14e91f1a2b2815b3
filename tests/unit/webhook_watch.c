/* SPDX-License-Identifier: MIT
 * What has happened, from a board that changes. */
#include "sidecar/webhook/watch.h"

#include "check.h"
#include "common/buf.h"
#include "common/fd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hr_board *writer;
static const struct hr_board *board;
static struct hr_watch watch;
static struct hr_buf told; /* "type data\n" of each */
static int fd = -1;

static json_t *crash(const struct hr_board_crash *c)
{
    return json_pack("{s:I}", "number", (json_int_t)c->number);
}

static void tell(const char *type, json_t *data, void *arg)
{
    char *text = json_dumps(data, JSON_COMPACT);
    assert_ptr_equal(arg, &watch);
    assert_non_null(text);
    assert_int_equal(hr_buf_addf(&told, "%s %s\n", type, text), 0);
    free(text);
    json_decref(data);
}

/* All that was told since the last call. */
static const char *heard(void)
{
    static char text[16384];
    (void)snprintf(text, sizeof(text), "%s", hr_buf_str(&told));
    hr_buf_reset(&told);
    return told.data || *text ? text : "";
}

static void put(uint32_t index, const char *name, uint32_t kind, uint32_t starts)
{
    struct hr_board_service s = {.kind = kind, .starts = starts, .state = HR_UP, .failures = 1};
    (void)snprintf(s.name, sizeof(s.name), "%s", name);
    hr_board_put_service(writer, index, &s);
}

static int64_t wall_ahead_ms; /* of the monotonic clock */

static void put_crash(uint64_t number, const char *service, uint32_t life)
{
    struct hr_board_crash c = {.number = number,
                               .life = life,
                               .wall_ms = (int64_t)number * 1000 + wall_ahead_ms,
                               .mono_ms = (int64_t)number * 1000};
    (void)snprintf(c.service, sizeof(c.service), "%s", service);
    hr_board_put_crash(writer, &c);
}

static struct hr_board_phase phases;

static void put_phase(enum hr_pod_phase phase, int64_t now_ms)
{
    hr_phase_enter(&phases, phase, now_ms, now_ms + wall_ahead_ms);
    hr_board_put_phase(writer, &phases);
}

static void put_head(uint32_t draining)
{
    struct hr_board_head head = {.nservices = 3, .draining = draining};
    hr_board_put_head(writer, &head);
}

static int open_board(void **state)
{
    (void)state;
    hr_buf_init(&told, 16384);
    if (hr_board_create(&writer, &fd) || hr_board_open(fd, &board))
        return 1;
    put_head(0);
    memset(&phases, 0, sizeof(phases));
    put_phase(HR_POD_STARTING, 0);
    put(0, "server", HR_SERVER, 1);
    put(1, "sidecar", HR_SIDECAR, 1);
    put(2, "toolhost/a", HR_TOOLHOST, 1);
    watch = (struct hr_watch){.board = board, .crash = crash, .tell = tell, .arg = &watch};
    return 0;
}

static int close_board(void **state)
{
    (void)state;
    hr_board_unmap(board);
    hr_board_unmap(writer);
    hr_close(&fd);
    hr_buf_free(&told);
    return 0;
}

static void nothing_is_told_of_a_start(void **state)
{
    (void)state;
    hr_watch_begin(&watch);
    hr_watch_look(&watch);
    assert_string_equal(heard(), "");
}

static void what_happens_is_told_once(void **state)
{
    (void)state;
    hr_watch_begin(&watch);
    put_crash(1, "server", 1);
    hr_watch_look(&watch);
    hr_watch_look(&watch);
    assert_string_equal(heard(), "service.crashed {\"number\":1}\n");
    put(0, "server", HR_SERVER, 2);
    hr_watch_look(&watch);
    hr_watch_look(&watch);
    assert_string_equal(heard(), "service.restarted {\"service\":\"server\",\"life\":2,"
                                 "\"failures\":1,\"state\":\"up\"}\n");
    put(0, "server", HR_SERVER, 5); /* several at once */
    hr_watch_look(&watch);
    assert_string_equal(heard(), "service.restarted {\"service\":\"server\",\"life\":5,"
                                 "\"failures\":1,\"state\":\"up\"}\n");
    put_head(HR_DRAINING_ORDER); /* is no stop */
    hr_watch_look(&watch);
    assert_string_equal(heard(), "");
    put_head(HR_DRAINING_STOP);
    hr_watch_look(&watch);
    hr_watch_look(&watch);
    assert_string_equal(heard(), "pod.stopping {}\n");
}

static void the_first_life_tells_what_was_before_it(void **state)
{
    (void)state;
    put_crash(1, "server", 1);
    put(0, "server", HR_SERVER, 2);
    hr_watch_begin(&watch);
    assert_string_equal(heard(), "service.crashed {\"number\":1}\n"
                                 "service.restarted {\"service\":\"server\",\"life\":2,"
                                 "\"failures\":1,\"state\":\"up\"}\n");
}

static void many_crashes_in_order(void **state)
{
    (void)state;
    hr_watch_begin(&watch);
    for (uint64_t i = 1; i <= HR_CRASHES_MAX + 3; i++)
        put_crash(i, "server", (uint32_t)i);
    hr_watch_look(&watch);
    const char *text = heard();
    for (int i = 4; i <= HR_CRASHES_MAX + 3; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "service.crashed {\"number\":%d}\n", i);
        assert_memory_equal(text, line, strlen(line));
        text += strlen(line);
    }
    assert_string_equal(text, "");
}

#define PHASE(from, to, at, seconds)                                                               \
    "pod.phase {\"from\":\"" from "\",\"to\":\"" to "\",\"at\":\"1970-01-01T00:00:0" at            \
    "Z\",\"seconds\":" seconds ",\"claim_uid\":null}\n"

static void phases_are_told(void **state)
{
    (void)state;
    hr_watch_begin(&watch);
    put_phase(HR_POD_WARMING, 500);
    put_phase(HR_POD_WARM, 1250);
    hr_watch_look(&watch);
    hr_watch_look(&watch);
    assert_string_equal(heard(), PHASE("starting", "warming", "0.500", "0.5")
                                     PHASE("warming", "warm", "1.250", "0.75"));
    (void)snprintf(phases.claim_uid, sizeof(phases.claim_uid), "uid-7");
    put_phase(HR_POD_CLAIMED, 2250);
    hr_watch_look(&watch);
    assert_non_null(strstr(heard(), "\"to\":\"claimed\",\"at\":\"1970-01-01T00:00:02.250Z\","
                                    "\"seconds\":1.0,\"claim_uid\":\"uid-7\"}"));
}

static void more_phases_than_are_kept(void **state)
{
    int lines = 0;
    (void)state;
    hr_watch_begin(&watch);
    for (int i = 0; i < 2 * HR_PHASE_STEPS; i++)
        put_phase(i % 2 ? HR_POD_WARM : HR_POD_WARMING, i);
    hr_watch_look(&watch);
    for (const char *c = heard(); *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, HR_PHASE_STEPS - 1);
}

static void a_plugin_in_anothers_place_is_no_restart(void **state)
{
    (void)state;
    hr_watch_begin(&watch);
    put(2, "toolhost/b", HR_TOOLHOST, 4);
    hr_watch_look(&watch);
    assert_string_equal(heard(), "");
    put(2, "toolhost/b", HR_TOOLHOST, 5);
    hr_watch_look(&watch);
    assert_non_null(strstr(heard(), "\"service\":\"toolhost/b\",\"life\":5"));
}

#define RESTARTED(life)                                                                            \
    "sidecar.restarted {\"life\":" life ",\"services\":["                                          \
    "{\"service\":\"server\",\"life\":3,\"failures\":1,\"state\":\"up\"},"                         \
    "{\"service\":\"sidecar\",\"life\":" life ",\"failures\":1,\"state\":\"up\"},"                 \
    "{\"service\":\"toolhost/a\",\"life\":1,\"failures\":1,\"state\":\"up\"}]}\n"

/* Of what was before, only how the life before ended, and what has come after that. */
static void a_later_life_does_not_tell_again(void **state)
{
    (void)state;
    put_crash(1, "server", 1);
    put_crash(2, "sidecar", 1);
    put_crash(3, "server", 2);
    put_crash(4, "sidecar", 2);
    put_crash(5, "toolhost/a", 1);
    put_phase(HR_POD_WARMING, 3999);
    put_phase(HR_POD_WARM, 4000); /* in the moment of the crash: rather twice than never */
    put_phase(HR_POD_CLAIMED, 4500);
    put(0, "server", HR_SERVER, 3);
    put(1, "sidecar", HR_SIDECAR, 3);
    hr_watch_begin(&watch);
    assert_string_equal(heard(), RESTARTED("3") "service.crashed {\"number\":4}\n"
                                                "service.crashed {\"number\":5}\n" PHASE(
                                                    "warming", "warm", "4.000", "0.001")
                                                    PHASE("warm", "claimed", "4.500", "0.5"));
    hr_watch_look(&watch);
    assert_string_equal(heard(), "");
    put_crash(6, "server", 3);
    hr_watch_look(&watch);
    assert_string_equal(heard(), "service.crashed {\"number\":6}\n");
}

/* The clock on the wall was set while all that happened, to one side or to the other. */
static void a_clock_that_is_set_changes_nothing(void **state)
{
    static const int64_t hour_ms = 3600000;
    for (int forwards = 0; forwards < 2; forwards++) {
        wall_ahead_ms = forwards ? 0 : hour_ms;
        put_phase(HR_POD_WARMING, 500);
        put_crash(1, "sidecar", 1);
        wall_ahead_ms = forwards ? hour_ms : 0;
        put_phase(HR_POD_WARM, 1500);
        put(0, "server", HR_SERVER, 3);
        put(1, "sidecar", HR_SIDECAR, 2);
        hr_watch_begin(&watch);
        const char *all = heard();
        assert_null(strstr(all, "\"to\":\"warming\""));
        assert_non_null(strstr(all, "\"to\":\"warm\""));
        (void)close_board(state);
        assert_int_equal(open_board(state), 0);
    }
    wall_ahead_ms = 0;
}

/* It was restarted because somebody wanted it: there is no crash of its own. */
static void a_later_life_after_no_crash(void **state)
{
    (void)state;
    put_crash(1, "sidecar", 1);
    put_crash(2, "server", 2);
    put_phase(HR_POD_WARMING, 5000);
    put(0, "server", HR_SERVER, 3);
    put(1, "sidecar", HR_SIDECAR, 3);
    put_head(1);
    hr_watch_begin(&watch);
    assert_string_equal(heard(), RESTARTED("3"));
    hr_watch_look(&watch); /* the stop had been told */
    assert_string_equal(heard(), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_board, close_board)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_told_of_a_start),
        TEST(what_happens_is_told_once),
        TEST(the_first_life_tells_what_was_before_it),
        TEST(many_crashes_in_order),
        TEST(a_clock_that_is_set_changes_nothing),
        TEST(phases_are_told),
        TEST(more_phases_than_are_kept),
        TEST(a_plugin_in_anothers_place_is_no_restart),
        TEST(a_later_life_does_not_tell_again),
        TEST(a_later_life_after_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
