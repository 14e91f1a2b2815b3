/* SPDX-License-Identifier: MIT
 * A plugin that tries to get out.  Its one tool takes {"what": <attempt>, "path": "...", "n": 1}
 * and answers "done", with what it got, or the name of the error that stopped it.
 *
 * Built with HOSTILE_MAIN it is a program that makes the same attempts with nobody to stop it, so
 * that a test can see that they are attempts at all:  hostile-free <what> [<path> [<n>]] */
#include <handrail/plugin.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct attempt {
    char path[512];
    long n;
    char got[2048]; /* a text to answer beside "done" */
};

/* An attempt answers 0 or a negative errno. */
static int result(long value)
{
    return value < 0 ? -errno : 0;
}

static int done_with(int fd)
{
    if (fd < 0)
        return -errno;
    (void)close(fd);
    return 0;
}

/* ---- files ---- */

static int try_read(struct attempt *a)
{
    int fd = open(a->path, O_RDONLY);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, a->got, sizeof(a->got) - 1);
    int err = result(n);
    a->got[n > 0 ? n : 0] = '\0';
    (void)close(fd);
    return err;
}

static int try_list(struct attempt *a)
{
    DIR *d = opendir(a->path);
    if (!d)
        return -errno;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        char to[256] = "";
        size_t used = strlen(a->got);
        if (e->d_name[0] == '.' || atol(e->d_name) == dirfd(d))
            continue;
        if (readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1) < 0)
            to[0] = '\0';
        (void)snprintf(a->got + used, sizeof(a->got) - used, "%s=%s\n", e->d_name, to);
    }
    (void)closedir(d);
    return 0;
}

static int try_create(struct attempt *a)
{
    return done_with(open(a->path, O_WRONLY | O_CREAT, 0600));
}

static int try_append(struct attempt *a)
{
    int fd = open(a->path, O_WRONLY | O_APPEND);
    int err = fd < 0 ? -errno : result(write(fd, "x", 1));
    if (fd >= 0)
        (void)close(fd);
    return err;
}

static int try_truncate(struct attempt *a)
{
    return result(truncate(a->path, 0));
}

static int try_open_emptied(struct attempt *a)
{
    return done_with(open(a->path, O_RDONLY | O_TRUNC));
}

static int try_rewrite(struct attempt *a)
{
    return done_with(open(a->path, O_WRONLY | O_TRUNC));
}

static int try_unlink(struct attempt *a)
{
    return result(unlink(a->path));
}

static int try_chmod(struct attempt *a)
{
    return result(chmod(a->path, 0600));
}

static int try_utimes(struct attempt *a)
{
    return result(utimensat(AT_FDCWD, a->path, NULL, 0));
}

/* A file of n MiB. */
static int try_fill(struct attempt *a)
{
    static char mib[1024 * 1024];
    int fd = open(a->path, O_WRONLY | O_CREAT, 0600);
    int err = fd < 0 ? -errno : 0;
    for (long i = 0; i < a->n && !err; i++)
        err = result(write(fd, mib, sizeof(mib)));
    if (fd >= 0)
        (void)close(fd);
    return err;
}

static int try_handle(struct attempt *a)
{
    struct {
        struct file_handle head;
        unsigned char room[128];
    } h = {.head = {.handle_bytes = 128}};
    int mount_id = 0;
    return result(name_to_handle_at(AT_FDCWD, a->path, &h.head, &mount_id, 0));
}

/* ---- the parent ---- */

static int try_parent(struct attempt *a)
{
    char file[sizeof(a->path) + 32];
    (void)snprintf(file, sizeof(file), "/proc/%d/%s", (int)getppid(), a->path);
    return done_with(open(file, O_RDONLY));
}

static int try_kill(struct attempt *a)
{
    (void)a;
    return result(kill(getppid(), SIGCONT));
}

/* Any signal to any process of the user, by way of a file's owner. */
static int try_sigio(struct attempt *a)
{
    int p[2];
    (void)a;
    if (pipe(p) < 0)
        return -errno;
    int err = result(fcntl(p[0], F_SETOWN, getppid()));
    (void)close(p[0]);
    (void)close(p[1]);
    return err;
}

static int try_prlimit(struct attempt *a)
{
    struct rlimit limit;
    (void)a;
    int err = result(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit));
    return err ? err : result(prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL));
}

