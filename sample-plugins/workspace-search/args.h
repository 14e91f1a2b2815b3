/* SPDX-License-Identifier: MIT
 * The arguments of one call. */
#ifndef WS_ARGS_H
#define WS_ARGS_H

#include "kit/fail.h"
#include "kit/root.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WS_PATTERN_MAX = 4096, /* bytes */
    WS_GLOB_MAX = 255,     /* bytes, as long as a file name can be */
    WS_RESULTS_DEFAULT = 100,
    WS_RESULTS_MAX = 1000
};

struct ws_args {
    json_t *json; /* owns the strings below */
    const char *pattern;
    const char *glob;        /* NULL: every file */
    char path[KIT_PATH_MAX]; /* below the root, "." for the root itself */
    int64_t max_results;
    bool case_sensitive;
    bool fixed;
};

/* JSON Schema of what ws_args_parse takes. */
extern const char ws_args_schema[];

/* HANDRAIL_OK, or HANDRAIL_E_INVALID with a reason that says how to mend the call; *ret then holds
 * nothing.  On success the caller ends with ws_args_free. */
handrail_status ws_args_parse(const struct kit_call *c, const char *root, const char *text,
                              size_t len, struct ws_args *ret);
void ws_args_free(struct ws_args *a);

#endif
