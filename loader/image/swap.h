/* SPDX-License-Identifier: MIT
 * Putting handrail into a server's place, and taking it out again.
 *
 * At every moment there is a server, or handrail with the server aside, under the server's name:
 * whoever starts it meanwhile gets one of the two, and a process that is killed in the middle
 * leaves a state that the next one completes or undoes.  The server's file is renamed, never
 * copied, so its owner, mode, times, extended attributes, security label and other names stay its
 * own. */
#ifndef HR_IMAGE_SWAP_H
#define HR_IMAGE_SWAP_H

#include "site.h"

/* Bring the site to HR_SITE_INSTALLED from any state from which that can be, and look again.
 * 0, -EINVAL: not from this one; or -errno, with the site as it was. */
int hr_swap_in(const struct hr_site_search *s, struct hr_site *site);

/* The same to HR_SITE_PLAIN. */
int hr_swap_out(const struct hr_site_search *s, struct hr_site *site);

/* Where a file has to be made or removed beside the site, a folder that has its name; false: there
 * is none. */
bool hr_swap_is_blocked(const struct hr_site *site, char folder[PATH_MAX]);

/* Note the version of a server that does not tell it, beside where it will be aside. */
int hr_swap_note_version(const struct hr_site *site, const char *version);

#endif
