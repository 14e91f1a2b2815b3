/* SPDX-License-Identifier: MIT
 * A plugin's .mcp.json, and the URLs in it, on any bytes. */
#include "sidecar/preflight/plugin_files.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void found(void *arg, const char *file, const char *name, const char *url)
{
    char request[256];
    char shown[64];
    (void)arg;
    (void)file;
    (void)name;
    if (hr_plugin_url(url, request, sizeof(request), shown, sizeof(shown)))
        return;
    assert(strncmp(request, "http://", 7) == 0);
    assert(strncmp(request, shown, strlen(shown)) == 0);
    assert(!strpbrk(shown + 7, "@/?# \n"));
    assert(!strpbrk(request, "# \n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hr_plugin_file_parse("fuzz", (const char *)data, size, found, NULL);
    return 0;
}
