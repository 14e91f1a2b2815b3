/* SPDX-License-Identifier: MIT
 * Crash reports on disk.  See crash_file.h. */
#include "crash_file.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NAME_BYTES = 256,
    REMOVALS_MAX = 64, /* files removed in one go; the next time more */
};

/* d: a digit.  Other files are not ours, whatever they are. */
static const char final_shape[] = "crash-ddddddddTdddddd.dddZ-";
static const char part_shape[] = ".crash-dddddddddddddddd.part"; /* d: of hexadecimal ones */

/* ---- names --------------------------------------------------------------------------------- */

/* Does the name begin with the shape?  Hexadecimal: its digits are of that kind. */
static bool has_shape(const char *name, const char *shape, bool hexadecimal)
{
    for (; *shape; shape++, name++) {
        unsigned char c = (unsigned char)*name;
        if (*shape == 'd' ? !(hexadecimal ? isxdigit(c) : isdigit(c)) : c != (unsigned char)*shape)
            return false;
    }
    return true;
}

static bool is_report(const char *name)
{
    size_t n = strlen(name);
    return has_shape(name, final_shape, false) && n > sizeof(final_shape) - 1 + 5 &&
           strcmp(name + n - 5, ".json") == 0;
}

static bool is_part(const char *name)
{
    return strlen(name) == sizeof(part_shape) - 1 && has_shape(name, part_shape, true);
}

/* How the name of a report of that time begins: in the order of time when sorted as text. */
static void name_begin(int64_t wall_ms, char out[NAME_BYTES])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm = {0};
    char stamp[32];
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
    (void)snprintf(out, NAME_BYTES, "crash-%s.%03dZ-", stamp, (int)(wall_ms % 1000));
}

static void report_name(const struct hr_crash *c, char out[NAME_BYTES])
{
    char service[HR_SERVICE_NAME_MAX];
    (void)snprintf(service, sizeof(service), "%s", c->service);
    for (char *p = service; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
            *p = '_';
    name_begin(c->wall_ms, out);
    size_t n = strlen(out);
    (void)snprintf(out + n, NAME_BYTES - n, "%s-%llu.json", service, (unsigned long long)c->number);
}

/* Is `a` to go before `b`?  What the clock has not come to yet is from before it was set back. */
static bool goes_first(const char *a, const char *b, const char *now)
{
    bool a_ahead = strcmp(a, now) > 0;
    bool b_ahead = strcmp(b, now) > 0;
    return a_ahead != b_ahead ? a_ahead : strcmp(a, b) < 0;
}

/* ---- the folder ---------------------------------------------------------------------------- */

/* Open the folder itself, not what a link in its place leads to.  0 or -errno. */
static int open_folder(const char *dir, int *ret_fd)
{
    char path[4096];
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--; /* or a link would be followed */
    if (n == 0 || n >= sizeof(path))
        return n ? -ENAMETOOLONG : -ENOENT;
    memcpy(path, dir, n);
    path[n] = '\0';
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* A plain file of our own, no link and nobody else's? */
static bool is_our_file(int dir, const char *name, struct stat *ret)
{
    return fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(ret->st_mode) &&
           ret->st_uid == geteuid();
}

/* The oldest report but for `keep`, and how many there are with it.  Unfinished files that are old
 * go at once: whoever wrote them was killed. */
static int count_reports(int dir, DIR *list, const char *keep, char oldest[NAME_BYTES])
{
    const struct dirent *entry = NULL;
    struct stat st;
    char now[NAME_BYTES];
    int n = 0;
    oldest[0] = '\0';
    name_begin(hr_wall_ms() + 1, now);
    rewinddir(list);
    while ((entry = readdir(list))) {
        const char *name = entry->d_name;
        if (is_part(name) && is_our_file(dir, name, &st) &&
            hr_wall_ms() / 1000 - st.st_mtime > HR_CRASH_STALE_SECONDS)
            (void)unlinkat(dir, name, 0);
        if (!is_report(name) || !is_our_file(dir, name, &st))
            continue;
        n++;
        if (strcmp(name, keep) != 0 && (!oldest[0] || goes_first(name, oldest, now)))
            (void)snprintf(oldest, NAME_BYTES, "%s", name);
    }
    return n;
}

static void remove_oldest(int dir, const char *keep)
{
    char oldest[NAME_BYTES];
    int fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        hr_close(&fd);
        return;
    }
    for (int i = 0; i < REMOVALS_MAX; i++)
        if (count_reports(dir, list, keep, oldest) <= HR_CRASH_FILES_MAX || !oldest[0] ||
            unlinkat(dir, oldest, 0) < 0)
            break;
    (void)closedir(list);
}

/* ---- writing ------------------------------------------------------------------------------- */

/* The whole report under a name of its own that nobody looks for.  0 or -errno, and then there is
 * no such file. */
static int write_part(int dir, const char *name, const struct hr_crash *c)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int err = hr_crash_json(c, fd, true);
    if (!err && fsync(fd) < 0 && errno != EINVAL) /* EINVAL: a file system that has none */
        err = -errno;
    if (close(fd) < 0 && !err) /* a network may tell only now that it has no room */
        err = -errno;
    if (err)
        (void)unlinkat(dir, name, 0);
    return err;
}

