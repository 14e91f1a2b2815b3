/* SPDX-License-Identifier: MIT
 * The same as probe.c, of the extension "handrail.phase/1". */
#include <handrail/phase.h>

HANDRAIL_EXPORT void handrail_probe(const handrail_phase_listener *listener,
                                    const handrail_phase_source *source);
void handrail_probe(const handrail_phase_listener *listener, const handrail_phase_source *source)
{
    (void)listener, (void)source;
}

HANDRAIL_EXPORT char probe_PHASE_EVENT_MAX[HANDRAIL_PHASE_EVENT_MAX];
