/* SPDX-License-Identifier: MIT */
#include "sidecar/pool/phases.h"

#include "check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 8192, WALKS = 20000, STEPS = 40 };

#define P(name) HR_POD_##name

/* What each cell has to say, written down once more. */
static const enum hr_pod_phase want[HR_NFOUND][HR_NEVIDENCE] = {
    /* clang-format off */
    /*              process       down         ready        claim        use */
    [P(STARTING)] = {P(WARMING),  P(STARTING), P(STARTING), P(STARTING), P(STARTING)},
    [P(WARMING)]  = {P(WARMING),  P(WARMING),  P(WARM),     P(WARMING),  P(WARMING)},
    [P(WARM)]     = {P(WARM),     P(WARMING),  P(WARM),     P(CLAIMED),  P(ACTIVE)},
    [P(CLAIMED)]  = {P(CLAIMED),  P(CLAIMED),  P(CLAIMED),  P(CLAIMED),  P(ACTIVE)},
    [P(ACTIVE)]   = {P(ACTIVE),   P(ACTIVE),   P(ACTIVE),   P(ACTIVE),   P(ACTIVE)},
    /* clang-format on */
};

static void every_cell(void **state)
{
    (void)state;
    for (int p = 0; p < HR_NPOD_PHASES; p++)
        for (int e = 0; e < HR_NEVIDENCE; e++) {
            enum hr_pod_phase to = p < HR_NFOUND ? want[p][e] : (enum hr_pod_phase)p;
            assert_int_equal(hr_phase_next((enum hr_pod_phase)p, (enum hr_evidence)e), to);
        }
    assert_int_equal(hr_phase_next(HR_POD_WARM, HR_NEVIDENCE), HR_POD_WARM);
    assert_string_equal(hr_evidence_name(HR_EVIDENCE_CLAIM), "claim");
    assert_string_equal(hr_evidence_name(HR_NEVIDENCE), "unknown");
}

/* A pod as somebody would tell it who does not know the table: five facts, and two sentences about
 * what is never forgotten. */
struct model {
    bool started, ready, claimed, used;
    bool was_somebodys; /* it has been claimed and ready at once */
    bool was_used;      /* and used */
};

static enum hr_pod_phase tell(struct model *m)
{
    if (m->started && m->ready && m->claimed)
        m->was_somebodys = true;
    if (m->started && m->ready && m->used)
        m->was_used = true;
    if (m->was_somebodys && m->used)
        m->was_used = true;
    if (m->was_used)
        return HR_POD_ACTIVE;
    if (m->was_somebodys)
        return HR_POD_CLAIMED;
    if (!m->started)
        return HR_POD_STARTING;
    return m->ready ? HR_POD_WARM : HR_POD_WARMING;
}

static unsigned bits(const struct model *m)
{
    return (m->started ? 1U << HR_EVIDENCE_PROCESS : 0) |
           (m->ready ? 1U << HR_EVIDENCE_READY : 1U << HR_EVIDENCE_DOWN) |
           (m->claimed ? 1U << HR_EVIDENCE_CLAIM : 0) | (m->used ? 1U << HR_EVIDENCE_USE : 0);
}

static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

/* All orders in which things can happen, a claim and a use that are noticed at any time, and a
 * server that comes and goes; and now and then a sidecar that only knows what PID 1 was told. */
