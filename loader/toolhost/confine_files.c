/* SPDX-License-Identifier: MIT
 * Landlock.  See confine.h.  The kernel's structures are declared here: headers of a distribution
 * are older than the kernels that its programs run on. */
#include "common/fd.h"
#include "common/log.h"
#include "common/passing.h"
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ruleset_attr { /* each ABI knows a longer one; what is zero needs no support */
    uint64_t fs;
    uint64_t net;    /* ABI 4 */
    uint64_t scoped; /* ABI 6 */
};

struct path_attr {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

struct port_attr {
    uint64_t allowed;
    uint64_t port;
};

enum { RULE_PATH = 1, RULE_PORT = 2, QUERY_VERSION = 1 };

/* Rights of files, by the ABI that brought them. */
enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    MAKE_CHAR = 1 << 6,
    MAKE_BLOCK = 1 << 11,
    TRUNCATE = 1 << 14,
    ALL_1 = (1 << 13) - 1,
    ALL_2 = (1 << 14) - 1, /* moving to another folder */
    ALL_3 = (1 << 15) - 1, /* truncating by name */
    ALL_5 = (1 << 16) - 1, /* ioctl of devices */
    DEVICE_IOCTL = 1 << 15,

    TO_READ = READ_FILE | READ_DIR,
    TO_WRITE = ALL_5 & ~(EXECUTE | MAKE_CHAR | MAKE_BLOCK | DEVICE_IOCTL),
    OF_FILES =
        EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_IOCTL, /* not of folders alone */
};

enum { TCP_BIND = 1 << 0, TCP_CONNECT = 1 << 1 };
enum { SCOPE_ABSTRACT = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

/* What a shared object and the C library look for, whatever a plugin does. */
static const char *const system_paths[] = {
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/localtime",
    "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
    /* how many processors there are, and how large their pages */
    "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage"};

/* Names and certificates. */
static const char *const network_paths[] = {
    "/etc/resolv.conf", "/etc/hosts",          "/etc/nsswitch.conf", "/etc/host.conf",
    "/etc/gai.conf",    "/etc/services",       "/etc/protocols",     "/etc/ssl",
    "/etc/pki",         "/etc/ca-certificates"};

static const char default_write[] = "/workspace";

struct rules {
    int fd;
    uint64_t handled; /* rights of files that this kernel knows */
    int err;          /* the first one */
};

static void allow_fd(struct rules *r, int fd, uint64_t allowed)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        allowed &= OF_FILES;
    struct path_attr a = {.allowed = allowed & r->handled, .fd = fd};
    if (a.allowed && syscall(SYS_landlock_add_rule, r->fd, RULE_PATH, &a, 0) < 0 && !r->err)
        r->err = -errno;
}

/* What does not exist is not granted; `named`: somebody wants to know.  An error that passes is
 * one of all the rules: a grant that is missing by chance would be found by nobody. */
static void allow_path(struct rules *r, const char *path, uint64_t allowed, bool named)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        if (hr_error_passes(errno) && !r->err)
            r->err = -errno;
        else if (named)
            hr_warn("confinement: %s: %s: not granted: make it before the plugin starts, or leave "
                    "it out",
                    path, strerror(errno));
        return;
    }
    allow_fd(r, fd, allowed);
    hr_close(&fd);
}

static void allow_list(struct rules *r, const json_t *list, uint64_t allowed)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        allow_path(r, json_string_value(json_array_get(list, i)), allowed, true);
}

/* The C library of our own that a release brings lies beside the program: bin/.., lib. */
static void allow_own_libraries(struct rules *r, uint64_t allowed)
{
    char path[PATH_MAX + 8];
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
    char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    slash = slash ? memrchr(path, '/', (size_t)(slash - path)) : NULL;
    if (!slash)
        return;
    (void)snprintf(slash, sizeof("/lib"), "/lib");
    allow_path(r, path, allowed, false);
}

/* Our own folder of /proc and no other.  It stays open: the rule is bound to an inode which the
 * kernel makes anew, and without the rule, once nothing refers to it. */
static void allow_proc(struct rules *r)
{
    int fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        allow_fd(r, fd, TO_READ | WRITE_FILE);
}

static void allow_paths(struct rules *r, const struct hr_confinement *c, const char *plugin)
{
    uint64_t to_read = TO_READ | (c->exec ? EXECUTE : 0);
    for (size_t i = 0; i < sizeof(system_paths) / sizeof(system_paths[0]); i++)
        allow_path(r, system_paths[i], to_read, false);
    for (size_t i = 0; c->network && i < sizeof(network_paths) / sizeof(network_paths[0]); i++)
        allow_path(r, network_paths[i], TO_READ, false);
    allow_path(r, "/dev/null", READ_FILE | WRITE_FILE | TRUNCATE, false);
    allow_own_libraries(r, to_read);
    allow_proc(r);
    allow_path(r, plugin, TO_READ, false); /* that it is missing is said by who opens it */
    allow_list(r, c->read, to_read);
    if (c->write)
        allow_list(r, c->write, TO_WRITE);
    else
        allow_path(r, default_write, TO_WRITE, false);
}

static void allow_ports(struct rules *r, const json_t *list, uint64_t allowed)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct port_attr a = {.allowed = allowed,
                              .port = (uint64_t)json_number_value(json_array_get(list, i))};
        if (syscall(SYS_landlock_add_rule, r->fd, RULE_PORT, &a, 0) < 0 && !r->err)
            r->err = -errno;
    }
}

int hr_confine_files(const struct hr_confinement *c, const char *path)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, QUERY_VERSION);
    if (abi < 1)
        return abi < 0 ? -errno : -ENOSYS;
    /* Binding takes a port from somebody of the pod, so even a granted network grants none. */
    bool connects = c->network && !c->tcp_connect;
    struct ruleset_attr a = {
        .fs = abi >= 5   ? ALL_5
              : abi >= 3 ? ALL_3
              : abi == 2 ? ALL_2
                         : ALL_1,
        .net = abi >= 4 ? TCP_BIND | (connects ? 0 : TCP_CONNECT) : 0,
        .scoped = abi >= 6 ? SCOPE_ABSTRACT | SCOPE_SIGNAL : 0,
    };
    size_t size = abi >= 6 ? sizeof(a) : abi >= 4 ? offsetof(struct ruleset_attr, scoped) : 8;
    struct rules r = {.handled = a.fs};
    r.fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
    if (r.fd < 0)
        return -errno;
    allow_paths(&r, c, path);
    if (abi >= 4) {
        allow_ports(&r, c->tcp_bind, TCP_BIND);
        allow_ports(&r, c->tcp_connect, TCP_CONNECT);
    }
    if (!r.err && syscall(SYS_landlock_restrict_self, r.fd, 0) < 0)
        r.err = -errno;
    hr_close(&r.fd);
    return r.err ? r.err : (int)abi;
}
