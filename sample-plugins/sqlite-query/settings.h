/* SPDX-License-Identifier: MIT
 * The plugin's configuration, constant once create() has returned. */
#ifndef SQ_SETTINGS_H
#define SQ_SETTINGS_H

#include "kit/fail.h"
#include <stdbool.h>
#include <stdint.h>

struct sq_settings {
    char *root;               /* owned; absolute, without a slash at its end unless it is "/" */
    bool writable;            /* sqlite_execute may be used */
    int64_t max_rows;         /* of one answer, unless the call asks for fewer */
    int64_t timeout_ms;       /* of one call */
    int64_t max_result_bytes; /* of the rows of one answer, as text */
};

/* JSON Schema of what sq_settings_parse takes. */
extern const char sq_settings_schema[];

/* HANDRAIL_OK, or a negative status with the reason attached and *ret untouched. */
handrail_status sq_settings_parse(const struct kit_call *c, const char *config, size_t len,
                                  struct sq_settings *ret);
void sq_settings_free(struct sq_settings *s);

#endif
