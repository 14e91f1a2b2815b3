/* SPDX-License-Identifier: MIT
 * See body.h. */
#include "body.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much is in it.  0 or -errno. */
static int measure(int fd, size_t *ret)
{
    struct stat st;
    int n = 0;
    if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
        return -EBADF;
    if (ioctl(fd, FIONREAD, &n) < 0)
        return -errno;
    if (n > HR_BODY_MAX)
        return -E2BIG;
    *ret = n > 0 ? (size_t)n : 0;
    return 0;
}

/* 0, -EPIPE if there was less than n bytes, or -errno. */
static int read_all(int fd, char *to, size_t n)
{
    while (n) {
        ssize_t got = read(fd, to, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return -EPIPE;
        to += got;
        n -= (size_t)got;
    }
    return 0;
}

int hr_body_read(int fd, struct hr_body *ret)
{
    struct hr_body b = {.data = NULL};
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    int err = measure(fd, &b.len);
    if (err)
        return err;
    if (b.len) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        b.mapped = (b.len + page - 1) / page * page;
        void *p = mmap(NULL, b.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return -errno;
        b.data = p;
        (void)madvise(p, b.mapped, MADV_DONTDUMP);
        (void)mlock(p, b.mapped); /* RLIMIT_MEMLOCK may forbid it: then it can be swapped out */
        err = read_all(fd, b.data, b.len);
    }
    if (err)
        hr_body_wipe(&b);
    else
        *ret = b;
    return err;
}

void hr_body_wipe(struct hr_body *body)
{
    if (body->mapped) {
        explicit_bzero(body->data, body->mapped);
        (void)munmap(body->data, body->mapped);
    }
    *body = (struct hr_body){.data = NULL};
}
