/* SPDX-License-Identifier: MIT
 * JSON of text that comes from outside. */
#ifndef KIT_JSON_H
#define KIT_JSON_H

#include <jansson.h>
#include <stddef.h>

/* The text as it is, or if it is no UTF-8, as kit_text_add_clean makes it.  A new reference; NULL
 * without memory. */
json_t *kit_json_string(const char *text, size_t len);

#endif
