/* SPDX-License-Identifier: MIT
 * URLs of the configuration, on any text: what is taken is one that can be shown and sent. */
#include "loader/config/web_url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    (void)hr_header_value_check(text);
    if (hr_web_url_check(text, size % 2) == 0) {
        const char *host = strstr(text, "://");
        if (!host || strlen(text) > HR_WEB_URL_MAX)
            abort();
        host += 3;
        size_t n = strcspn(host, "/?");
        if (n == 0 || memchr(host, '@', n))
            abort();
        for (const char *c = text; *c; c++)
            if (*c <= ' ' || *c == 0x7f || *c == '#')
                abort();
    }
    free(text);
    return 0;
}
