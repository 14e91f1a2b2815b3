/* SPDX-License-Identifier: MIT
 * loader/toolhost: calls and the services a plugin gets, without a plugin and without a socket. */
#include "loader/toolhost/call.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/json_values.h"
#include "loader/toolhost/host.h"
#include "loader/toolhost/workers.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct hr_plugin plugin = {.id = "test"};
static const handrail_tool tool = {.name = "tool"};

static struct hr_call *new_call(int64_t deadline_ms)
{
    struct hr_call *c = NULL;
    assert_int_equal(hr_call_new(&plugin, &tool, strdup("{}"), 2, deadline_ms, &c), 0);
    return c;
}

/* The first part of this kind in an ended call's result, or NULL. */
static const char *part(const struct hr_call *c, enum hr_part_kind kind, size_t *ret_len)
{
    struct hr_frame_part p;
    const char *data = NULL;
    size_t at = 0;
    int got = 0;
    while ((got = hr_part_next(c->result.data + 4, c->result.len - 4, &at, &p, &data)) > 0) {
        if (p.kind == kind) {
            *ret_len = p.len;
            return data;
        }
    }
    assert_int_equal(got, 0);
    return NULL;
}

static int32_t result_status(const struct hr_call *c)
{
    int32_t status = 0;
    assert_true(c->result.len >= sizeof(status));
    memcpy(&status, c->result.data, sizeof(status));
    return status;
}

static void dead_handles(void **state)
{
    (void)state;
    const handrail_host *host = hr_host_services();
    struct hr_call *c = new_call(0);
    handrail_call *handle = hr_call_handle(c);
    assert_int_equal(host->add_text(host, handle, "x", 1), HANDRAIL_OK);
    host->complete(host, handle, HANDRAIL_OK);
    assert_true(hr_call_state(c).released);
    size_t before = c->result.len;

    handrail_call *const dead[] = {handle, NULL, (handrail_call *)~(uintptr_t)0,
                                   (handrail_call *)(uintptr_t)600,
                                   (handrail_call *)((uintptr_t)handle + 1)};
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
            assert_int_equal(host->add_text(host, dead[i], "x", 1), HANDRAIL_E_CANCELLED);
            assert_int_equal(host->add_blob(host, dead[i], "a/b", "x", 1), HANDRAIL_E_CANCELLED);
            assert_int_equal(host->set_json(host, dead[i], "{}", 2), HANDRAIL_E_CANCELLED);
            assert_int_equal(host->cancelled(host, dead[i]), 1);
            assert_int_equal(host->cancel_fd(host, dead[i]), -1);
            assert_int_equal(host->time_left_ms(host, dead[i]), 0);
            host->set_error(host, dead[i], "x", 1);
            host->progress(host, dead[i], 1, 2, "x", 1);
            host->complete(host, dead[i], HANDRAIL_E_FAILED);
        }
        if (round == 0) {
            assert_int_equal(c->result.len, before);
            assert_int_equal(result_status(c), HANDRAIL_OK);
            hr_call_free(c);
            c = new_call(0); /* in the same slot, and still not to be reached by the old handle */
            assert_true(hr_call_handle(c) != handle);
        }
    }
    assert_false(hr_call_state(c).ended);
    hr_call_free(c);
}

static void slots_run_out(void **state)
{
    (void)state;
    struct hr_call *all[HR_CALLS_MAX];
    struct hr_call *more = NULL;
    for (size_t i = 0; i < HR_CALLS_MAX; i++)
        all[i] = new_call(0);
    assert_int_equal(hr_call_new(&plugin, &tool, NULL, 0, 0, &more), -EAGAIN);
    assert_null(more);
    hr_call_free(all[77]);
    assert_int_equal(hr_call_new(&plugin, &tool, NULL, 0, 0, &more), 0);
    assert_ptr_equal(more, all[77]);
    size_t at = 0;
    size_t n = 0;
    while (hr_call_next(&at))
        n++;
    assert_int_equal(n, HR_CALLS_MAX);
    for (size_t i = 0; i < HR_CALLS_MAX; i++)
        hr_call_free(all[i]);
    at = 0;
    assert_null(hr_call_next(&at));
}

