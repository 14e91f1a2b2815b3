/* SPDX-License-Identifier: MIT */
#include "common/frame.h"

#include "check.h"
#include "common/buf.h"

#include <errno.h>
#include <string.h>

static void a_frame_arrives_whole_or_not_at_all(void **state)
{
    struct hr_buf b;
    struct hr_frame h;
    const char *payload = NULL;
    (void)state;
    hr_buf_init(&b, 1000);
    assert_int_equal(hr_frame_add(&b, HR_FRAME_CALL, 7, "hello", 5), 0);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(hr_frame_peek(b.data, n, &h, &payload), 0);
    assert_int_equal(hr_frame_peek(b.data, b.len, &h, &payload), 1);
    assert_int_equal(h.id, 7);
    assert_int_equal(h.type, HR_FRAME_CALL);
    assert_int_equal(h.len, 5);
    assert_memory_equal(payload, "hello", 5);
    hr_buf_free(&b);
}

static void what_cannot_be_a_frame_is_refused_at_once(void **state)
{
    struct hr_frame bad = {.len = HR_FRAME_MAX + 1, .type = HR_FRAME_CALL};
    struct hr_frame h;
    const char *payload = NULL;
    (void)state;
    assert_int_equal(hr_frame_peek((const char *)&bad, sizeof(bad), &h, &payload), -EPROTO);
    bad = (struct hr_frame){.len = 0, .type = 99};
    assert_int_equal(hr_frame_peek((const char *)&bad, sizeof(bad), &h, &payload), -EPROTO);
    bad.type = 0;
    assert_int_equal(hr_frame_peek((const char *)&bad, sizeof(bad), &h, &payload), -EPROTO);
    bad.type = HR_FRAME_PHASE + 1;
    assert_int_equal(hr_frame_peek((const char *)&bad, sizeof(bad), &h, &payload), -EPROTO);
}

static void what_just_can_be_a_frame_is_taken(void **state)
{
    struct hr_frame good = {.len = HR_FRAME_MAX, .type = HR_FRAME_CALL};
    struct hr_frame h;
    const char *payload = NULL;
    (void)state;
    assert_int_equal(hr_frame_peek((const char *)&good, sizeof(good), &h, &payload), 0);
    good.len = 0;
    for (good.type = HR_FRAME_HELLO; good.type <= HR_FRAME_PHASE; good.type++) {
        assert_int_equal(hr_frame_peek((const char *)&good, sizeof(good), &h, &payload), 1);
        assert_int_equal(h.type, good.type);
        assert_ptr_equal(payload, (const char *)&good + sizeof(good));
    }
}

static void too_large_a_payload_is_not_sent(void **state)
{
    struct hr_buf b;
    static char big[HR_FRAME_MAX + 1];
    (void)state;
    hr_buf_init(&b, SIZE_MAX / 2);
    assert_int_equal(hr_frame_add(&b, HR_FRAME_RESULT, 1, big, sizeof(big)), -E2BIG);
    assert_int_equal(hr_part_add(&b, HR_PART_TEXT, big, sizeof(big)), -E2BIG);
    assert_int_equal(b.len, 0);
    assert_int_equal(hr_frame_add(&b, HR_FRAME_RESULT, 1, big, HR_FRAME_MAX), 0);
    assert_int_equal(b.len, sizeof(struct hr_frame) + HR_FRAME_MAX);
    hr_buf_free(&b);
    hr_buf_init(&b, 20);
    assert_int_equal(hr_frame_add(&b, HR_FRAME_RESULT, 1, big, 10), -E2BIG);
    assert_int_equal(b.len, 0); /* no half frame */
    hr_buf_free(&b);
}

