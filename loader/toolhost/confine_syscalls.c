/* SPDX-License-Identifier: MIT
 * The filter of system calls.  See confine.h.
 *
 * A list of what is allowed, since a list of what is not would let everything in that kernels to
 * come will have.  What is on neither list is answered ENOSYS, which libraries know how to live
 * with, for it is what an older kernel says; what is known and denied is answered EPERM, so that a
 * plugin can tell.  Nothing but another instruction set kills.
 *
 * Arguments are compared in 64 bits, and many that the kernel reads as 32: so a comparison may only
 * ever allow, and what it does not match falls to ENOSYS. */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Work on memory, threads, time, open files, and files by name, which Landlock guards. */
static const char *const allowed[] = {
    /* memory */
    "brk", "madvise", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mprotect", "mremap",
    "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
    "map_shadow_stack",
    /* threads and this process */
    "arch_prctl", "capget", "exit", "exit_group", "futex", "futex_requeue", "futex_wait",
    "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu", "getegid",
    "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
    "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "ioprio_get",
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "prctl",
    "restart_syscall", "riscv_flush_icache", "riscv_hwprobe", "rseq", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_yield", "seccomp", "set_robust_list",
    "set_thread_area", "set_tid_address", "setpgid", "setrlimit", "setsid", "sysinfo", "times",
    "ugetrlimit", "umask", "uname", "wait4", "waitid", "waitpid",
    /* signals to itself */
    "alarm", "pause", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "sigaltstack", "signalfd",
    "signalfd4", "sigreturn",
    /* time */
    "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "futex_time64", "getitimer", "gettimeofday", "nanosleep", "setitimer",
    "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64",
    "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64",
    "timerfd_settime", "timerfd_settime64",
    /* open files */
    "cachestat", "close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "epoll_create",
    "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
    "eventfd2", "fadvise64", "fadvise64_64", "fallocate", "fchmod", "fchown", "fchown32",
    "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
    "fstat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "getdents",
    "getdents64", "_llseek", "lseek", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64", "pread64",
    "preadv", "preadv2", "pselect6", "pselect6_time64", "pwrite64", "pwritev", "pwritev2", "read",
    "readahead", "readv", "select", "sendfile", "sendfile64", "splice", "sync_file_range",
    "sync_file_range2", "syncfs", "tee", "vmsplice", "write", "writev",
    /* files by name */
    "access", "chdir", "creat", "faccessat", "faccessat2", "fchdir", "fstatat64", "getcwd",
    "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "lstat", "lstat64", "mkdir",
    "mkdirat", "mknod", "mknodat", "newfstatat", "readlink", "readlinkat", "rename", "renameat",
    "renameat2", "rmdir", "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat",
    "unlink", "unlinkat",
    /* sockets that are there; connect(), bind() and listen() need a network */
    "accept", "accept4", "getpeername", "getsockname", "getsockopt", "recv", "recvfrom", "recvmmsg",
    "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    /* chance */
    "getrandom"};

static const char *const denied[] = {
    /* other processes */
    "get_mempolicy", "kcmp", "mbind", "migrate_pages", "move_pages", "pidfd_getfd", "pidfd_open",
    "pidfd_send_signal", "process_madvise", "process_mrelease", "process_vm_readv",
    "process_vm_writev", "ptrace", "set_mempolicy", "tkill",
    /* memory that no limit of ours counts, and memory shared with other processes */
    "memfd_create", "memfd_secret", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
    "mq_timedsend", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "remap_file_pages",
    "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
    /* mode, owner and times of a file by its name: Landlock does not guard them */
    "chmod", "chown", "chown32", "fchmodat", "fchmodat2", "fchownat", "futimesat", "lchown",
    "lchown32", "lremovexattr", "lsetxattr", "removexattr", "setxattr", "utime", "utimes",
    /* the view of the system */
    "chroot", "fsconfig", "fsmount", "fsopen", "fspick", "listmount", "mount", "mount_setattr",
    "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree", "pivot_root", "setns",
    "statmount", "umount", "umount2", "unshare",
    /* who we are */
    "capset", "setfsgid", "setfsuid", "setgid", "setgroups", "setregid", "setresgid", "setresuid",
    "setreuid", "setuid",
    /* the kernel */
    "acct", "add_key", "adjtimex", "bpf", "clock_adjtime", "clock_settime", "delete_module",
    "fanotify_init", "fanotify_mark", "finit_module", "init_module", "io_cancel", "io_destroy",
    "io_getevents", "io_pgetevents", "io_setup", "io_submit", "io_uring_enter", "io_uring_register",
    "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
    "modify_ldt", "nfsservctl", "perf_event_open", "personality", "quotactl", "quotactl_fd",
    "reboot", "request_key", "sethostname", "setdomainname", "settimeofday", "swapoff", "swapon",
    "sync", "syslog", "userfaultfd", "uselib", "vhangup"};

