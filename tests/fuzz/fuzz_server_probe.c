/* SPDX-License-Identifier: MIT
 * What a server says of itself, on any text: a version is one that the loader reads back. */
#include "loader/image/server_probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char version[HR_VERSION_TEXT] = "";
    char *text = malloc(size + 1); /* exactly as long, so that a byte too many is noticed */
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    int err = hr_server_probe_read(text, version);
    if (err ? err != -ENOENT || version[0] : !isdigit((unsigned char)version[0]))
        abort();
    for (const char *p = version; *p; p++)
        if (!isgraph((unsigned char)*p))
            abort();
    free(text);
    return 0;
}
