/* SPDX-License-Identifier: MIT
 * The plugin's configuration, constant once create() has returned. */
#ifndef DA_SETTINGS_H
#define DA_SETTINGS_H

#include "kit/fail.h"
#include <stdint.h>

struct da_settings {
    char *root;        /* owned; absolute, without a slash at its end unless it is "/" */
    int64_t max_rows;  /* that one call uses; the rest of a file is left out, and it is said */
    int64_t max_bytes; /* that one call reads, likewise */
    int64_t timeout_ms;
};

/* JSON Schema of what da_settings_parse takes. */
extern const char da_settings_schema[];

/* HANDRAIL_OK, or a negative status with the reason attached and *ret untouched. */
handrail_status da_settings_parse(const struct kit_call *c, const char *config, size_t len,
                                  struct da_settings *ret);
void da_settings_free(struct da_settings *s);

#endif
