/* SPDX-License-Identifier: MIT
 * A notification datagram from anybody. */
#include "loader/supervisor/notify.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_notice n;
    char *text = malloc(size + 1); /* as large as the input: a read beyond it is seen */
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    hr_notice_parse(text, &n);
    if (n.watchdog_ms < -1 || n.lag_ms < -1 || n.init_bytes < -1)
        abort();
    if (n.status && (n.status < text || n.status > text + size))
        abort();
    if (n.agent_error && (n.agent_error < text || n.agent_error > text + size))
        abort();
    free(text);
    return 0;
}