static int try_slow_parent(struct attempt *a)
{
    (void)a;
    return result(setpriority(PRIO_PROCESS, (id_t)getppid(), 0));
}

static int try_pin_parent(struct attempt *a)
{
    cpu_set_t all;
    (void)a;
    (void)sched_getaffinity(getppid(), sizeof(all), &all);
    return result(sched_setaffinity(getppid(), sizeof(all), &all));
}

static int try_vm_read(struct attempt *a)
{
    char here[8];
    struct iovec to = {here, sizeof(here)};
    struct iovec from = {(void *)a, sizeof(here)};
    int err = result(process_vm_readv(getppid(), &to, 1, &from, 1, 0));
    return err == -EFAULT ? 0 : err; /* allowed; only there is nothing at this address */
}

static int try_ptrace(struct attempt *a)
{
    (void)a;
    int err = result(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
    return err;
}

static int try_pidfd(struct attempt *a)
{
    (void)a;
    return done_with((int)syscall(SYS_pidfd_open, getppid(), 0));
}

/* ---- sockets ---- */

static int with_port(const struct attempt *a, int (*call)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)a->n),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int err = fd < 0 ? -errno : result(call(fd, (struct sockaddr *)&to, sizeof(to)));
    if (fd >= 0)
        (void)close(fd);
    return err;
}

static int try_connect(struct attempt *a)
{
    return with_port(a, connect);
}

static int try_bind(struct attempt *a)
{
    return with_port(a, bind);
}

static int try_socket(struct attempt *a)
{
    int type = strcmp(a->path, "stream") == 0 ? SOCK_STREAM : SOCK_DGRAM;
    return done_with(socket((int)a->n, type, 0));
}

/* Abstract if the path does not start with '/'. */
static int try_unix(struct attempt *a)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(a->path);
    int abstract = a->path[0] != '/';
    memcpy(to.sun_path + abstract, a->path, n);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int err = fd < 0 ? -errno
                     : result(connect(fd, (struct sockaddr *)&to,
                                      (socklen_t)(sizeof(sa_family_t) + (size_t)abstract + n)));
    if (fd >= 0)
        (void)close(fd);
    return err;
}

/* One end of a pair of datagram sockets can be sent to any address. */
static int try_pair(struct attempt *a)
{
    int p[2];
    int kind = strcmp(a->path, "stream") == 0 ? SOCK_STREAM : SOCK_DGRAM;
    if (socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, p) < 0)
        return -errno;
    (void)close(p[0]);
    (void)close(p[1]);
    return 0;
}

/* ---- processes and threads ---- */

static int reap(pid_t pid)
{
    int status = 0;
    if (pid < 0)
        return -errno;
    if (waitpid(pid, &status, 0) != pid)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static int try_fork(struct attempt *a)
{
    (void)a;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return reap(pid);
}

/* Without fork(), as a raw clone() with the flags of one. */
static int try_clone(struct attempt *a)
{
    pid_t pid = (pid_t)syscall(SYS_clone, a->n | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return reap(pid);
}

static int try_clone3(struct attempt *a)
{
    unsigned long args[11] = {0};
    args[4] = SIGCHLD;
    (void)a;
    pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof(args));
    if (pid == 0)
        _exit(0);
    return reap(pid);
}

static int try_run(struct attempt *a)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl(a->path, a->path, (char *)NULL);
        _exit(errno);
    }
    return reap(pid);
}

static int try_exec(struct attempt *a)
{
    return result(execl(a->path, a->path, (char *)NULL));
}

static void *nothing(void *arg)
{
    return arg;
}

static int try_thread(struct attempt *a)
{
    pthread_t thread;
    (void)a;
    int err = pthread_create(&thread, NULL, nothing, NULL);
    return err ? -err : -pthread_join(thread, NULL);
}

/* ---- memory and descriptors ---- */

