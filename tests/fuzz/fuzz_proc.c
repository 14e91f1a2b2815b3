/* SPDX-License-Identifier: MIT
 * /proc/PID/stat, whose command name is chosen by whoever runs there. */
#include "common/proc.h"

#include <errno.h>
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
    struct hr_proc_entry e = {.pid = -7};
    char *copy = malloc(size ? size : 1); /* exact, so that one byte too far is seen */
    require(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    int err = hr_proc_parse_stat(copy, size, &e);
    require(err == 0 || err == -EPROTO);
    if (err) {
        require(e.pid == -7);
    } else {
        require(e.pid > 0 && e.ppid >= 0);
        require(e.cpu_ticks >= -1 && e.threads >= -1 && e.rss_pages >= -1);
        require(memchr(e.comm, '\0', sizeof(e.comm)) != NULL);
        for (const char *p = e.comm; *p; p++)
            require((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
    free(copy);
    return 0;
}
