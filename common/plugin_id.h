/* SPDX-License-Identifier: MIT
 * The id of a plugin: what the tool registry, its descriptor, and everybody who speaks of it call
 * it. In paths, labels of metrics and lines of the log it needs no escapes. */
#ifndef HR_COMMON_PLUGIN_ID_H
#define HR_COMMON_PLUGIN_ID_H

#include <stdbool.h>
#include <string.h>

enum { HR_PLUGIN_ID_MAX = 64 }; /* bytes, without the NUL */

static inline bool hr_plugin_id_valid(const char *s)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = strspn(s, allowed);
    return n >= 1 && n <= HR_PLUGIN_ID_MAX && !s[n];
}

#endif