static void every_order(void **state)
{
    uint32_t x = 0x2545f491;
    unsigned seen[HR_NPOD_PHASES] = {0};
    (void)state;
    for (int walk = 0; walk < WALKS; walk++) {
        struct model m = {0};
        enum hr_pod_phase phase = HR_POD_STARTING;
        for (int i = 0; i < STEPS; i++) {
            switch (next_random(&x) % 8) {
            case 0:
            case 1: m.started = true; break;
            case 2:
            case 3: m.ready = m.started; break;
            case 4:
            case 5: m.ready = false; break;
            case 6: m.claimed = m.claimed || next_random(&x) % 4 == 0; break;
            default: m.used = m.used || (m.ready && next_random(&x) % 8 == 0); break;
            }
            phase = hr_phase_settle(phase, bits(&m));
            enum hr_pod_phase told = tell(&m);
            if (phase != told)
                fail_msg("walk %d, step %d, evidence %u: %s, the model says %s", walk, i, bits(&m),
                         hr_pod_phase_name(phase), hr_pod_phase_name(told));
            assert_int_equal(hr_phase_settle(phase, bits(&m)), phase); /* it is at rest */
            seen[phase]++;
        }
    }
    for (int p = 0; p < HR_NFOUND; p++)
        assert_true(seen[p] > 1000); /* the walks have been everywhere */
}

/* Whatever the phase, with whatever evidence that can be: it comes to rest. */
static void it_comes_to_rest(void **state)
{
    (void)state;
    for (unsigned e = 0; e < 1U << HR_NEVIDENCE; e++)
        for (int p = 0; p < HR_NFOUND; p++) {
            if ((e & (1U << HR_EVIDENCE_DOWN)) && (e & (1U << HR_EVIDENCE_READY)))
                continue;
            enum hr_pod_phase rest = hr_phase_settle((enum hr_pod_phase)p, e);
            for (int k = 0; k < HR_NEVIDENCE; k++)
                if (e & (1U << k))
                    assert_int_equal(hr_phase_next(rest, (enum hr_evidence)k), rest);
        }
}

static void draw(FILE *f)
{
    fputs("# The phases of a pod\n\n"
          "Made from the table in `phases.c`; `unit/pool_phases` fails when this page is out of "
          "date\nand writes a new one when HR_DRAW_STATES is set.\n\n```mermaid\nstateDiagram-v2\n"
          "    [*] --> starting\n",
          f);
    for (int p = 0; p < HR_NFOUND; p++)
        for (int e = 0; e < HR_NEVIDENCE; e++) {
            enum hr_pod_phase to = hr_phase_next((enum hr_pod_phase)p, (enum hr_evidence)e);
            if (to != (enum hr_pod_phase)p)
                fprintf(f, "    %s --> %s: %s\n", hr_pod_phase_name((uint32_t)p),
                        hr_pod_phase_name(to), hr_evidence_name((enum hr_evidence)e));
        }
    fputs("```\n\nWhatever the pod is by this table, PID 1 shows `draining`, `stopped` or `failed` "
          "instead\nwhile that holds (`loader/supervisor/pod.h`).\n\n| evidence |",
          f);
    for (int p = 0; p < HR_NFOUND; p++)
        fprintf(f, " %s |", hr_pod_phase_name((uint32_t)p));
    fputs("\n| --- | --- | --- | --- | --- | --- |\n", f);
    for (int e = 0; e < HR_NEVIDENCE; e++) {
        fprintf(f, "| %s |", hr_evidence_name((enum hr_evidence)e));
        for (int p = 0; p < HR_NFOUND; p++) {
            enum hr_pod_phase to = hr_phase_next((enum hr_pod_phase)p, (enum hr_evidence)e);
            fprintf(f, " %s |", to == (enum hr_pod_phase)p ? "-" : hr_pod_phase_name(to));
        }
        fputc('\n', f);
    }
}

static void the_picture_is_up_to_date(void **state)
{
    static char now[PAGE];
    static char have[PAGE];
    (void)state;
    FILE *f = fmemopen(now, sizeof(now), "w");
    assert_non_null(f);
    draw(f);
    assert_int_equal(fclose(f), 0);
    if (getenv("HR_DRAW_STATES")) {
        f = fopen(HR_PHASES_MD, "w");
        assert_non_null(f);
        fputs(now, f);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(HR_PHASES_MD, "r");
    assert_non_null(f);
    assert_true(fread(have, 1, sizeof(have) - 1, f) > 0);
    (void)fclose(f);
    assert_string_equal(have, now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(every_order),
        cmocka_unit_test(it_comes_to_rest),
        cmocka_unit_test(the_picture_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