int hr_crash_file_write(const char *dir, const struct hr_crash *c)
{
    char random[17];
    char part[NAME_BYTES];
    char name[NAME_BYTES];
    int fd = -1;
    int err = hr_random_hex(random, 8);
    if (!err)
        err = open_folder(dir, &fd);
    if (err)
        return err;
    (void)snprintf(part, sizeof(part), ".crash-%s.part", random);
    report_name(c, name);
    err = write_part(fd, part, c);
    if (!err && renameat(fd, part, fd, name) < 0) {
        err = -errno;
        (void)unlinkat(fd, part, 0);
    }
    if (!err)
        remove_oldest(fd, name);
    hr_close(&fd);
    return err;
}

/* ---- the child ----------------------------------------------------------------------------- */

static struct {
    pid_t pid; /* 0: free */
    uint64_t number;
    const char *dir;
} writers[HR_CRASH_WRITERS_MAX];

static const char *advice(int err)
{
    switch (-err) {
    case ENOENT: return ": make the folder, or mount it";
    case EROFS: return ": mount a volume there that can be written";
    case EACCES:
    case EPERM: return ": give the user of handrail the right to write there";
    case ELOOP: return ": a symbolic link is not followed, name the folder itself";
    case ENOTDIR: return ": it is not a folder, or a symbolic link";
    case ENOSPC:
    case EDQUOT: return ": make room there";
    default: return "";
    }
}

/* It dies of the alarm, but not of the signals that a stop or a terminal sends to all of us: the
 * last crash is the one that explains the stop, which waits for it.  Our descriptors stay open, for
 * we have the same ones open for as long as it can live. */
static void become_writer(void)
{
    static const int ignored[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGPIPE, SIGXFSZ};
    struct sigaction usual = {.sa_handler = SIG_DFL};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t none;
    for (int sig = 1; sig < NSIG; sig++)
        (void)sigaction(sig, &usual, NULL);
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)sigaction(ignored[i], &ignore, NULL);
    (void)sigemptyset(&none);
    (void)alarm(HR_CRASH_FILE_SECONDS);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_NAME, "handrail-crash");
}

pid_t hr_crash_file_start(const char *dir, const struct hr_crash *c)
{
    pid_t parent = getpid();
    size_t slot = 0;
    while (slot < HR_CRASH_WRITERS_MAX && writers[slot].pid)
        slot++;
    pid_t pid = slot < HR_CRASH_WRITERS_MAX ? fork() : -1;
    if (pid < 0) {
        int why = slot < HR_CRASH_WRITERS_MAX ? errno : EBUSY;
        hr_warn("crash %llu: cannot start to write its report into %s: %s",
                (unsigned long long)c->number, dir,
                why == EBUSY ? "earlier ones are still being written" : strerror(why));
        return -why;
    }
    if (pid == 0) {
        become_writer();
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing of ours outlives us */
        if (getppid() != parent)
            _exit(ESRCH);
        int err = -hr_crash_file_write(dir, c);
        _exit(err <= UINT8_MAX ? err : EIO); /* the parent says it: our log is a copy of its own */
    }
    writers[slot].pid = pid;
    writers[slot].number = c->number;
    writers[slot].dir = dir;
    return pid;
}

bool hr_crash_file_reaped(pid_t pid, int status)
{
    for (size_t i = 0; i < HR_CRASH_WRITERS_MAX; i++) {
        if (pid <= 0 || writers[i].pid != pid)
            continue;
        writers[i].pid = 0;
        unsigned long long number = writers[i].number;
        int err = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        if (err)
            hr_warn("crash %llu: cannot write its report into %s: %s%s", number, writers[i].dir,
                    strerror(err), advice(-err));
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
            hr_warn("crash %llu: its report could not be written into %s within %d s: is the disk "
                    "full or out of reach?",
                    number, writers[i].dir, HR_CRASH_FILE_SECONDS);
        else if (WIFSIGNALED(status))
            hr_warn("crash %llu: the writer of its report was killed by signal %d", number,
                    WTERMSIG(status));
        return true;
    }
    return false;
}
