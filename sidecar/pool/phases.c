/* SPDX-License-Identifier: MIT
 * The table of phases.  See phases.h. */
#include "phases.h"

#define STARTING HR_POD_STARTING
#define WARMING  HR_POD_WARMING
#define WARM     HR_POD_WARM
#define CLAIMED  HR_POD_CLAIMED
#define ACTIVE   HR_POD_ACTIVE

static const enum hr_pod_phase table[HR_NFOUND][HR_NEVIDENCE] = {
    /* clang-format off */
    /*                    process   down      ready     claim     use */
    [HR_POD_STARTING] = { WARMING,  STARTING, STARTING, STARTING, STARTING },
    [HR_POD_WARMING]  = { WARMING,  WARMING,  WARM,     WARMING,  WARMING  },
    [HR_POD_WARM]     = { WARM,     WARMING,  WARM,     CLAIMED,  ACTIVE   },
    [HR_POD_CLAIMED]  = { CLAIMED,  CLAIMED,  CLAIMED,  CLAIMED,  ACTIVE   },
    [HR_POD_ACTIVE]   = { ACTIVE,   ACTIVE,   ACTIVE,   ACTIVE,   ACTIVE   },
    /* clang-format on */
};

const char *hr_evidence_name(enum hr_evidence evidence)
{
    static const char *const names[HR_NEVIDENCE] = {"process", "down", "ready", "claim", "use"};
    return evidence < HR_NEVIDENCE ? names[evidence] : "unknown";
}

enum hr_pod_phase hr_phase_next(enum hr_pod_phase phase, enum hr_evidence evidence)
{
    return (int)phase < HR_NFOUND && evidence < HR_NEVIDENCE ? table[phase][evidence] : phase;
}

enum hr_pod_phase hr_phase_settle(enum hr_pod_phase phase, unsigned evidence)
{
    /* The table leads back once, by `down`, which excludes `ready`: it is at rest before this. */
    for (int round = 0; round < HR_NFOUND; round++)
        for (int e = 0; e < HR_NEVIDENCE; e++)
            if (evidence & (1U << e))
                phase = hr_phase_next(phase, (enum hr_evidence)e);
    return phase;
}
