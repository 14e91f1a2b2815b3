/* SPDX-License-Identifier: MIT
 * Lines of /proc/net/tcp.  The first byte chooses the form. */
#include "common/sockets.h"

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
    struct hr_socket s = {.uid = 4242};
    if (size < 1)
        return 0;
    char *copy = malloc(size); /* exact, so that one byte too far is seen */
    require(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    int got = hr_sockets_parse(copy, size - 1, data[0] & 1, &s);
    require(got == 0 || got == 1 || got == -EPROTO);
    require(got == 1 || (s.uid == 4242 && !s.address[0]));
    require(memchr(s.address, '\0', sizeof(s.address)) != NULL);
    require(got != 1 || s.address[0]);
    free(copy);
    return 0;
}
