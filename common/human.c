/* SPDX-License-Identifier: MIT
 * Quantities for people.  See human.h. */
#include "human.h"

#include <stddef.h>
#include <stdio.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 }; /* seconds */

static const double most = 1e12; /* what a long long surely holds */

/* NaN becomes 0 as well. */
static double clip(double v)
{
    return v > most ? most : v > 0 ? v : 0;
}

void hr_human_duration(char out[HR_HUMAN_MAX], double seconds)
{
    double clipped = clip(seconds);
    long long s = (long long)clipped;
    if (clipped < 9.95)
        (void)snprintf(out, HR_HUMAN_MAX, "%.1fs", clipped);
    else if (s < MINUTE)
        (void)snprintf(out, HR_HUMAN_MAX, "%llds", s);
    else if (s < HOUR)
        (void)snprintf(out, HR_HUMAN_MAX, "%lldm %llds", s / MINUTE, s % MINUTE);
    else if (s < DAY)
        (void)snprintf(out, HR_HUMAN_MAX, "%lldh %lldm", s / HOUR, s / MINUTE % 60);
    else
        (void)snprintf(out, HR_HUMAN_MAX, "%lldd %lldh", s / DAY, s / HOUR % 24);
}

/* Two digits below ten, whole numbers from there on. */
static void put(char out[HR_HUMAN_MAX], double v, const char *unit)
{
    (void)snprintf(out, HR_HUMAN_MAX, v < 9.95 ? "%.1f %s" : "%.0f %s", v, unit);
}

void hr_human_latency(char out[HR_HUMAN_MAX], double seconds)
{
    double s = clip(seconds);
    if (s < 999.5e-6)
        (void)snprintf(out, HR_HUMAN_MAX, "%.0f us", s * 1e6);
    else if (s < 999.5e-3)
        put(out, s * 1e3, "ms");
    else
        put(out, s, "s");
}

void hr_human_bytes(char out[HR_HUMAN_MAX], double bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = bytes > 0 ? bytes : 0;
    size_t i = 0;
    if (v < 1023.5) {
        (void)snprintf(out, HR_HUMAN_MAX, "%.0f B", v);
        return;
    }
    for (v /= 1024; v >= 1023.5 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
        v /= 1024;
    put(out, v > 9999 ? 9999 : v, units[i]);
}
