/* SPDX-License-Identifier: MIT
 * What must never appear in a crash report: keys and tokens from our environment and from the body
 * of an accepted POST /api/init, which the server may have printed before it died.
 *
 * Values are borrowed, never copied, so there is no second copy of a secret in memory; who owns
 * the memory says when it goes, with hr_secrets_forget().  PID 1 only; allocates nothing.
 *
 * Masked are: the value as it is, its JSON and Python escaped forms, a long value that is cut short
 * or goes on differently after HR_SECRET_ENOUGH bytes, and the rest or the beginning of a value at
 * the two ends of the text.  A text is what one stream has said: in the middle of what another one
 * has said, no part of a value would be known.  Not found are: values of less than HR_SECRET_MIN
 * bytes, and encodings (base64, percent-encoding, escaped twice).
 */
#ifndef HR_SUPERVISOR_SECRETS_H
#define HR_SUPERVISOR_SECRETS_H

#include "common/board.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    HR_SECRETS_MAX = 512,  /* values; a text is withheld altogether once there were more */
    HR_SECRET_MIN = 6,     /* bytes; what is shorter would be found everywhere */
    HR_SECRET_ENOUGH = 32, /* bytes that a text has in common with a longer value to be masked */
    HR_SECRETS_DEPTH = 32, /* of JSON that is looked into; below, all is as at this depth */
    /* Bytes compared for one text, some 25 ms at worst; a report has two.  The rest of a text that
     * is made to need more is withheld. */
    HR_SECRETS_WORK = 4 * 1024 * 1024,
};

/* Is the value of a variable, header or JSON member of that name a secret? */
bool hr_secrets_name(const char *name, size_t n);

/* Start anew, with the secrets of this environment: the values under such names, and the parts of
 * one that is a list with commas or has many lines; in a value that is JSON, the strings in it; and
 * the password of any URL.  Borrowed for ever. */
void hr_secrets_init(char *const *env);

/* One more, without the white space around it.  0, -EINVAL if it is too short, -ENOSPC. */
int hr_secrets_add(const char *value, size_t n);

/* The strings of a JSON text that stand under a secret's name, directly or deeper, and the
 * passwords of URLs anywhere.  Text that is not quite JSON does no harm. */
void hr_secrets_add_json(const char *json, size_t n);

/* What stands in a shell's command under a name that says so: the value of "NAME=value" and
 * "Name: value", also behind "Bearer " and the like, and of an option "--name value"; and the
 * passwords of URLs.  A value that begins with $ is none. */
void hr_secrets_add_command(const char *command);

/* Drop those that lie in this memory. */
void hr_secrets_forget(const void *from, size_t n);

/* Set secret[i] for each byte of the text: is it one of a secret's?  0, or -ENOSPC when there were
 * more secrets than are known here: then all are. */
int hr_secrets_mark(const char *text, size_t n, bool *secret);

/* Copy words that somebody else has said: cut to fit, and with what is secret in them masked. */
void hr_secrets_words(char out[HR_REASON_MAX], const char *text);

/* Copy the text with "****" in the place of what is marked as secret.  The bytes written, never
 * more than n; out may be text itself. */
size_t hr_secrets_cover(char *out, const char *text, const bool *secret, size_t n);

#endif
