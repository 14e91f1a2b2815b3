/* SPDX-License-Identifier: MIT
 * Why a plugin is refused: one sentence for people, that says what is wrong and what to do about
 * it, without the plugin's name or path.  The caller owns it. */
#ifndef HR_PLUGIN_FILE_WHY_H
#define HR_PLUGIN_FILE_WHY_H

struct hr_why {
    char text[2048];
};

/* Say why; always -EINVAL, so that it can be returned. */
int hr_refuse(struct hr_why *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