static void limits(void **state)
{
    (void)state;
    const handrail_host *host = hr_host_services();
    struct hr_call *c = new_call(0);
    handrail_call *h = hr_call_handle(c);
    size_t room = HR_RESULT_MAX - c->result.len - sizeof(struct hr_frame_part);
    char *data = malloc(HR_RESULT_MAX + 1);
    assert_non_null(data);
    memset(data, '\xff', HR_RESULT_MAX + 1); /* as text it grows to three times its size */
    assert_int_equal(host->add_text(host, h, data, HR_RESULT_MAX / 2), HANDRAIL_E_LIMIT);
    assert_int_equal(host->add_text(host, h, data, SIZE_MAX), HANDRAIL_E_LIMIT);
    assert_int_equal(host->add_blob(host, h, "a/b", data, SIZE_MAX), HANDRAIL_E_LIMIT);
    assert_int_equal(host->set_json(host, h, data, SIZE_MAX), HANDRAIL_E_LIMIT);
    assert_int_equal(host->add_blob(host, h, "a/b", data, room - 3), HANDRAIL_E_LIMIT);
    assert_int_equal(host->add_blob(host, h, "a/b", data, room - 4), HANDRAIL_OK);
    assert_int_equal(host->add_text(host, h, "", 0), HANDRAIL_E_LIMIT);
    host->set_error(host, h, data, SIZE_MAX); /* cut, cleaned, and still fits */
    host->complete(host, h, HANDRAIL_E_DENIED);
    size_t n = 0;
    assert_non_null(part(c, HR_PART_ERROR, &n));
    assert_true(n > 0 && n <= (size_t)3 * HR_ERROR_MAX);
    assert_true(c->result.len < HR_FRAME_MAX);
    assert_int_equal(result_status(c), HANDRAIL_E_DENIED);
    free(data);
    hr_call_free(c);
}

/* An object of that many values, the last of which is this. */
static struct hr_buf json_of(int values, const char *last)
{
    struct hr_buf b;
    hr_buf_init(&b, HR_RESULT_MAX);
    assert_int_equal(hr_buf_adds(&b, "{\"a\":["), 0);
    for (int i = 3; i < values; i++)
        assert_int_equal(hr_buf_adds(&b, "1,"), 0);
    assert_int_equal(hr_buf_addf(&b, "%s]}", last), 0);
    return b;
}

static void as_many_values_as_are_read(void **state)
{
    (void)state;
    const handrail_host *host = hr_host_services();
    struct hr_call *c = new_call(0);
    handrail_call *h = hr_call_handle(c);
    struct hr_buf most = json_of(HR_JSON_VALUES_MAX, "1");
    struct hr_buf more = json_of(HR_JSON_VALUES_MAX, "1,1");
    struct hr_buf text = json_of(HR_JSON_VALUES_MAX, "\"1,1\"");
    assert_int_equal(host->set_json(host, h, more.data, more.len), HANDRAIL_E_LIMIT);
    assert_true(c->left_out);
    assert_int_equal(host->set_json(host, h, text.data, text.len), HANDRAIL_OK);
    assert_int_equal(host->set_json(host, h, most.data, most.len), HANDRAIL_OK);
    hr_buf_free(&most);
    hr_buf_free(&more);
    hr_buf_free(&text);
    hr_call_free(c);
}

static void what_is_left_out_is_said(void **state)
{
    (void)state;
    const handrail_host *host = hr_host_services();
    struct hr_call *c = new_call(0);
    handrail_call *h = hr_call_handle(c);
    static const char note[] = "(Part of this result is missing:";
    size_t n = 0;
    assert_int_equal(host->add_blob(host, h, "a/b", "x", SIZE_MAX), HANDRAIL_E_LIMIT);
    host->complete(host, h, HANDRAIL_OK);
    assert_int_equal(result_status(c), HANDRAIL_OK);
    const char *text = part(c, HR_PART_TEXT, &n);
    assert_non_null(text);
    assert_true(n > sizeof(note) && memcmp(text, note, sizeof(note) - 1) == 0);
    hr_call_free(c);
}

