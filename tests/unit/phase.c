/* SPDX-License-Identifier: MIT */
#include "common/phase.h"

#include "check.h"
#include "common/handoff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void names_and_phases_match(void **state)
{
    enum hr_pod_phase got = HR_POD_FAILED;
    (void)state;
    for (uint32_t i = 0; i < HR_NPOD_PHASES; i++) {
        const char *name = hr_pod_phase_name(i);
        assert_int_equal(hr_pod_phase_parse(name, strlen(name), &got), 0);
        assert_int_equal(got, i);
    }
    assert_string_equal(hr_pod_phase_name(HR_POD_CLAIMED), "claimed");
    assert_string_equal(hr_pod_phase_name(HR_NPOD_PHASES), "unknown");
    assert_int_equal(hr_pod_phase_parse("warmer", 6, &got), -EINVAL);
    assert_int_equal(hr_pod_phase_parse("warm", 3, &got), -EINVAL);
    assert_int_equal(hr_pod_phase_parse("warming", 4, &got), 0);
    assert_int_equal(got, HR_POD_WARM);
    assert_int_equal(hr_pod_phase_parse("", 0, &got), -EINVAL);
}

static void two_phases_have_a_user(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= HR_NPOD_PHASES; i++)
        assert_int_equal(hr_pod_is_somebodys(i), i == HR_POD_CLAIMED || i == HR_POD_ACTIVE);
}

static void time_goes_to_the_phase_it_was_spent_in(void **state)
{
    struct hr_board_phase p = {0};
    (void)state;
    assert_int_equal(hr_phase_spent_ms(&p, HR_POD_STARTING, 5000), 0);
    hr_phase_enter(&p, HR_POD_STARTING, 1000, 500);
    hr_phase_enter(&p, HR_POD_WARMING, 1010, 510);
    hr_phase_enter(&p, HR_POD_WARM, 8010, 7510);
    hr_phase_enter(&p, HR_POD_WARM, 9000, 8500); /* no transition */
    hr_phase_enter(&p, HR_POD_WARMING, 10010, 9510);
    assert_int_equal(p.phase, HR_POD_WARMING);
    assert_int_equal(p.nsteps, 4);
    assert_int_equal(p.entered[HR_POD_WARMING], 2);
    assert_int_equal(p.entered[HR_POD_WARM], 1);
    assert_int_equal(p.entered[HR_POD_CLAIMED], 0);
    assert_int_equal(hr_phase_last(&p).since_ms, 10010);
    assert_int_equal(hr_phase_last(&p).wall_ms, 9510);
    assert_int_equal(hr_phase_spent_ms(&p, HR_POD_STARTING, 11010), 10);
    assert_int_equal(hr_phase_spent_ms(&p, HR_POD_WARMING, 11010), 8000);
    assert_int_equal(hr_phase_spent_ms(&p, HR_POD_WARM, 11010), 2000);
}

/* More steps than are kept: the sums are not made from them. */
static void the_latest_steps_are_kept(void **state)
{
    struct hr_board_phase p = {0};
    int64_t now = 100;
    int64_t sum = 0;
    (void)state;
    for (int i = 0; i < 3 * HR_PHASE_STEPS + 1; i++, now += 10)
        hr_phase_enter(&p, i % 2 ? HR_POD_WARM : HR_POD_WARMING, now, now);
    assert_int_equal(p.nsteps, 3 * HR_PHASE_STEPS + 1);
    assert_int_equal(hr_phase_last(&p).since_ms, now - 10);
    assert_int_equal(p.steps[0].since_ms, now - 10);
    for (int i = 0; i < HR_NPOD_PHASES; i++)
        sum += hr_phase_spent_ms(&p, (enum hr_pod_phase)i, now);
    assert_int_equal(sum, now - 100);
}

static void the_word_of_the_sidecar(void **state)
{
    struct hr_phase_word w;
    char text[HR_NOTIFICATION_MAX];
    (void)state;
    assert_int_equal(hr_phase_word_parse("claimed 3 8f2c-a.b_9", &w), 0);
    assert_int_equal(w.phase, HR_POD_CLAIMED);
    assert_int_equal(w.seen, HR_SEEN_POOLED | HR_SEEN_CLAIMED);
    assert_string_equal(w.claim_uid, "8f2c-a.b_9");
    hr_phase_word_format(&w, text, sizeof(text));
    assert_string_equal(text, "claimed 3 8f2c-a.b_9");
    assert_int_equal(hr_phase_word_parse("warm 0", &w), 0);
    assert_int_equal(w.phase, HR_POD_WARM);
    assert_string_equal(w.claim_uid, "");
    hr_phase_word_format(&w, text, sizeof(text));
    assert_string_equal(text, "warm 0");
    assert_int_equal(hr_phase_word_parse("active 7 x", &w), 0); /* the most, and the least uid */
    assert_int_equal(w.phase, HR_POD_ACTIVE);
    assert_int_equal(w.seen, HR_SEEN_ALL);
    assert_string_equal(w.claim_uid, "x");
}

static void other_words_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",         " ",         "warm",       "warm ",      "warm 8",        "warm x",
        "warm 0 ",  "warm 00",   "warm 0  a",  "warm 0 a b", "warm 0 \x80",   "warm -1",
        "warmer 0", "stopped 0", "draining 0", "failed 0",   "warm 0 a\nb=1", "WARM 0"};
    struct hr_phase_word w = {.phase = HR_POD_ACTIVE, .seen = 7, .claim_uid = "u"};
    char text[HR_CLAIM_UID_MAX + 32];
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(hr_phase_word_parse(wrong[i], &w), -EINVAL);
    (void)snprintf(text, sizeof(text), "warm 0 %0*d", HR_CLAIM_UID_MAX + 1, 0);
    assert_int_equal(hr_phase_word_parse(text, &w), -EINVAL);
    assert_int_equal(w.phase, HR_POD_ACTIVE); /* untouched */
    text[strlen(text) - 1] = '\0';
    assert_int_equal(hr_phase_word_parse(text, &w), 0);
}

static void words_for_people(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < HR_NPOD_PHASES; p++) {
        assert_true(strlen(hr_pod_phase_meaning(p)) > 0);
        for (uint32_t q = 0; q < p; q++)
            assert_string_not_equal(hr_pod_phase_meaning(p), hr_pod_phase_meaning(q));
    }
    assert_string_equal(hr_pod_phase_meaning(HR_NPOD_PHASES), "unknown");
    assert_string_equal(hr_pod_pool_words(1, 1), "in a pool, claimed");
    assert_string_equal(hr_pod_pool_words(1, -1), "in a pool, waits for a claim");
    assert_string_equal(hr_pod_pool_words(0, 1), "in no pool, claimed");
    assert_string_equal(hr_pod_pool_words(0, 0), "in no pool");
    assert_non_null(strstr(hr_pod_pool_words(-1, -1), "no podinfo volume, or no pool in it"));
    assert_non_null(strstr(hr_pod_pool_words(-1, 1), "claimed by its initialisation"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_phases_match),
        cmocka_unit_test(two_phases_have_a_user),
        cmocka_unit_test(time_goes_to_the_phase_it_was_spent_in),
        cmocka_unit_test(the_latest_steps_are_kept),
        cmocka_unit_test(the_word_of_the_sidecar),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(words_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
