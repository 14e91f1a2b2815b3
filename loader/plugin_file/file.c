/* SPDX-License-Identifier: MIT
 * Getting hold of a plugin's file.  See file.h. */
#include "file.h"

#include "common/fd.h"
#include "common/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

static int open_file(const char *path, int *ret_fd, struct stat *ret, struct hr_why *why)
{
    if (path[0] != '/')
        return hr_refuse(why, "the path is not absolute: give it from / on in the tool registry");
    /* O_NONBLOCK: a FIFO must not stop us here */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ELOOP)
        return hr_refuse(why, "is a symbolic link: name the file that it points to");
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return hr_refuse(why, "does not exist: correct its path in the tool registry, or copy the "
                              "plugin there");
    if (fd < 0 && hr_error_passes(errno))
        return hr_refuse_error(why, -errno, "cannot be opened");
    if (fd < 0)
        return hr_refuse(why, "cannot be opened: %s: make it readable for user %u", strerror(errno),
                         (unsigned)geteuid());
    int err = fstat(fd, ret) < 0 ? -errno : 0;
    if (err)
        err = hr_refuse_error(why, err, "cannot be examined");
    else if (!S_ISREG(ret->st_mode))
        err = hr_refuse(why, "is not a regular file: name the plugin's shared object itself");
    else if (ret->st_size > HR_PLUGIN_FILE_MAX)
        err = hr_refuse(why, "is larger than %d MiB: strip it (strip --strip-debug), or split it",
                        HR_PLUGIN_FILE_MAX / 1024 / 1024);
    if (err)
        hr_close(&fd);
    else
        *ret_fd = fd;
    return err;
}

/* Can only root and this user have written it? */
static int check_mode(const struct stat *st, struct hr_why *why)
{
    if (st->st_uid != 0 && geteuid() == 0)
        return hr_refuse(why,
                         "belongs to user %u: chown it to root, or give its sha256 in the tool "
                         "registry",
                         (unsigned)st->st_uid);
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return hr_refuse(why,
                         "belongs to user %u: chown it to root or to user %u, which runs handrail, "
                         "or give its sha256 in the tool registry",
                         (unsigned)st->st_uid, (unsigned)geteuid());
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return hr_refuse(why,
                         "can be written by others than its owner (mode %04o): chmod go-w it, or "
                         "give its sha256 in the tool registry",
                         (unsigned)(st->st_mode & 07777));
    return 0;
}

/* Memory for the copy, or -1.  What is never run as a program need not be executable as one, and
 * some systems only allow that. */
static int new_copy(void)
{
    static const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("handrail-plugin", flags | MFD_NOEXEC_SEAL);
    return fd < 0 && errno == EINVAL ? memfd_create("handrail-plugin", flags) : fd;
}

/* Hash what is read from fd, and copy it to `copy` unless that is -1. */
static int hash_and_copy(int fd, int copy, size_t *ret_len, char sha256[HR_PLUGIN_FILE_SHA256])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char chunk[16384];
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX hash;
    size_t total = 0;
    SHA256Init(&hash);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        total += (size_t)n;
        if (total > HR_PLUGIN_FILE_MAX)
            return -EFBIG;
        SHA256Update(&hash, chunk, (size_t)n);
        int err = copy < 0 ? 0 : hr_write_all(copy, chunk, (size_t)n);
        if (err)
            return err;
    }
    SHA256Final(digest, &hash);
    for (size_t i = 0; i < sizeof(digest); i++) {
        sha256[2 * i] = digits[digest[i] >> 4];
        sha256[2 * i + 1] = digits[digest[i] & 15];
    }
    sha256[2 * sizeof(digest)] = '\0';
    *ret_len = total;
    return 0;
}

/* The path to load what is open by.  Without /proc there is none. */
static bool find_load_path(struct hr_plugin_file *f)
{
    (void)snprintf(f->load_path, sizeof(f->load_path), "/proc/self/fd/%d", f->fd);
    if (access(f->load_path, R_OK) == 0)
        return true;
    f->load_path[0] = '\0';
    return false;
}

static int check_hash(const struct hr_plugin_file *f, const char *sha256, struct hr_why *why)
{
    if (!sha256 || strcasecmp(sha256, f->sha256) == 0)
        return 0;
    return hr_refuse(why,
                     "has the SHA-256 %s, the tool registry wants %s: install the file that was "
                     "meant, or correct the registry",
                     f->sha256, sha256);
}

/* Take the file, of which fd is open, into *f. */
static int take(int fd, struct hr_plugin_file *f, struct hr_why *why)
{
    static const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    f->fd = new_copy();
    int err = hash_and_copy(fd, f->fd, &f->len, f->sha256);
    if (err == -ENOMEM || err == -ENOSPC)
        return -ENOMEM;
    if (err == -EFBIG)
        return hr_refuse(why,
                         "has grown beyond %d MiB while it was read: write a new file and "
                         "rename it instead",
                         HR_PLUGIN_FILE_MAX / 1024 / 1024);
    if (err)
        return hr_refuse_error(why, err, "cannot be read");
    if (f->len == 0)
        return hr_refuse(why, "is empty: copy the plugin there once more");
    f->sealed = f->fd >= 0 && fcntl(f->fd, F_ADD_SEALS, seals) == 0 && find_load_path(f);
    if (!f->sealed) {
        hr_close(&f->fd);
        f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (f->fd < 0)
            return -ENOMEM;
        (void)find_load_path(f);
    }
    void *bytes = mmap(NULL, f->len, PROT_READ, MAP_PRIVATE, f->fd, 0);
    if (bytes == MAP_FAILED)
        return -ENOMEM;
    f->bytes = bytes;
    return 0;
}

int hr_plugin_file_open(const char *path, const char *sha256, struct hr_plugin_file *ret,
                        struct hr_why *why)
{
    struct hr_plugin_file f = {.fd = -1};
    struct stat st = {.st_mode = 0};
    struct hr_why mode = {{0}};
    int fd = -1;
    int err = open_file(path, &fd, &st, why);
    if (err)
        return err;
    bool vouched = check_mode(&st, &mode) == 0;
    if (!vouched && !sha256) {
        *why = mode;
        err = -EINVAL;
    }
    if (!err)
        err = take(fd, &f, why);
    if (!err)
        err = check_hash(&f, sha256, why);
    if (!err && !f.sealed && !vouched)
        err = hr_refuse(why,
                        "%s (and this system lets no copy be loaded for which its sha256 could "
                        "vouch)",
                        mode.text);
    hr_close(&fd);
    if (err)
        hr_plugin_file_close(&f);
    else
        *ret = f;
    return err;
}

void hr_plugin_file_close(struct hr_plugin_file *f)
{
    if (f->bytes)
        (void)munmap((void *)(uintptr_t)f->bytes, f->len);
    f->bytes = NULL;
    hr_close(&f->fd);
}
