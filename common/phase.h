/* SPDX-License-Identifier: MIT
 * The phases of a pod, and the record that is kept of them on the board.
 *
 *   starting  the server has no process yet
 *   warming   it has one, and has not been ready
 *   warm      it is ready, and nobody's
 *   claimed   it is ready, and somebody's
 *   active    it has been used since
 *   draining  readiness is off, by a stop or by an order
 *   stopped   a stop has ended the server
 *   failed    the server has been given up
 *
 * One writer: PID 1.  The first five are found by the sidecar, which sees the claim and the use of
 * the pod, and told with PHASE= (handoff.h); the others PID 1 knows itself, and shows instead while
 * they last.  So a sidecar that is started again finds here what the one before it knew.
 *
 * Plain data and arithmetic; times are milliseconds, CLOCK_MONOTONIC unless called wall.
 */
#ifndef HR_COMMON_PHASE_H
#define HR_COMMON_PHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hr_pod_phase {
    HR_POD_STARTING,
    HR_POD_WARMING,
    HR_POD_WARM,
    HR_POD_CLAIMED,
    HR_POD_ACTIVE,
    HR_POD_DRAINING,
    HR_POD_STOPPED,
    HR_POD_FAILED,
    HR_NPOD_PHASES
};

enum {
    HR_PHASE_STEPS = 16,   /* the latest ones are kept */
    HR_CLAIM_UID_MAX = 63, /* bytes of a claim's uid, as of any label's value */
};

/* What the sidecar has seen of the pod, bit by bit.  Nothing of it is ever unseen. */
enum hr_pod_seen {
    HR_SEEN_POOLED = 1,  /* it was in a warm pool */
    HR_SEEN_CLAIMED = 2, /* it is somebody's */
    HR_SEEN_USED = 4,    /* and has been used */
    HR_SEEN_ALL = 7,
};

struct hr_phase_step {
    int64_t since_ms;
    int64_t wall_ms; /* since 1970 */
    uint32_t phase;  /* enum hr_pod_phase */
    uint32_t pad;
};

struct hr_board_phase {
    uint32_t phase;  /* enum hr_pod_phase: the present one */
    uint32_t told;   /* the one of the first five that the sidecar has told last */
    uint32_t seen;   /* enum hr_pod_seen */
    uint32_t nsteps; /* phases entered so far; step n of them is in steps[n % HR_PHASE_STEPS] */
    struct hr_phase_step steps[HR_PHASE_STEPS];
    int64_t spent_ms[HR_NPOD_PHASES]; /* in each phase; the present stretch is not in it */
    uint32_t entered[HR_NPOD_PHASES];
    int64_t ready_ms;   /* when the server was ready for the first time; 0: never */
    int64_t claimed_ms; /* when HR_SEEN_CLAIMED came; 0: never */
    int64_t used_ms;    /* likewise */
    char claim_uid[HR_CLAIM_UID_MAX + 1]; /* "": not known */
};

/* "starting", "warming", ...; never NULL. */
const char *hr_pod_phase_name(uint32_t phase);

/* The same for people: "ready, not used yet"; never NULL. */
const char *hr_pod_phase_meaning(uint32_t phase);

/* For people: the pool and the claim, each 1, 0, or -1 for not known: "in a pool, claimed". */
const char *hr_pod_pool_words(int pooled, int claimed);

/* Does the pod, by its phase, have a user? */
int hr_pod_is_somebodys(uint32_t phase);

/* The phase with this name of n bytes.  0 or -EINVAL. */
int hr_pod_phase_parse(const char *name, size_t n, enum hr_pod_phase *ret);

/* Enter a phase, which may be the first; nothing if it is the present one. */
void hr_phase_enter(struct hr_board_phase *p, enum hr_pod_phase phase, int64_t now_ms,
                    int64_t wall_ms);

/* The latest step; all zero before the first. */
struct hr_phase_step hr_phase_last(const struct hr_board_phase *p);

/* Spent in that phase until now. */
int64_t hr_phase_spent_ms(const struct hr_board_phase *p, enum hr_pod_phase phase, int64_t now_ms);

/* Can this be the uid of a claim?  A value that a label may have, and not an empty one. */
bool hr_claim_uid_valid(const char *uid);

/* What the sidecar tells: "<phase> <seen>" or "<phase> <seen> <uid>". */
struct hr_phase_word {
    enum hr_pod_phase phase; /* one of the first five */
    uint32_t seen;
    char claim_uid[HR_CLAIM_UID_MAX + 1];
};

/* 0 or -EINVAL. */
int hr_phase_word_parse(const char *text, struct hr_phase_word *ret);
/* It fits into HR_NOTIFICATION_MAX. */
void hr_phase_word_format(const struct hr_phase_word *word, char *out, size_t size);

#endif
