/* SPDX-License-Identifier: MIT
 * Quantities as people read them, for the command line and the status page: short, one or two
 * units, never more digits than are known.  Any number can be given; what makes no sense becomes
 * the nearest that does. */
#ifndef HR_COMMON_HUMAN_H
#define HR_COMMON_HUMAN_H

enum { HR_HUMAN_MAX = 32 }; /* bytes that hold any of them */

/* "4.2s", "59s", "3m 20s", "2h 11m", "5d 3h". */
void hr_human_duration(char out[HR_HUMAN_MAX], double seconds);

/* How long a call took: "850 us", "3.2 ms", "1.5 s", "75 s". */
void hr_human_latency(char out[HR_HUMAN_MAX], double seconds);

/* "512 B", "1.5 KiB", "412 MiB", "2.0 GiB". */
void hr_human_bytes(char out[HR_HUMAN_MAX], double bytes);

#endif
