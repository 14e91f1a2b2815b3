/* SPDX-License-Identifier: MIT
 * Quantities as Kubernetes has them: "4Gi", "500m", "1e3", "0.5".  Its reference: a sign, digits
 * with a point anywhere, then n u m k M G T P E, or Ki Mi Gi Ti Pi Ei, or e or E and an exponent.
 */
#ifndef HR_IMAGE_SPEC_QUANTITY_H
#define HR_IMAGE_SPEC_QUANTITY_H

#include <stdint.h>

enum { HR_QUANTITY_TEXT = 64 /* bytes; longer ones are refused */ };

/* The quantity in units of 10^-decimals (0: bytes of memory; 3: thousandths of a processor), a
 * fraction rounded away from zero, as Kubernetes does; one too large for an int64_t becomes the
 * largest.  0 or -EINVAL. */
int hr_quantity_parse(const char *text, int decimals, int64_t *ret);

#endif
