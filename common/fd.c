/* SPDX-License-Identifier: MIT
 * Descriptors and numbers.  See fd.h. */
#include "fd.h"

#include "buf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

void hr_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    (void)close(*fd); /* Linux has closed it whatever it answers */
    *fd = -1;
    errno = saved;
}

void hr_fill_standard_fds(void)
{
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (fcntl(i, F_GETFD) >= 0)
            continue;
        int fd = open("/dev/null", O_RDWR); /* lands on i, the lowest that is free */
        if (fd < 0)
            (void)open("/", O_PATH); /* any file will do to keep the number taken */
    }
}

int hr_write_all(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -errno;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

int hr_open_again(int fd)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return again < 0 ? -errno : again;
}

ssize_t hr_write_now(int fd, const void *data, size_t n)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    ssize_t w = write(fd, data, n);
    if (w < 0)
        w = -errno;
    (void)fcntl(fd, F_SETFL, flags);
    return w;
}

int hr_read_fd(int fd, struct hr_buf *buf)
{
    off_t at = 0;
    int seekable = lseek(fd, 0, SEEK_CUR) >= 0;
    for (;;) {
        char chunk[4096];
        ssize_t r = seekable ? pread(fd, chunk, sizeof(chunk), at) : read(fd, chunk, sizeof(chunk));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            return 0;
        int err = hr_buf_add(buf, chunk, (size_t)r);
        if (err)
            return err;
        at += r;
    }
}

int hr_memfd_sealed(const char *name, const void *data, size_t n, int *ret_fd)
{
    int err = 0;
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    err = hr_write_all(fd, data, n);
    if (!err &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        err = -errno;
    if (err) {
        hr_close(&fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int hr_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*s) && *s != '-')
        return -EINVAL; /* strtoll would take white space and '+' */
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end == s || *end)
        return -EINVAL;
    if (errno || v < min || v > max)
        return -ERANGE;
    *ret = v;
    return 0;
}

int hr_random_hex(char *out, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char *random = (unsigned char *)out + n; /* the half that is written last */
    for (size_t got = 0; got < n;) {
        ssize_t r = getrandom(random + got, n - got, 0);
        if (r > 0)
            got += (size_t)r;
        else if (r == 0 || errno != EINTR)
            return r < 0 ? -errno : -EIO;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = random[i];
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[2 * n] = '\0';
    return 0;
}

int hr_equal_secret(const char *given, const char *secret)
{
    size_t len = strlen(secret);
    size_t n = strlen(given);
    unsigned diff = n != len;
    for (size_t i = 0; i < n; i++)
        diff |= (unsigned char)given[i] ^ (unsigned char)secret[len ? i % len : 0];
    return diff == 0;
}
