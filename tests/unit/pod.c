/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/pod.h"

#include "check.h"

#include <string.h>

/* Every combination, whatever is told. */
static void who_knows_better_is_shown(void **state)
{
    (void)state;
    for (uint32_t told = 0; told < HR_NPOD_PHASES + 2; told++)
        for (int bits = 0; bits < 8; bits++) {
            struct hr_pod_known k = {.failed = bits & 4, .stopped = bits & 2, .draining = bits & 1};
            enum hr_pod_phase want = told <= HR_POD_ACTIVE ? (enum hr_pod_phase)told : 0;
            if (bits)
                want = bits & 4 ? HR_POD_FAILED : bits & 2 ? HR_POD_STOPPED : HR_POD_DRAINING;
            assert_int_equal(hr_pod_shown(&k, told), want);
        }
}

static void what_was_seen_stays_so(void **state)
{
    struct hr_board_phase p = {0};
    const struct hr_phase_word pooled = {.phase = HR_POD_WARM, .seen = HR_SEEN_POOLED};
    const struct hr_phase_word claimed = {
        .phase = HR_POD_CLAIMED, .seen = HR_SEEN_CLAIMED, .claim_uid = "u1"};
    const struct hr_phase_word used = {.phase = HR_POD_ACTIVE, .seen = HR_SEEN_USED};
    (void)state;
    hr_pod_take(&p, &pooled, 10);
    assert_int_equal(p.claimed_ms, 0);
    hr_pod_take(&p, &claimed, 20);
    hr_pod_take(&p, &claimed, 30);
    assert_int_equal(p.told, HR_POD_CLAIMED);
    hr_pod_take(&p, &used, 40);
    hr_pod_take(&p, &pooled, 50);
    assert_int_equal(p.told, HR_POD_WARM);
    assert_int_equal(p.seen, HR_SEEN_ALL);
    assert_int_equal(p.claimed_ms, 20);
    assert_int_equal(p.used_ms, 40);
    assert_string_equal(p.claim_uid, "u1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_knows_better_is_shown),
        cmocka_unit_test(what_was_seen_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
