/* SPDX-License-Identifier: MIT
 * Events that wait: their order, and who goes when there are too many. */
#include "sidecar/webhook/queue.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hr_event_queue q;

static unsigned add(int number, size_t len, bool held)
{
    char *body = calloc(1, len + 1);
    assert_non_null(body);
    (void)snprintf(body, len + 1, "%d", number);
    return hr_event_queue_add(&q, body, len, held);
}

static int first(void)
{
    size_t len = 0;
    const char *body = hr_event_queue_first(&q, &len);
    return body ? atoi(body) : -1;
}

static int take(void)
{
    int number = first();
    hr_event_queue_pop(&q);
    return number;
}

static void in_order(void **state)
{
    (void)state;
    assert_int_equal(first(), -1);
    for (int round = 0; round < 1000; round++) { /* around the ring several times */
        for (int i = 0; i < 3; i++)
            assert_int_equal(add(3 * round + i, 10, false), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(take(), 3 * round + i);
    }
    assert_int_equal(first(), -1);
    assert_int_equal(q.bytes, 0);
}

static void the_oldest_go(void **state)
{
    (void)state;
    for (int i = 0; i < HR_EVENTS_MAX; i++)
        assert_int_equal(add(i, 10, false), 0);
    assert_int_equal(add(HR_EVENTS_MAX, 10, false), 1);
    assert_int_equal(q.n, HR_EVENTS_MAX);
    for (int i = 1; i <= HR_EVENTS_MAX; i++)
        assert_int_equal(take(), i);
    assert_int_equal(q.n, 0);
}

static void but_not_the_one_that_is_being_sent(void **state)
{
    (void)state;
    for (int i = 0; i < HR_EVENTS_MAX; i++)
        assert_int_equal(add(i, 10, false), 0);
    for (int i = 0; i < HR_EVENTS_MAX + 7; i++)
        assert_int_equal(add(HR_EVENTS_MAX + i, 10, true), 1);
    assert_int_equal(take(), 0);
    for (int i = HR_EVENTS_MAX + 8; i < 2 * HR_EVENTS_MAX + 7; i++)
        assert_int_equal(take(), i);
    assert_int_equal(q.n, 0);
    assert_int_equal(q.bytes, 0);
}

static void bytes_are_bounded_too(void **state)
{
    (void)state;
    assert_int_equal(add(0, HR_EVENT_BODY_MAX + 1, false), 1); /* itself */
    assert_int_equal(q.n, 0);
    int room = HR_EVENTS_BYTES_MAX / HR_EVENT_BODY_MAX;
    for (int i = 0; i < room; i++)
        assert_int_equal(add(i, HR_EVENT_BODY_MAX, false), 0);
    assert_int_equal(q.bytes, HR_EVENTS_BYTES_MAX);
    assert_int_equal(add(room, 1, false), 1);
    assert_int_equal(first(), 1);
    assert_int_equal(add(room + 1, HR_EVENT_BODY_MAX, true), 1);
    assert_int_equal(first(), 1);
    assert_true(q.bytes <= HR_EVENTS_BYTES_MAX);
    hr_event_queue_free(&q);
    assert_int_equal(q.n, 0);
    assert_int_equal(q.bytes, 0);
    assert_int_equal(add(7, 1, true), 0); /* held, and there is none: as after an end */
    hr_event_queue_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(the_oldest_go),
        cmocka_unit_test(but_not_the_one_that_is_being_sent),
        cmocka_unit_test(bytes_are_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