static void a_phase_is_a_name_and_an_event(void **state)
{
    static const struct {
        const char *payload;
        size_t n;
        const char *event; /* NULL: it is none */
    } cases[] = {
        {"warm\0{}", 7, "{}"},   {"warm\0{\"a\":1}", 12, "{\"a\":1}"},
        {"a\0{}", 4, "{}"},      {"", 0, NULL},
        {"warm", 4, NULL},       {"warm\0", 5, NULL},
        {"warm\0{", 6, NULL},    {"warm\0[]", 7, NULL},
        {"\0{}", 3, NULL},       {"War\0{}", 6, NULL},
        {"warm\0{\0}", 8, NULL}, {"a123456789012345678901234567890123\0{}", 38, NULL},
        {"w m\0{}", 6, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *event = NULL;
        int err = hr_frame_phase(cases[i].payload, cases[i].n, &event);
        assert_int_equal(err, cases[i].event ? 0 : -EPROTO);
        if (cases[i].event) {
            size_t len = (size_t)(cases[i].payload + cases[i].n - event);
            assert_int_equal(len, strlen(cases[i].event));
            assert_memory_equal(event, cases[i].event, len);
        } else {
            assert_null(event);
        }
    }
}

/* "<name>", NUL, "{", spaces, "}": is it a phase? */
static int phase_of(size_t name, size_t event)
{
    static char payload[HR_PHASE_NAME_MAX + 2 + HR_PHASE_EVENT_MAX + 1];
    const char *found = NULL;
    assert_true(name + 1 + event <= sizeof(payload));
    memset(payload, 'z', name);
    payload[name] = '\0';
    memset(payload + name + 1, ' ', event);
    payload[name + 1] = '{';
    payload[name + event] = '}';
    return hr_frame_phase(payload, name + 1 + event, &found);
}

static void the_parts_of_a_phase_have_their_limits(void **state)
{
    const char *event = NULL;
    (void)state;
    assert_int_equal(phase_of(HR_PHASE_NAME_MAX, HR_PHASE_EVENT_MAX), 0);
    assert_int_equal(phase_of(HR_PHASE_NAME_MAX + 1, 2), -EPROTO);
    assert_int_equal(phase_of(1, HR_PHASE_EVENT_MAX + 1), -EPROTO);
    assert_int_equal(hr_frame_phase("az\0{}", 5, &event), 0);
    assert_int_equal(hr_frame_phase("`{\0{}", 5, &event), -EPROTO); /* beside the letters */
    assert_int_equal(hr_frame_phase("warm!{}", 7, &event), -EPROTO);
}

static void what_is_no_part_is_refused(void **state)
{
    struct hr_frame_part bad = {.kind = HR_PART_TEXT - 1};
    struct hr_frame_part part;
    const char *data = NULL;
    size_t at = 0;
    (void)state;
    assert_int_equal(hr_part_next((const char *)&bad, sizeof(bad), &at, &part, &data), -EPROTO);
    bad.kind = HR_PART_RESOURCE + 1;
    assert_int_equal(hr_part_next((const char *)&bad, sizeof(bad), &at, &part, &data), -EPROTO);
    assert_int_equal(at, 0);
    bad.kind = HR_PART_RESOURCE;
    assert_int_equal(hr_part_next((const char *)&bad, sizeof(bad), &at, &part, &data), 1);
    at = 0;
    bad.len = UINT32_MAX; /* a length that no sum must wrap around */
    assert_int_equal(hr_part_next((const char *)&bad, sizeof(bad), &at, &part, &data), -EPROTO);
}

static void parts_are_walked_in_order(void **state)
{
    struct hr_buf b;
    struct hr_frame_part part;
    const char *data = NULL;
    size_t at = 0;
    (void)state;
    hr_buf_init(&b, 1000);
    assert_int_equal(hr_part_add(&b, HR_PART_TEXT, "one", 3), 0);
    assert_int_equal(hr_part_add(&b, HR_PART_ERROR, "", 0), 0);
    assert_int_equal(hr_part_next(b.data, b.len, &at, &part, &data), 1);
    assert_int_equal(part.kind, HR_PART_TEXT);
    assert_memory_equal(data, "one", 3);
    assert_int_equal(hr_part_next(b.data, b.len, &at, &part, &data), 1);
    assert_int_equal(part.len, 0);
    assert_int_equal(hr_part_next(b.data, b.len, &at, &part, &data), 0);
    for (size_t n = 1; n < b.len; n++) { /* cut anywhere but between two parts */
        int r = 1;
        at = 0;
        while (r == 1)
            r = hr_part_next(b.data, n, &at, &part, &data);
        assert_int_equal(r, n == sizeof(part) + 3 ? 0 : -EPROTO);
    }
    hr_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_arrives_whole_or_not_at_all),
        cmocka_unit_test(what_cannot_be_a_frame_is_refused_at_once),
        cmocka_unit_test(what_just_can_be_a_frame_is_taken),
        cmocka_unit_test(too_large_a_payload_is_not_sent),
        cmocka_unit_test(a_phase_is_a_name_and_an_event),
        cmocka_unit_test(the_parts_of_a_phase_have_their_limits),
        cmocka_unit_test(what_is_no_part_is_refused),
        cmocka_unit_test(parts_are_walked_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
