/* SPDX-License-Identifier: MIT
 * loader/toolhost: what all calls together may take, and when it is free again. */
#include "loader/toolhost/dispatch.h"

#include "common/clock.h"
#include "loader/toolhost/host.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONN = 1, TIMEOUT_MS = 60 * 1000 };

static struct hr_dispatch d;
static int wake_fd;
static bool is_full; /* the peer does not read */
static unsigned nanswers;
static handrail_status answered; /* the last one */

/* --- a plugin --- */

static handrail_status wait_for_cancel(void *self, handrail_call *call, const char *args,
                                       size_t len)
{
    (void)self;
    (void)call;
    (void)args;
    (void)len;
    return HANDRAIL_PENDING;
}

static void cancel(void *self, handrail_call *call)
{
    (void)self;
    hr_host_services()->complete(hr_host_services(), call, HANDRAIL_E_CANCELLED);
}

static handrail_status say_much(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self;
    (void)args;
    (void)len;
    const size_t n = HR_RESULT_MAX - 100;
    char *text = malloc(n);
    if (!text)
        return HANDRAIL_E_NOMEM;
    memset(text, 'x', n);
    handrail_status status = hr_host_services()->add_text(hr_host_services(), call, text, n);
    free(text);
    return status;
}

enum { WAITS, ALONE, SAYS };
static handrail_tool tools[] = {
    [WAITS] = {.name = "waits", .invoke = wait_for_cancel},
    [ALONE] = {.name = "alone", .invoke = wait_for_cancel, .max_concurrency = 1},
    [SAYS] = {.name = "says", .invoke = say_much},
};
static struct hr_plugin plugin = {
    .id = "test", .api = {.cancel = cancel}, .tools = tools, .ntools = 3};

/* --- its peer --- */

static void take(void *arg, uint64_t conn, enum hr_frame_type type, uint64_t id,
                 const void *payload, size_t len)
{
    (void)arg;
    (void)id;
    assert_int_equal(conn, CONN);
    assert_int_equal(type, HR_FRAME_RESULT);
    assert_true(len >= sizeof(answered));
    memcpy(&answered, payload, sizeof(answered));
    nanswers++;
}

static bool full(void *arg, uint64_t conn)
{
    (void)arg;
    return conn && is_full;
}

/* A call with arguments of so many bytes.  Is it accepted? */
static bool accepts(uint64_t id, uint32_t tool, size_t size)
{
    const struct hr_frame_call head = {.tool = tool, .timeout_ms = TIMEOUT_MS};
    char *payload = calloc(1, sizeof(head) + size);
    assert_non_null(payload);
    memcpy(payload, &head, sizeof(head));
    nanswers = 0;
    assert_int_equal(hr_dispatch_call(&d, CONN, id, payload, sizeof(head) + size), 0);
    free(payload);
    if (nanswers)
        assert_int_equal(answered, HANDRAIL_E_UNAVAILABLE);
    return nanswers == 0;
}

static void await_news(void)
{
    uint64_t count = 0;
    struct pollfd p = {.fd = wake_fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 20 * 1000), 1);
    assert_int_equal(read(wake_fd, &count, sizeof(count)), sizeof(count));
}

/* Collect until cond. */
#define UNTIL(cond)                                                                                \
    for (hr_dispatch_collect(&d); !(cond); hr_dispatch_collect(&d))                                \
    await_news()

static int drop_all(void **state)
{
    (void)state;
    is_full = false;
    hr_dispatch_drop(&d, CONN);
    UNTIL(hr_dispatch_idle());
    assert_int_equal(d.args_bytes, 0);
    assert_int_equal(d.held_bytes, 0);
    assert_int_equal(d.nwaiting, 0);
    assert_int_equal(d.busy, 0);
    return 0;
}

/* --- the tests --- */

static void arguments(void **state)
{
    (void)state;
    assert_true(accepts(1, WAITS, HR_ARGS_MAX / 2));
    assert_true(accepts(2, WAITS, HR_ARGS_MAX / 2));
    assert_false(accepts(3, WAITS, 1));
    hr_dispatch_cancel(&d, CONN, 1);
    UNTIL(d.args_bytes == HR_ARGS_MAX / 2);
    assert_false(accepts(3, WAITS, HR_ARGS_MAX / 2 + 1));
    assert_true(accepts(3, WAITS, HR_ARGS_MAX / 2));
}

static void waiting(void **state)
{
    (void)state;
    enum { LAST = HR_WAITING_MAX + 1 };
    for (uint64_t id = 1; id <= LAST; id++)
        assert_true(accepts(id, ALONE, 2));
    assert_false(accepts(LAST + 1, ALONE, 2));
    assert_true(accepts(LAST + 2, WAITS, 2)); /* which need not wait */
    hr_dispatch_cancel(&d, CONN, 7);          /* one that waits */
    assert_true(accepts(LAST + 3, ALONE, 2));
    assert_false(accepts(LAST + 4, ALONE, 2));
    hr_dispatch_cancel(&d, CONN, 1); /* the one that runs: the next one begins */
    UNTIL(d.nwaiting < HR_WAITING_MAX);
    assert_true(accepts(LAST + 5, ALONE, 2));
    assert_false(accepts(LAST + 6, ALONE, 2));
}

static void begin_held(uint64_t id)
{
    size_t before = d.held_bytes;
    is_full = true;
    assert_true(accepts(id, SAYS, 2));
    UNTIL(d.held_bytes > before);
    assert_int_equal(nanswers, 0);
}

static void held(void **state)
{
    (void)state;
    uint64_t n = 0;
    while (d.held_bytes < HR_HELD_MAX)
        begin_held(++n);
    assert_int_equal(n, HR_HELD_MAX / (HR_RESULT_MAX - 100) + 1);
    assert_true(accepts(n + 1, WAITS, 2));
    hr_dispatch_collect(&d);
    assert_int_equal(d.nwaiting, 1); /* though there are threads for it */
    is_full = false;
    hr_dispatch_collect(&d);
    assert_int_equal(nanswers, n);
    assert_int_equal(answered, HANDRAIL_OK);
    assert_int_equal(d.nwaiting, 0);
}

/* What nobody waits for any more need not wait for anything. */
static void held_for_nobody(void **state)
{
    (void)state;
    struct hr_call *stuck = NULL;
    begin_held(1);
    hr_dispatch_drop(&d, CONN);
    assert_int_equal(hr_dispatch_expire(&d, hr_now_ms(), &stuck), 0);
    hr_dispatch_collect(&d);
    assert_true(hr_dispatch_idle());
    assert_int_equal(nanswers, 0);

    begin_held(1);
    assert_int_equal(hr_dispatch_expire(&d, hr_now_ms() + TIMEOUT_MS, &stuck), 0);
    assert_int_equal(nanswers, 1);
    assert_int_equal(answered, HANDRAIL_E_TIMEOUT);
    hr_dispatch_collect(&d);
    assert_true(hr_dispatch_idle());
    assert_null(stuck);
}

int main(void)
{
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    hr_calls_init(wake_fd);
    if (wake_fd < 0 || hr_dispatch_init(&d, &plugin, take, full, NULL))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(arguments, drop_all),
        cmocka_unit_test_teardown(waiting, drop_all),
        cmocka_unit_test_teardown(held, drop_all),
        cmocka_unit_test_teardown(held_for_nobody, drop_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
