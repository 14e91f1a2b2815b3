/* SPDX-License-Identifier: MIT
 * The phases of a pod.  See phase.h. */
#include "phase.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const names[HR_NPOD_PHASES] = {"starting", "warming",  "warm",    "claimed",
                                                  "active",   "draining", "stopped", "failed"};

const char *hr_pod_phase_name(uint32_t phase)
{
    return phase < HR_NPOD_PHASES ? names[phase] : "unknown";
}

const char *hr_pod_phase_meaning(uint32_t phase)
{
    static const char *const meanings[HR_NPOD_PHASES] = {"the server has no process yet",
                                                         "the server is not ready yet",
                                                         "ready, not used yet",
                                                         "ready, and somebody's",
                                                         "it has been used",
                                                         "readiness is off",
                                                         "a stop has ended the server",
                                                         "the server was given up"};
    return phase < HR_NPOD_PHASES ? meanings[phase] : "unknown";
}

const char *hr_pod_pool_words(int pooled, int claimed)
{
    if (pooled > 0)
        return claimed > 0 ? "in a pool, claimed" : "in a pool, waits for a claim";
    if (pooled == 0)
        return claimed > 0 ? "in no pool, claimed" : "in no pool";
    return claimed > 0
               ? "none seen (no podinfo volume, or no pool in it); claimed by its initialisation"
               : "none seen (no podinfo volume, or no pool in it)";
}

int hr_pod_is_somebodys(uint32_t phase)
{
    return phase == HR_POD_CLAIMED || phase == HR_POD_ACTIVE;
}

int hr_pod_phase_parse(const char *name, size_t n, enum hr_pod_phase *ret)
{
    for (int i = 0; i < HR_NPOD_PHASES; i++) {
        if (strlen(names[i]) != n || memcmp(names[i], name, n) != 0)
            continue;
        *ret = (enum hr_pod_phase)i;
        return 0;
    }
    return -EINVAL;
}

struct hr_phase_step hr_phase_last(const struct hr_board_phase *p)
{
    return p->nsteps ? p->steps[(p->nsteps - 1) % HR_PHASE_STEPS] : (struct hr_phase_step){0};
}

void hr_phase_enter(struct hr_board_phase *p, enum hr_pod_phase phase, int64_t now_ms,
                    int64_t wall_ms)
{
    struct hr_phase_step last = hr_phase_last(p);
    if (p->nsteps && p->phase == (uint32_t)phase)
        return;
    if (p->nsteps)
        p->spent_ms[p->phase] += now_ms - last.since_ms;
    p->steps[p->nsteps++ % HR_PHASE_STEPS] =
        (struct hr_phase_step){.since_ms = now_ms, .wall_ms = wall_ms, .phase = (uint32_t)phase};
    p->phase = (uint32_t)phase;
    p->entered[phase]++;
}

int64_t hr_phase_spent_ms(const struct hr_board_phase *p, enum hr_pod_phase phase, int64_t now_ms)
{
    int64_t ms = p->spent_ms[phase];
    if (p->nsteps && p->phase == (uint32_t)phase)
        ms += now_ms - hr_phase_last(p).since_ms;
    return ms;
}

bool hr_claim_uid_valid(const char *uid)
{
    size_t n = strspn(uid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    return n > 0 && n <= HR_CLAIM_UID_MAX && !uid[n];
}

int hr_phase_word_parse(const char *text, struct hr_phase_word *ret)
{
    struct hr_phase_word w = {.seen = 0};
    size_t n = strcspn(text, " ");
    if (hr_pod_phase_parse(text, n, &w.phase) || w.phase > HR_POD_ACTIVE || text[n] != ' ')
        return -EINVAL;
    const char *bits = text + n + 1;
    if (*bits < '0' || *bits > '0' + HR_SEEN_ALL)
        return -EINVAL;
    w.seen = (uint32_t)(*bits - '0');
    if (bits[1] == ' ') {
        if (!hr_claim_uid_valid(bits + 2))
            return -EINVAL;
        (void)snprintf(w.claim_uid, sizeof(w.claim_uid), "%s", bits + 2);
    } else if (bits[1]) {
        return -EINVAL;
    }
    *ret = w;
    return 0;
}

void hr_phase_word_format(const struct hr_phase_word *word, char *out, size_t size)
{
    (void)snprintf(out, size, "%s %u%s%s", hr_pod_phase_name(word->phase), word->seen & HR_SEEN_ALL,
                   word->claim_uid[0] ? " " : "", word->claim_uid);
}
