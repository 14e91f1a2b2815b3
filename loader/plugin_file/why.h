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

/* The same for a system call that failed with err, a negative errno: always err, from which
 * hr_error_passes() tells whether another try can help. */
int hr_refuse_error(struct hr_why *why, int err, const char *what);

#endif
