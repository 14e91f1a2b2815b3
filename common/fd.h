/* SPDX-License-Identifier: MIT
 * Descriptors and numbers: the small things every program needs and gets wrong once.
 * A descriptor variable is -1 when it is empty. */
#ifndef HR_COMMON_FD_H
#define HR_COMMON_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hr_buf;

/* Close *fd if it is not -1 and make it -1.  errno is kept. */
void hr_close(int *fd);

/* Open those of descriptors 0 to 2 that are closed on /dev/null, or what is opened next would land
 * there and be taken for standard input, output or error. */
void hr_fill_standard_fds(void);

/* Write all of it, through EINTR and short writes.  0 or -errno.  The descriptor must be blocking.
 */
int hr_write_all(int fd, const void *data, size_t n);

/* The same pipe or terminal, opened once more for writing without blocking: that flag belongs to
 * the open file, so those who share the old one do not get it.  Not for files: their offset does
 * too. The descriptor, close-on-exec, or -errno: no /proc, or another user's. */
int hr_open_again(int fd);

/* One write that does not block, for a terminal that cannot be opened again: what its POLLOUT
 * promises is less than a line, so the open file must have O_NONBLOCK, and has it for just that
 * long.  The bytes written or -errno. */
ssize_t hr_write_now(int fd, const void *data, size_t n);

/* Read the whole file behind fd from its start, without moving its offset when it is seekable, into
 * buf, which bounds it.  0, -E2BIG, -ENOMEM, or -errno of the read. */
int hr_read_fd(int fd, struct hr_buf *buf);

/* An anonymous file with this content that nobody can change any more.  ret_fd is close-on-exec.
 * 0 or -errno. */
int hr_memfd_sealed(const char *name, const void *data, size_t n, int *ret_fd);

/* Parse a whole string as a decimal number in [min, max].  0, -EINVAL or -ERANGE. */
int hr_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret);

/* n random bytes from the kernel as 2n hexadecimal digits and a NUL, so out holds 2n + 1.
 * 0 or -errno. */
int hr_random_hex(char *out, size_t n);

/* Compare two strings in a time that depends only on the length of `given`.  Nonzero if equal. */
int hr_equal_secret(const char *given, const char *secret);

#endif