/* n MiB, touched. */
static int take_memory(const struct attempt *a, int protection, int flags)
{
    size_t size = (size_t)a->n * 1024 * 1024;
    char *p = mmap(NULL, size, protection, flags, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    for (size_t i = 0; i < size; i += 4096)
        p[i] = 1;
    (void)munmap(p, size);
    return 0;
}

static int try_memory(struct attempt *a)
{
    return take_memory(a, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}

static int try_shared_memory(struct attempt *a)
{
    return take_memory(a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
}

static int try_jit(struct attempt *a)
{
    return take_memory(a, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS);
}

static int try_memfd(struct attempt *a)
{
    (void)a;
    return done_with(memfd_create("x", 0));
}

static int try_shm(struct attempt *a)
{
    (void)a;
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (id < 0)
        return -errno;
    return result(shmctl(id, IPC_RMID, NULL));
}

/* n descriptors at once. */
static int try_descriptors(struct attempt *a)
{
    long n = 0;
    int err = 0;
    int *fds = calloc((size_t)a->n, sizeof(*fds));
    while (fds && n < a->n && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    err = n == a->n ? 0 : -errno;
    while (n > 0)
        (void)close(fds[--n]);
    free(fds);
    return err;
}

static int try_raise_limit(struct attempt *a)
{
    struct rlimit limit;
    (void)a;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max++;
    return result(setrlimit(RLIMIT_NOFILE, &limit));
}

static int try_nice(struct attempt *a)
{
    return result(setpriority(PRIO_PROCESS, 0, (int)a->n));
}

/* ---- the kernel; the arguments are such that nothing happens where it is allowed ---- */

/* Allowed: the kernel has looked at the arguments. */
static int looked_at(long value)
{
    int err = result(value);
    return err == -EINVAL || err == -EFAULT || err == -EBADF || err == -ENOENT || err == -E2BIG
               ? 0
               : err;
}

static int try_unshare(struct attempt *a)
{
    return result(unshare((int)a->n));
}

static int try_setns(struct attempt *a)
{
    (void)a;
    return looked_at(setns(-1, 0));
}

static int try_mount(struct attempt *a)
{
    (void)a;
    return looked_at(mount("none", "/does/not/exist", "tmpfs", 0, NULL));
}

static int try_chroot(struct attempt *a)
{
    (void)a;
    return looked_at(chroot("/does/not/exist"));
}

static int try_io_uring(struct attempt *a)
{
    struct io_uring_params params = {0};
    (void)a;
    return done_with((int)syscall(SYS_io_uring_setup, 1, &params));
}

static int try_bpf(struct attempt *a)
{
    (void)a;
    return looked_at(syscall(SYS_bpf, 9999, NULL, 0));
}

static int try_perf(struct attempt *a)
{
    (void)a;
    return looked_at(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int try_userfaultfd(struct attempt *a)
{
    (void)a;
    return done_with((int)syscall(SYS_userfaultfd, 1 /* of user mode alone */));
}

static int try_keyctl(struct attempt *a)
{
    (void)a;
    return looked_at(syscall(SYS_keyctl, 0, -3, 0, 0, 0)); /* the session's keyring */
}

static int try_module(struct attempt *a)
{
    (void)a;
    return looked_at(syscall(SYS_init_module, NULL, 0, NULL));
}

static int try_reboot(struct attempt *a)
{
    (void)a;
    return looked_at(syscall(SYS_reboot, 0, 0, 0, NULL)); /* without its magic numbers */
}

static int try_setuid(struct attempt *a)
{
    (void)a;
    return result(setresuid(getuid(), getuid(), getuid()));
}

/* A number that no kernel has yet. */
static int try_unknown(struct attempt *a)
{
    return result(syscall(a->n));
}

static int try_variable(struct attempt *a)
{
    const char *value = getenv(a->path);
    (void)snprintf(a->got, sizeof(a->got), "%s", value ? value : "(none)");
    return 0;
}

static int try_folder(struct attempt *a)
{
    return getcwd(a->got, sizeof(a->got)) ? 0 : -errno;
}

/* ---- the tool ---- */

#define ATTEMPT(name)                                                                              \
    {                                                                                              \
#name, try_##name                                                                          \
    }

static const struct {
    const char *name;
    int (*run)(struct attempt *a);
} attempts[] = {
    ATTEMPT(read),         ATTEMPT(list),          ATTEMPT(create),      ATTEMPT(append),
    ATTEMPT(open_emptied), ATTEMPT(rewrite),       ATTEMPT(truncate),    ATTEMPT(unlink),
    ATTEMPT(chmod),        ATTEMPT(utimes),        ATTEMPT(fill),        ATTEMPT(handle),
    ATTEMPT(parent),       ATTEMPT(kill),          ATTEMPT(sigio),       ATTEMPT(prlimit),
    ATTEMPT(vm_read),      ATTEMPT(ptrace),        ATTEMPT(slow_parent), ATTEMPT(pin_parent),
    ATTEMPT(pidfd),        ATTEMPT(connect),       ATTEMPT(bind),        ATTEMPT(socket),
    ATTEMPT(unix),         ATTEMPT(pair),          ATTEMPT(fork),        ATTEMPT(clone),
    ATTEMPT(clone3),       ATTEMPT(run),           ATTEMPT(exec),        ATTEMPT(thread),
    ATTEMPT(memory),       ATTEMPT(shared_memory), ATTEMPT(jit),         ATTEMPT(memfd),
    ATTEMPT(shm),          ATTEMPT(descriptors),   ATTEMPT(nice),        ATTEMPT(raise_limit),
    ATTEMPT(unshare),      ATTEMPT(setns),         ATTEMPT(mount),       ATTEMPT(chroot),
    ATTEMPT(io_uring),     ATTEMPT(bpf),           ATTEMPT(perf),        ATTEMPT(userfaultfd),
    ATTEMPT(keyctl),       ATTEMPT(module),        ATTEMPT(reboot),      ATTEMPT(setuid),
    ATTEMPT(unknown),      ATTEMPT(variable),      ATTEMPT(folder),
};

static int make(const char *what, struct attempt *a)
{
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
        if (strcmp(attempts[i].name, what) == 0)
            return attempts[i].run(a);
    return -ENOENT;
}

static void answer(int err, const struct attempt *a, char *text, size_t size)
{
    const char *name = strerrorname_np(-err);
    if (err)
        (void)snprintf(text, size, "%s", name ? name : "?");
    else
        (void)snprintf(text, size, "done%s%s", a->got[0] ? " " : "", a->got);
}

#ifdef HOSTILE_MAIN

int main(int argc, char **argv)
{
    static struct attempt a;
    static char text[4096];
    if (argc > 2)
        (void)snprintf(a.path, sizeof(a.path), "%s", argv[2]);
    a.n = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    answer(make(argc > 1 ? argv[1] : "", &a), &a, text, sizeof(text));
    return puts(text) < 0;
}

#else

static const handrail_host *host;

/* The text after "name": in args, in quotes and without escapes, as this plugin's test sends it. */
static void text_of(const char *args, const char *name, char *out, size_t size)
{
    const char *at = strstr(args, name);
    at = at ? strchr(at, ':') : NULL;
    at = at ? strchr(at, '"') : NULL;
    (void)snprintf(out, size, "%.*s", at ? (int)strcspn(at + 1, "\"") : 0, at ? at + 1 : "");
}

static handrail_status invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    char what[32];
    char text[4096];
    struct attempt a = {.n = 0};
    const char *n = strstr(args, "\"n\"");
    (void)self;
    (void)len;
    text_of(args, "\"what\"", what, sizeof(what));
    text_of(args, "\"path\"", a.path, sizeof(a.path));
    if (n)
        a.n = strtol(strchr(n, ':') + 1, NULL, 10);
    answer(make(what, &a), &a, text, sizeof(text));
    return host->add_text(host, call, text, strlen(text));
}

static const handrail_tool tool = {
    .struct_size = sizeof(tool),
    .name = "attempt",
    .description = "Tries to get out.",
    .input_schema = "{\"type\":\"object\"}",
    .invoke = invoke,
};
static const handrail_tool *const tools[] = {&tool, NULL};

/* A constructor is confined as well: this runs within dlopen(). */
__attribute__((constructor)) static void construct(void)
{
    struct attempt a = {.n = 0};
    char text[64];
    answer(make("kill", &a), &a, text, sizeof(text));
    (void)printf("constructor: kill: %s\n", text);
}

static handrail_status create(const handrail_host *h, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    (void)call;
    (void)config;
    (void)len;
    (void)self;
    host = h;
    return HANDRAIL_OK;
}

static const handrail_plugin plugin = {
    .magic = HANDRAIL_MAGIC,
    .struct_size = sizeof(plugin),
    .built_minor = HANDRAIL_ABI_MINOR,
    .id = "hostile",
    .version = "1.0.0",
    .tools = tools,
    .create = create,
};

HANDRAIL_EXPORT const handrail_plugin *handrail_plugin_v1(void)
{
    return &plugin;
}

#endif
