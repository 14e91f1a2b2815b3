/* SPDX-License-Identifier: MIT
 * Datagrams of NETLINK_SOCK_DIAG in answer to request 1.  The first byte is how much room there is
 * for sockets. */
#include "common/sock_diag.h"
#include "common/sockets.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t max = data[0] % ROOM;
    size_t n = max / 2;
    size_t before = n;
    unsigned char *copy = malloc(size); /* both exact, so that one too far is seen */
    require(copy != NULL);
    memcpy(copy, data, size);
    struct hr_socket *room = max ? calloc(max, sizeof(*room)) : NULL;
    require(!max || room);
    int got = hr_sock_diag_parse(copy + 1, size - 1, 1, room, max, &n);
    require(got == 0 || got == 1 || (got < 0 && got >= -4095));
    require(n >= before && n <= max);
    require(got >= 0 || n == before);
    for (size_t i = 0; i < n; i++)
        require(memchr(room[i].address, '\0', sizeof(room[i].address)) != NULL);
    for (size_t i = before; i < n; i++)
        require(room[i].address[0]);
    free(room);
    free(copy);
    return 0;
}