/* Only with "exec".  clone3() keeps its flags where no filter can see them; without it the C
 * library takes clone(). */
static const char *const starting[] = {"execve", "execveat", "fork", "vfork"};

/* Only without "exec", compared with our own pid; a child would have another one. */
static const char *const signalling[] = {"kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"};

static const char *const networking[] = {"bind", "connect", "listen"};

/* Not F_SETOWN and F_SETSIG: they send any signal to any process. */
static const int fcntls[] = {F_DUPFD,       F_GETFD,       F_SETFD,           F_GETFL,
                             F_SETFL,       F_GETLK,       F_SETLK,           F_SETLKW,
                             F_OFD_GETLK,   F_OFD_SETLK,   F_OFD_SETLKW,      F_DUPFD_CLOEXEC,
                             F_SETPIPE_SZ,  F_GETPIPE_SZ,  F_ADD_SEALS,       F_GET_SEALS,
                             F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT};

static const unsigned long ioctls[] = {FIONREAD, FIONBIO, FIOCLEX,      FIONCLEX,
                                       TCGETS,   FICLONE, FICLONERANGE, FS_IOC_GETFLAGS};

/* Either can empty a file; open() and openat() by flags in their second and third argument. */
static const char *const truncating[] = {"truncate", "truncate64"};
static const char *const opening[] = {"open", "openat"};

enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                 CLONE_NEWPID | CLONE_NEWNET,
    SOCKET_KIND = 0xf, /* the rest of a socket's type is flags */
    IOPRIO_PROCESS = 1,
};

struct filter {
    scmp_filter_ctx ctx;
    const int *granted; /* by name; they are allowed whatever the lists say */
    size_t ngranted;
    int err;
};

static bool is_granted(const struct filter *f, int number)
{
    for (size_t i = 0; i < f->ngranted; i++)
        if (f->granted[i] == number)
            return true;
    return false;
}

/* A name that this libseccomp or this machine does not have needs no rule. */
static void rule(struct filter *f, const char *name, uint32_t action, unsigned n,
                 const struct scmp_arg_cmp *args)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || is_granted(f, number) || f->err)
        return;
    f->err = seccomp_rule_add_array(f->ctx, action, number, n, args);
}

static void rules(struct filter *f, const char *const *names, size_t n, uint32_t action)
{
    for (size_t i = 0; i < n; i++)
        rule(f, names[i], action, 0, NULL);
}

#define RULES(f, names, action) rules(f, names, sizeof(names) / sizeof((names)[0]), action)

/* libseccomp's SCMP_A0() and its like leave a field out, of which clang warns. */
static struct scmp_arg_cmp compared(unsigned arg, enum scmp_compare op, scmp_datum_t value)
{
    return (struct scmp_arg_cmp){.arg = arg, .op = op, .datum_a = value};
}

