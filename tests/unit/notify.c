/* SPDX-License-Identifier: MIT
 * The notification socket: what is understood, and what strangers may put into a datagram. */
#include "loader/supervisor/notify.h"

#include "check.h"
#include "common/fd.h"
#include "common/packet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct hr_notice parse(const char *text)
{
    static char copy[HR_NOTIFY_MAX];
    struct hr_notice n;
    (void)snprintf(copy, sizeof(copy), "%s", text);
    hr_notice_parse(copy, &n);
    return n;
}

static void what_is_understood(void **state)
{
    (void)state;
    struct hr_notice n = parse("READY=1\nSTATUS=all is well\nWATCHDOG=1\nX_HANDRAIL_LAG_MS=12\n");
    assert_true(n.ready && n.beat && !n.stopping && !n.trigger && !n.agent_ok);
    assert_string_equal(n.status, "all is well");
    assert_int_equal(n.lag_ms, 12);
    assert_int_equal(n.watchdog_ms, -1);
    assert_int_equal(n.init_bytes, -1);
    n = parse("WATCHDOG=trigger\nSTOPPING=1\nWATCHDOG_USEC=30000000");
    assert_true(n.trigger && n.stopping && !n.beat && !n.ready);
    assert_int_equal(n.watchdog_ms, 30000);
    n = parse("X_HANDRAIL_AGENT=ok");
    assert_true(n.agent_ok && !n.activity);
    assert_true(parse("X_HANDRAIL_ACTIVITY=1").activity);
    n = parse("X_HANDRAIL_AGENT_ERROR=module x: a=b\nX_HANDRAIL_INIT=77");
    assert_string_equal(n.agent_error, "module x: a=b");
    assert_int_equal(n.init_bytes, 77);
}

static void what_is_not(void **state)
{
    static const char *const nothing[] = {"",
                                          "\n\n",
                                          "READY=0",
                                          "READY",
                                          "READY=11",
                                          "XREADY=1",
                                          "ready=1",
                                          "WATCHDOG=",
                                          "WATCHDOG_USEC=-5",
                                          "WATCHDOG_USEC=1e9",
                                          "=",
                                          "BARRIER=1\nFDSTORE=1",
                                          "X_HANDRAIL_LAG_MS=-1",
                                          "X_HANDRAIL_ACTIVITY=0",
                                          "X_HANDRAIL_ACTIVITY=11",
                                          "X_HANDRAIL_INIT=99999999999999999999",
                                          "MAINPID=1"};
    (void)state;
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        struct hr_notice n = parse(nothing[i]);
        assert_false(n.ready || n.stopping || n.beat || n.trigger || n.agent_ok || n.activity);
        assert_int_equal(n.watchdog_ms, -1);
        assert_int_equal(n.lag_ms, -1);
        assert_int_equal(n.init_bytes, -1);
        assert_null(n.status);
        assert_null(n.agent_error);
    }
    assert_int_equal(parse("WATCHDOG_USEC=9223372036854775807").watchdog_ms, 86400000);
}

static void who_sent_it_is_known(void **state)
{
    char name[HR_NOTIFY_NAME_MAX];
    char text[HR_NOTIFY_MAX];
    struct hr_packet p;
    int fd = -1;
    (void)state;
    assert_int_equal(hr_notify_open(name, &fd), 0);
    assert_int_equal(name[0], '@');
    assert_int_equal(hr_packet_read(fd, text, sizeof(text), &p), -EAGAIN);
    assert_int_equal(hr_notify_upwards(name, "READY=1"), 0);
    assert_int_equal(hr_packet_read(fd, text, sizeof(text), &p), 0);
    assert_string_equal(text, "READY=1");
    assert_int_equal(p.from, getpid());
    assert_int_equal(p.nfds, 0);
    hr_close(&fd);
}

static void names_that_are_none(void **state)
{
    char longer[200];
    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(hr_notify_upwards("", "READY=1"), -EINVAL);
    assert_int_equal(hr_notify_upwards("@", "READY=1"), -EINVAL);
    assert_int_equal(hr_notify_upwards("relative", "READY=1"), -EINVAL);
    assert_int_equal(hr_notify_upwards(longer, "READY=1"), -ENAMETOOLONG);
    assert_int_equal(hr_notify_upwards("/does/not/exist", "READY=1"), -ENOENT);
    assert_int_equal(hr_notify_upwards("@handrail/nobody", "READY=1"), -ECONNREFUSED);
}

/* The reader is asleep and its queue is full: we do not wait for it. */
static void a_full_queue_is_not_waited_for(void **state)
{
    char name[HR_NOTIFY_NAME_MAX];
    int fd = -1;
    int err = 0;
    (void)state;
    assert_int_equal(hr_notify_open(name, &fd), 0);
    for (int i = 0; i < 100000 && !err; i++)
        err = hr_notify_upwards(name, "WATCHDOG=1");
    assert_int_equal(err, -EAGAIN);
    hr_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_understood),
        cmocka_unit_test(what_is_not),
        cmocka_unit_test(who_sent_it_is_known),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(a_full_queue_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
