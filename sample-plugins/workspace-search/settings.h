/* SPDX-License-Identifier: MIT
 * The plugin's configuration, constant once create() has returned. */
#ifndef WS_SETTINGS_H
#define WS_SETTINGS_H

#include "kit/fail.h"
#include <stdint.h>

struct ws_settings {
    char *root;              /* owned; absolute, without a slash at its end unless it is "/" */
    int64_t max_file_bytes;  /* a larger file is skipped */
    int64_t max_total_bytes; /* read by one call */
    int64_t max_time_ms;     /* of one call */
};

/* JSON Schema of what ws_settings_parse takes. */
extern const char ws_settings_schema[];

/* HANDRAIL_OK, or a negative status with the reason attached and *ret untouched. */
handrail_status ws_settings_parse(const struct kit_call *c, const char *config, size_t len,
                                  struct ws_settings *ret);
void ws_settings_free(struct ws_settings *s);

#endif
