/* SPDX-License-Identifier: MIT
 * Reads the members of one JSON object, the arguments or the configuration.  The host may have
 * checked them against the schema; this does not rely on it.
 *
 * Every function answers true, or false after it has attached the reason to the call.  A member
 * that is absent leaves *ret as it is. */
#ifndef KIT_FIELDS_H
#define KIT_FIELDS_H

#include "fail.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct kit_fields {
    struct kit_call call;
    const char *what; /* for messages: "argument" */
    json_t *object;   /* owned; json_decref it after the last use of any string */
};

/* Parse text, an object whose keys are all among known (NULL-ended).  f->call and f->what are set
 * by the caller; f->object is NULL after false. */
bool kit_fields_parse(struct kit_fields *f, const char *const *known, const char *text, size_t len);

/* Borrowed from f->object.  Refused: longer than max bytes, empty, or with a NUL in it. */
bool kit_fields_string(const struct kit_fields *f, const char *key, size_t max, const char **ret);
bool kit_fields_int(const struct kit_fields *f, const char *key, int64_t min, int64_t max,
                    int64_t *ret);
bool kit_fields_bool(const struct kit_fields *f, const char *key, bool *ret);

#endif
