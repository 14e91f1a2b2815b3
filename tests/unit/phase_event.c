/* SPDX-License-Identifier: MIT
 * The event of a phase: what is in it, what is left out, and that it is never too large. */
#include "phase_event.h"

#include "check.h"
#include "common/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hr_board_phase pod;

static int claimed(void **state)
{
    (void)state;
    pod = (struct hr_board_phase){0};
    hr_phase_enter(&pod, HR_POD_WARM, 1, 1000);
    hr_phase_enter(&pod, HR_POD_CLAIMED, 2, 1795716000123);
    (void)snprintf(pod.claim_uid, sizeof(pod.claim_uid), "u-1");
    return 0;
}

/* The caller's. */
static char *event(const json_t *labels, const json_t *annotations)
{
    struct hr_buf out;
    hr_buf_init(&out, HR_PHASE_EVENT_MAX);
    assert_int_equal(hr_phase_event(&pod, labels, annotations, &out), 0);
    return hr_buf_take(&out);
}

static void expect(const json_t *labels, const json_t *annotations, const char *text)
{
    char *got = event(labels, annotations);
    assert_string_equal(got, text);
    free(got);
}

static void what_is_in_it(void **state)
{
    (void)state;
    json_t *labels = json_pack("{s:s, s:s}", "app", "agent", "agents.x-k8s.io/claim-uid", "u-1");
    json_t *annotations = json_pack("{s:s, s:s}", "note", "gr\xc3\xbc\xc3\x9f \"x\"\n",
                                    "kubectl.kubernetes.io/last-applied-configuration", "{}");
    expect(NULL, NULL,
           "{\"phase\":\"claimed\",\"from\":\"warm\",\"at\":\"2026-11-26T18:00:00.123Z\","
           "\"claim_uid\":\"u-1\",\"labels\":{},\"annotations\":{},\"left_out\":0}");
    expect(labels, annotations,
           "{\"phase\":\"claimed\",\"from\":\"warm\",\"at\":\"2026-11-26T18:00:00.123Z\","
           "\"claim_uid\":\"u-1\",\"labels\":{\"app\":\"agent\",\"agents.x-k8s.io/claim-uid\":"
           "\"u-1\"},\"annotations\":{\"note\":\"gr\xc3\xbc\xc3\x9f \\\"x\\\"\\n\"},"
           "\"left_out\":1}");
    json_decref(labels);
    json_decref(annotations);
}

static void the_first_one(void **state)
{
    struct hr_buf out;
    (void)state;
    pod = (struct hr_board_phase){0};
    hr_buf_init(&out, HR_PHASE_EVENT_MAX);
    assert_int_equal(hr_phase_event(&pod, NULL, NULL, &out), -ENOENT);
    assert_int_equal(out.len, 0);
    hr_phase_enter(&pod, HR_POD_STARTING, 1, 0);
    expect(NULL, NULL,
           "{\"phase\":\"starting\",\"from\":null,\"at\":\"1970-01-01T00:00:00.000Z\","
           "\"claim_uid\":null,\"labels\":{},\"annotations\":{},\"left_out\":0}");
}

/* Whatever there is: it is as large as it may be at most, and a small one behind a large one is
 * still there. */
static void too_much(void **state)
{
    enum { MANY = 400 };
    char name[32];
    (void)state;
    for (size_t length = 0; length < 70000; length += 977) {
        json_t *labels = json_object();
        json_t *annotations = json_object();
        char *value = malloc(length + 1);
        assert_non_null(value);
        memset(value, length % 2 ? '"' : 'x', length); /* some of which take twice the room */
        value[length] = '\0';
        for (int i = 0; i < MANY && length < 2000; i++) {
            (void)snprintf(name, sizeof(name), "label-%d", i);
            (void)json_object_set_new(labels, name, json_string(value));
        }
        (void)json_object_set_new(annotations, "large", json_string(value));
        (void)json_object_set_new(annotations, "small", json_string("s"));
        char *text = event(labels, annotations);
        assert_true(strlen(text) <= HR_PHASE_EVENT_MAX);
        json_t *o = json_loads(text, 0, NULL);
        size_t there = json_object_size(json_object_get(o, "labels")) +
                       json_object_size(json_object_get(o, "annotations"));
        size_t all = json_object_size(labels) + json_object_size(annotations);
        assert_int_equal(all - there, json_integer_value(json_object_get(o, "left_out")));
        if (length > 33000)
            assert_string_equal(
                json_string_value(json_object_get(json_object_get(o, "annotations"), "small")),
                "s");
        json_decref(o);
        json_decref(labels);
        json_decref(annotations);
        free(text);
        free(value);
    }
}

/* It passes what toolhosts ask of it. */
static void it_is_one(void **state)
{
    const char *at = NULL;
    char payload[1024] = "claimed";
    (void)state;
    char *text = event(NULL, NULL);
    memcpy(payload + 8, text, strlen(text));
    assert_int_equal(hr_frame_phase(payload, 8 + strlen(text), &at), 0);
    free(text);
}

int main(void)
{
#define CLAIMED(t) cmocka_unit_test_setup(t, claimed)
    const struct CMUnitTest tests[] = {
        CLAIMED(what_is_in_it),
        CLAIMED(the_first_one),
        CLAIMED(too_much),
        CLAIMED(it_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
