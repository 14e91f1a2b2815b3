/* SPDX-License-Identifier: MIT
 * The headers Accept and Accept-Encoding, which anyone can send. */
#include "sidecar/metrics/accept.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    bool asked = strcasestr(text, "openmetrics-text") || strcasestr(text, "application/*");
    /* Nobody gets what was not asked for. */
    require(hr_accept_format(text) == HR_EXPO_TEXT || asked);
    require(!hr_accept_gzip(text) || strcasestr(text, "gzip") || strchr(text, '*'));
    free(text);
    return 0;
}