static struct scmp_arg_cmp masked(unsigned arg, scmp_datum_t mask, scmp_datum_t value)
{
    return (struct scmp_arg_cmp){
        .arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

static void rule1(struct filter *f, const char *name, uint32_t action, struct scmp_arg_cmp a)
{
    rule(f, name, action, 1, &a);
}

static void rule2(struct filter *f, const char *name, uint32_t action, struct scmp_arg_cmp a,
                  struct scmp_arg_cmp b)
{
    const struct scmp_arg_cmp args[] = {a, b};
    rule(f, name, action, 2, args);
}

enum { ALLOW = SCMP_ACT_ALLOW, DENY = SCMP_ACT_ERRNO(EPERM) };

/* Threads always, processes and what acts on them if granted, namespaces never. */
static void process_rules(struct filter *f, bool exec)
{
    const scmp_datum_t own = (scmp_datum_t)getpid();
    const scmp_datum_t thread = exec ? 0 : CLONE_THREAD;
    rule1(f, "clone", ALLOW, masked(0, NAMESPACES | thread, thread));
    if (!exec)
        rule1(f, "clone", DENY, masked(0, CLONE_THREAD, 0));
    RULES(f, starting, exec ? ALLOW : DENY);
    if (exec)
        RULES(f, signalling, ALLOW);
    for (size_t i = 0; !exec && i < sizeof(signalling) / sizeof(signalling[0]); i++) {
        rule1(f, signalling[i], ALLOW, compared(0, SCMP_CMP_EQ, own));
        rule1(f, signalling[i], DENY, compared(0, SCMP_CMP_NE, own));
    }
}

/* What acts on any process of the same user: only on the caller, which is 0. */
static void self_rules(struct filter *f)
{
    static const char *const calls[] = {"prlimit64", "sched_setaffinity", "sched_setattr",
                                        "sched_setparam", "sched_setscheduler"};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        rule1(f, calls[i], ALLOW, compared(0, SCMP_CMP_EQ, 0));
        rule1(f, calls[i], DENY, compared(0, SCMP_CMP_NE, 0));
    }
    rule2(f, "setpriority", ALLOW, compared(0, SCMP_CMP_EQ, PRIO_PROCESS),
          compared(1, SCMP_CMP_EQ, 0));
    rule2(f, "ioprio_set", ALLOW, compared(0, SCMP_CMP_EQ, IOPRIO_PROCESS),
          compared(1, SCMP_CMP_EQ, 0));
}

/* Memory that is shared without a file is counted by no limit of ours. */
static void memory_rules(struct filter *f)
{
    static const char *const calls[] = {"mmap", "mmap2"};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        rule1(f, calls[i], ALLOW, masked(3, MAP_ANONYMOUS, 0));
        rule1(f, calls[i], ALLOW, masked(3, MAP_ANONYMOUS | MAP_SHARED, MAP_ANONYMOUS));
        rule1(f, calls[i], DENY, masked(3, MAP_ANONYMOUS | MAP_SHARED, MAP_ANONYMOUS | MAP_SHARED));
    }
}

static void file_rules(struct filter *f)
{
    for (size_t i = 0; i < sizeof(fcntls) / sizeof(fcntls[0]); i++) {
        rule1(f, "fcntl", ALLOW, compared(1, SCMP_CMP_EQ, (scmp_datum_t)fcntls[i]));
        rule1(f, "fcntl64", ALLOW, compared(1, SCMP_CMP_EQ, (scmp_datum_t)fcntls[i]));
    }
    for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]); i++)
        rule1(f, "ioctl", ALLOW, compared(1, SCMP_CMP_EQ, ioctls[i]));
    /* futimens() has no name */
    rule1(f, "utimensat", ALLOW, compared(1, SCMP_CMP_EQ, 0));
    rule1(f, "utimensat", DENY, compared(1, SCMP_CMP_NE, 0));
}

/* Landlock of ABI 1 and 2 asks nobody who truncates by name, nor who opens for reading with
 * O_TRUNC: then a file that may be read could be emptied.  openat2()'s flags lie where no filter
 * sees. */
