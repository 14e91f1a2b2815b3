/* SPDX-License-Identifier: MIT
 * The arguments of one call. */
#ifndef DA_ARGS_H
#define DA_ARGS_H

#include "kit/root.h"
#include "settings.h"
#include <jansson.h>

struct da_args {
    json_t *json;            /* owns the strings below */
    char path[KIT_PATH_MAX]; /* below the root */
    char delimiter;
    int64_t max_rows;

    /* to train */
    const char *target;
    double test_fraction;
    int64_t seed;
    char model_path[KIT_PATH_MAX]; /* below the root, without .model and .json */
};

/* JSON Schemas of what da_args_parse takes. */
extern const char da_args_describe_schema[];
extern const char da_args_train_schema[];

/* HANDRAIL_OK, or HANDRAIL_E_INVALID with a reason that says how to mend the call; *ret then holds
 * nothing.  On success the caller ends with da_args_free. */
handrail_status da_args_parse(const struct kit_call *c, const struct da_settings *s, bool train,
                              const char *text, size_t len, struct da_args *ret);
void da_args_free(struct da_args *a);

#endif