static void bad_arguments(void **state)
{
    (void)state;
    const handrail_host *host = hr_host_services();
    static const char *const types[] = {"", "a", "/", "image", "image/\x01", "caf\xc3\xa9/x", NULL};
    struct hr_call *c = new_call(0);
    handrail_call *h = hr_call_handle(c);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(host->add_blob(host, h, types[i], "x", 1), HANDRAIL_E_INVALID);
    char type[HR_MEDIA_TYPE_MAX + 2];
    memset(type, '/', sizeof(type) - 1);
    type[sizeof(type) - 1] = '\0';
    assert_int_equal(host->add_blob(host, h, type, "x", 1), HANDRAIL_E_INVALID);
    assert_int_equal(host->add_blob(host, h, "a/b", NULL, 1), HANDRAIL_E_INVALID);
    assert_int_equal(host->add_blob(host, h, "a/b", NULL, 0), HANDRAIL_OK);
    assert_int_equal(host->add_text(host, h, NULL, 1), HANDRAIL_E_INVALID);
    assert_int_equal(host->add_text(host, h, NULL, 0), HANDRAIL_OK);
    assert_int_equal(host->set_json(host, h, NULL, 0), HANDRAIL_E_INVALID);
    assert_int_equal(host->set_json(host, h, "{\"a\":\"\xff\"}", 9), HANDRAIL_E_INVALID);
    assert_int_equal(host->set_json(host, h, "{} {}", 5), HANDRAIL_E_INVALID);
    assert_int_equal(host->set_json(host, h, "{\"a\":\"\\u0000\"}", 14), HANDRAIL_OK);
    host->set_error(host, h, NULL, 5);
    host->log(host, 0, NULL, 5);
    host->progress(host, h, 0, -1, NULL, 5);
    host->complete(host, h, HANDRAIL_PENDING); /* is no end */
    assert_int_equal(result_status(c), HANDRAIL_E_FAILED);
    size_t n = 0;
    assert_memory_equal(part(c, HR_PART_ERROR, &n), "failed", 6);
    hr_call_free(c);
}

static void cancelling(void **state)
{
    (void)state;
    const handrail_host *host = hr_host_services();
    for (int early = 0; early < 2; early++) {
        struct hr_call *c = new_call(hr_now_ms() + 60000);
        handrail_call *h = hr_call_handle(c);
        struct pollfd p = {.events = POLLIN};
        assert_true(host->time_left_ms(host, h) > 50000);
        if (early) {
            p.fd = host->cancel_fd(host, h);
            assert_true(p.fd >= 0);
            assert_int_equal(poll(&p, 1, 0), 0);
        }
        assert_int_equal(host->cancelled(host, h), 0);
        assert_false(hr_call_cancel(c)); /* there is no callback */
        assert_int_equal(host->cancelled(host, h), 1);
        assert_int_equal(host->time_left_ms(host, h), 0);
        p.fd = host->cancel_fd(host, h);
        assert_int_equal(poll(&p, 1, 0), 1);
        assert_int_equal(host->add_text(host, h, "x", 1), HANDRAIL_E_CANCELLED);
        hr_call_free(c);
    }
    struct hr_call *c = new_call(hr_now_ms() - 1);
    assert_int_equal(host->cancelled(host, hr_call_handle(c)), 1); /* before anyone has noticed */
    assert_int_equal(host->time_left_ms(host, hr_call_handle(c)), 0);
    hr_call_free(c);
}

struct count {
    struct hr_job job;
    atomic_int *done;
};

static void count_one(void *arg)
{
    struct count *count = arg;
    atomic_fetch_add(count->done, 1);
}

static void workers_run_everything(void **state)
{
    (void)state;
    static struct count jobs[1000]; /* static: the threads outlive the test */
    static atomic_int done;
    struct hr_workers *w = NULL;
    assert_int_equal(hr_workers_new("test", 3, &w), 0);
    for (size_t i = 0; i < 1000; i++) {
        jobs[i] = (struct count){.job = {.run = count_one, .arg = &jobs[i]}, .done = &done};
        assert_int_equal(hr_workers_submit(w, &jobs[i].job), 0);
    }
    int64_t end = hr_now_ms() + 10000;
    while (atomic_load(&done) < 1000 && hr_now_ms() < end)
        (void)poll(NULL, 0, 1);
    assert_int_equal(atomic_load(&done), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_handles),
        cmocka_unit_test(slots_run_out),
        cmocka_unit_test(limits),
        cmocka_unit_test(as_many_values_as_are_read),
        cmocka_unit_test(what_is_left_out_is_said),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(workers_run_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
