/* SPDX-License-Identifier: MIT
 * The init record.  See init_record.h. */
#include "init_record.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int hr_init_record_make(struct hr_init_record *r)
{
    void *p = mmap(NULL, HR_INIT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    if (madvise(p, HR_INIT_MAX, MADV_DONTDUMP) < 0 || madvise(p, HR_INIT_MAX, MADV_DONTFORK) < 0) {
        int err = -errno;
        (void)munmap(p, HR_INIT_MAX);
        return err;
    }
    *r = (struct hr_init_record){.body = p};
    return 0;
}

void hr_init_record_wipe(struct hr_init_record *r)
{
    if (!r->body || !r->len)
        return;
    explicit_bzero(r->body, r->len);
    if (r->locked)
        (void)munlock(r->body, r->len);
    r->len = 0;
    r->locked = false;
}

/* Read n bytes and see that there are no more.  0 or -errno. */
static int read_exactly(int pipe, char *into, size_t n)
{
    char more = 0;
    size_t got = 0;
    while (got < n) {
        ssize_t r = read(pipe, into + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno != EAGAIN)
            return -errno;
        if (r <= 0)
            return -EPROTO;
        got += (size_t)r;
    }
    return read(pipe, &more, 1) > 0 ? -EPROTO : 0;
}

int hr_init_record_take(struct hr_init_record *r, int pipe, size_t n)
{
    struct stat st;
    hr_init_record_wipe(r);
    if (!r->body || n == 0 || n > HR_INIT_MAX)
        return -EINVAL;
    /* Its end could be held open by the sender: it must not be waited for. */
    if (fstat(pipe, &st) < 0 || !S_ISFIFO(st.st_mode) || fcntl(pipe, F_SETFL, O_NONBLOCK) < 0)
        return -EINVAL;
    r->len = n;
    r->locked = mlock(r->body, n) == 0; /* where the limit does not allow it: not locked */
    int err = read_exactly(pipe, r->body, n);
    if (err)
        hr_init_record_wipe(r);
    return err;
}

int hr_init_record_pipe(const struct hr_init_record *r, int *ret_fd)
{
    int fds[2] = {-1, -1};
    int err = 0;
    if (!r->len)
        return -ENOENT;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    (void)fcntl(fds[1], F_SETPIPE_SZ, (int)r->len); /* a small body fits anyhow */
    ssize_t n = write(fds[1], r->body, r->len);
    if (n != (ssize_t)r->len)
        err = n < 0 ? -errno : -ENOBUFS;
    hr_close(&fds[1]);
    if (err)
        hr_close(&fds[0]);
    else
        *ret_fd = fds[0];
    return err;
}