static void truncation_rules(struct filter *f, bool guarded)
{
    static const scmp_datum_t both = O_TRUNC | O_ACCMODE;
    RULES(f, truncating, guarded ? ALLOW : DENY);
    if (guarded) {
        RULES(f, opening, ALLOW);
        rule(f, "openat2", ALLOW, 0, NULL);
        return;
    }
    for (unsigned i = 0; i < sizeof(opening) / sizeof(opening[0]); i++) {
        rule1(f, opening[i], ALLOW, masked(i + 1, O_TRUNC, 0));
        rule1(f, opening[i], ALLOW, masked(i + 1, both, O_TRUNC | O_WRONLY));
        rule1(f, opening[i], ALLOW, masked(i + 1, both, O_TRUNC | O_RDWR));
        rule1(f, opening[i], DENY, masked(i + 1, both, O_TRUNC | O_RDONLY));
    }
}

/* Never unix sockets by address: the control socket of PID 1 takes orders from this user.  A pair
 * is harmless, but for datagrams, which can be sent to any address. */
static void socket_rules(struct filter *f, bool network)
{
    static const scmp_datum_t kinds[] = {SOCK_STREAM, SOCK_SEQPACKET};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        rule2(f, "socketpair", ALLOW, compared(0, SCMP_CMP_EQ, AF_UNIX),
              masked(1, SOCKET_KIND, kinds[i]));
    RULES(f, networking, network ? ALLOW : DENY);
    if (network) {
        rule1(f, "socket", ALLOW, compared(0, SCMP_CMP_EQ, AF_INET));
        rule1(f, "socket", ALLOW, compared(0, SCMP_CMP_EQ, AF_INET6));
        rule1(f, "socket", DENY, compared(0, SCMP_CMP_LT, AF_INET));
    } else {
        rule(f, "socket", DENY, 0, NULL);
    }
}

/* The numbers of the names in the list.  0, or -EINVAL with *why set. */
static int resolve(const json_t *names, int numbers[HR_CONFINEMENT_LIST_MAX], struct hr_why *why)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        numbers[i] = seccomp_syscall_resolve_name(name);
        if (numbers[i] == __NR_SCMP_ERROR)
            return hr_refuse(why,
                             "its confinement grants the system call \"%s\", which this handrail "
                             "does not know: correct \"syscalls\" in the tool registry",
                             name);
    }
    return 0;
}

static int load(struct filter *f, const struct hr_confinement *c, bool truncation_guarded)
{
    /* Where that cannot be (before Linux 4.14, in gVisor) the thread is killed, as by default. */
    (void)seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    int err = seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_TSYNC, 1); /* a sanitizer's thread */
    if (!err)
        err = seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a chain */
    if (err)
        return err;
    RULES(f, allowed, ALLOW);
    RULES(f, denied, DENY);
    process_rules(f, c->exec);
    self_rules(f);
    memory_rules(f);
    file_rules(f);
    truncation_rules(f, truncation_guarded);
    socket_rules(f, c->network);
    for (size_t i = 0; i < f->ngranted && !f->err; i++)
        f->err = seccomp_rule_add(f->ctx, ALLOW, f->granted[i], 0);
    return f->err ? f->err : seccomp_load(f->ctx);
}

int hr_confine_syscalls(const struct hr_confinement *c, bool truncation_guarded, struct hr_why *why)
{
    int numbers[HR_CONFINEMENT_LIST_MAX] = {0};
    int err = resolve(c->syscalls, numbers, why);
    if (err)
        return err;
    struct filter f = {.granted = numbers, .ngranted = json_array_size(c->syscalls)};
    f.ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!f.ctx)
        return -ENOMEM;
    err = seccomp_attr_set(f.ctx, SCMP_FLTATR_API_SYSRAWRC, 1); /* the kernel's own errors */
    if (!err)
        err = load(&f, c, truncation_guarded);
    seccomp_release(f.ctx);
    return err == -EINVAL ? -EOPNOTSUPP : err; /* the reason for -EINVAL would be said in *why */
}
