/* SPDX-License-Identifier: MIT */
#include "fail.h"

#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

handrail_status kit_fail(const struct kit_call *c, handrail_status status, const char *format, ...)
{
    char reason[KIT_REASON_MAX];
    struct kit_text clean = {.max = 3 * sizeof(reason)}; /* a bad byte becomes three */
    va_list args;

    va_start(args, format);
    int n = vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    if (n > 0)
        kit_text_add_clean(&clean, reason, strlen(reason));
    if (clean.len > 0 && clean.error == 0)
        c->host->set_error(c->host, c->call, clean.data, clean.len);
    kit_text_free(&clean);
    return status;
}
