/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/crash_file.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WALL_MS_PART = 123 };

/* 2026-11-26T09:30:00.123Z */
static const int64_t wall = 1795685400LL * 1000 + WALL_MS_PART;
static char dir[64];

/* The disk: with `hangs`, one that never answers. */
static bool hangs;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (!hangs)
        return __real_fsync(fd);
    unsigned left = alarm(1); /* of the time it has been given; a second is enough for a test */
    if (left < HR_CRASH_FILE_SECONDS - 2 || left > HR_CRASH_FILE_SECONDS)
        _exit(99);
    for (;;)
        (void)pause();
}

/* The clock; 0: the real one. */
static int64_t now_ms;

int64_t __real_hr_wall_ms(void);
int64_t __wrap_hr_wall_ms(void);
int64_t __wrap_hr_wall_ms(void)
{
    return now_ms ? now_ms : __real_hr_wall_ms();
}

static int set_up(void **state)
{
    (void)state;
    now_ms = 0;
    (void)snprintf(dir, sizeof(dir), "/tmp/handrail-crash-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in_dir(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void put(const char *name)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, "x", 1), 0);
    hr_close(&fd);
}

static bool is_there(const char *name)
{
    struct stat st;
    return lstat(in_dir(name), &st) == 0;
}

/* How many files there are, hidden ones too. */
static int count(void)
{
    DIR *d = opendir(dir);
    int n = -2; /* "." and ".." */
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static struct hr_crash *a_crash(int64_t wall_ms)
{
    struct hr_crash *c = hr_crash_new();
    (void)snprintf(c->service, sizeof(c->service), "toolhost/echo ../x");
    c->wall_ms = wall_ms;
    c->status = SIGKILL;
    memset(c->output, 'o', sizeof(c->output));
    c->output_len = sizeof(c->output);
    return c;
}

static const char *name_of(const struct hr_crash *c, const char *stamp)
{
    static char name[256];
    (void)snprintf(name, sizeof(name), "crash-%s.123Z-toolhost_echo_.._x-%llu.json", stamp,
                   (unsigned long long)c->number);
    return name;
}

static void a_report_is_written_whole_and_for_us_alone(void **state)
{
    struct hr_crash *c = a_crash(wall);
    struct stat st;
    (void)state;
    mode_t mask = umask(0);
    assert_int_equal(hr_crash_file_write(dir, c), 0);
    (void)umask(mask);
    const char *name = name_of(c, "20261126T093000");
    assert_int_equal(count(), 1);
    assert_int_equal(lstat(in_dir(name), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0600);
    json_t *root = json_load_file(in_dir(name), 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "number")), c->number);
    assert_int_equal(json_string_length(json_object_get(root, "output")), HR_CRASH_OUTPUT);
    json_decref(root);
    char slashes[80];
    (void)snprintf(slashes, sizeof(slashes), "%s///", dir);
    assert_int_equal(hr_crash_file_write(slashes, c), 0); /* again: takes the place of the first */
    assert_int_equal(count(), 1);
}

static void the_latest_of_ours_are_kept_and_nothing_else_is_touched(void **state)
{
    static const char *const others[] = {
        "notes.txt",
        "crash-1.json",
        "crash-20200101T000000.000Z-.json",
        "crash-20200101T000000.000Z-x-1.jsonx",
        "crash-20200101T000000.000-server-1.json",
        "Crash-20200101T000000.000Z-server-1.json",
        ".crash-0123456789abcdef.par",
        ".crash-0123456789abcdeg.part",
    };
    static const char link[] = "crash-20200101T000000.000Z-server-2.json";
    static const char folder[] = "crash-20200101T000000.000Z-server-3.json";
    static const char foreign[] = "crash-20200101T000000.000Z-server-4.json";
    static const char old[] = "crash-20200101T000000.000Z-server-5.json";
    int kept = 3;
    (void)state;
    now_ms = wall + 60 * 1000LL;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        put(others[i]);
        kept++;
    }
    put("target");
    assert_int_equal(symlink("target", in_dir(link)), 0);
    assert_int_equal(mkdir(in_dir(folder), 0700), 0);
    put(old);
    if (geteuid() == 0) {
        put(foreign);
        assert_int_equal(chown(in_dir(foreign), 12345, 12345), 0);
        kept++;
    }
    uint64_t first = hr_crash_new()->number + 1;
    for (int i = 0; i < HR_CRASH_FILES_MAX + 4; i++)
        assert_int_equal(hr_crash_file_write(dir, a_crash(wall + i * 1000)), 0);
    assert_int_equal(count(), kept + HR_CRASH_FILES_MAX);
    assert_false(is_there(old));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_true(is_there(others[i]));
    assert_true(is_there(link) && is_there("target") && is_there(folder));
    char name[256];
    for (int i = 0; i < HR_CRASH_FILES_MAX + 4; i++) {
        (void)snprintf(name, sizeof(name),
                       "crash-20261126T0930%02d.123Z-toolhost_echo_.._x-%llu.json", i,
                       (unsigned long long)first + (unsigned)i);
        assert_int_equal(is_there(name), i >= 4);
    }
}

/* Its hour comes once more, and what was written in it for the first time is older. */
static void a_clock_that_is_set_back_makes_no_report_old(void **state)
{
    (void)state;
    now_ms = wall;
    for (int i = 0; i < HR_CRASH_FILES_MAX; i++, now_ms += 1000)
        assert_int_equal(hr_crash_file_write(dir, a_crash(now_ms)), 0);
    now_ms = wall - 3600 * 1000LL;
    const uint64_t first = hr_crash_new()->number + 1;
    for (int i = 0; i < 3; i++, now_ms += 1000)
        assert_int_equal(hr_crash_file_write(dir, a_crash(now_ms)), 0);
    assert_int_equal(count(), HR_CRASH_FILES_MAX);
    char name[256];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name),
                       "crash-20261126T08300%d.123Z-toolhost_echo_.._x-%llu.json", i,
                       (unsigned long long)first + (unsigned)i);
        assert_true(is_there(name));
    }
}

static void unfinished_files_go_when_they_are_old(void **state)
{
    static const char fresh[] = ".crash-00000000000000ff.part";
    static const char stale[] = ".crash-0123456789abcdef.part";
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = hr_wall_ms() / 1000 - 3600}};
    (void)state;
    put(fresh);
    put(stale);
    assert_int_equal(utimensat(AT_FDCWD, in_dir(stale), times, 0), 0);
    assert_int_equal(hr_crash_file_write(dir, a_crash(wall)), 0);
    assert_true(is_there(fresh));
    assert_false(is_there(stale));
    assert_int_equal(count(), 2);
}

static void links_are_not_followed(void **state)
{
    struct hr_crash *c = a_crash(wall);
    char link[80];
    char slash[80];
    char name[256];
    (void)state;
    (void)snprintf(link, sizeof(link), "%s/link", dir);
    (void)snprintf(slash, sizeof(slash), "%s/link/", dir);
    assert_int_equal(mkdir(in_dir("real"), 0700), 0);
    assert_int_equal(symlink("real", link), 0);
    int err = hr_crash_file_write(link, c);
    assert_true(err == -ELOOP || err == -ENOTDIR);
    err = hr_crash_file_write(slash, c);
    assert_true(err == -ELOOP || err == -ENOTDIR);
    assert_int_equal(count(), 2);
    /* A link that lies in the place of the report is replaced. */
    put("target");
    (void)snprintf(name, sizeof(name), "%s", name_of(c, "20261126T093000"));
    assert_int_equal(symlink("target", in_dir(name)), 0);
    assert_int_equal(hr_crash_file_write(dir, c), 0);
    struct stat st;
    assert_int_equal(lstat(in_dir(name), &st), 0);
    assert_true(S_ISREG(st.st_mode) && st.st_size > 1000);
    assert_int_equal(stat(in_dir("target"), &st), 0);
    assert_int_equal(st.st_size, 1);
}

static void failures_leave_nothing_behind(void **state)
{
    struct hr_crash *c = a_crash(wall);
    struct rlimit before;
    struct rlimit small = {.rlim_cur = 10000};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)state;
    assert_int_equal(hr_crash_file_write(in_dir("none"), c), -ENOENT);
    assert_int_equal(hr_crash_file_write("", c), -ENOENT);
    put("file");
    assert_int_equal(hr_crash_file_write(in_dir("file"), c), -ENOTDIR);
    assert_int_equal(unlink(in_dir("file")), 0);
    static char longest[5000];
    memset(longest, 'a', sizeof(longest) - 1);
    assert_int_equal(hr_crash_file_write(longest, c), -ENAMETOOLONG);
    assert_int_equal(mkdir(in_dir(name_of(c, "20261126T093000")), 0700), 0); /* in its place */
    assert_true(hr_crash_file_write(dir, c) < 0);
    assert_int_equal(count(), 1);
    /* No room in the middle of it. */
    c = a_crash(wall);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int err = hr_crash_file_write(dir, c);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, -EFBIG);
    assert_int_equal(count(), 1);
}

/* Start a writer and wait for it as the supervisor does.  Its wait status, -1 if none started; what
 * it has said goes to ret_log. */
static int run_writer(const char *where, const struct hr_crash *c, char *ret_log, size_t size)
{
    int fds[2];
    int status = -1;
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(saved >= 0 && pipe(fds) == 0 && dup2(fds[1], STDERR_FILENO) >= 0);
    pid_t pid = hr_crash_file_start(where, c);
    if (pid > 0) {
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(hr_crash_file_reaped(pid, status));
        assert_false(hr_crash_file_reaped(pid, status));
    }
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(fds[1]);
    hr_close(&saved);
    ssize_t n = read(fds[0], ret_log, size - 1);
    ret_log[n > 0 ? n : 0] = '\0';
    (void)close(fds[0]);
    return status;
}

static void a_child_does_it(void **state)
{
    struct hr_crash *c = a_crash(wall);
    char log[1024];
    sigset_t all;
    sigset_t before;
    (void)state;
    (void)sigfillset(&all); /* as in the supervisor */
    assert_int_equal(sigprocmask(SIG_SETMASK, &all, &before), 0);
    assert_int_equal(run_writer(dir, c, log, sizeof(log)), 0);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_string_equal(log, "");
    assert_true(is_there(name_of(c, "20261126T093000")));
    assert_int_equal(run_writer(in_dir("none"), c, log, sizeof(log)), ENOENT << 8);
    assert_non_null(strstr(log, "warning: crash "));
    assert_non_null(
        strstr(log, "/none: No such file or directory: make the folder, or mount it\n"));
    assert_false(hr_crash_file_reaped(0, 0));
    assert_false(hr_crash_file_reaped(getpid(), 0));
}

static void one_that_hangs_ends_by_the_alarm_alone(void **state)
{
    sigset_t all;
    sigset_t before;
    int status = 0;
    (void)state;
    (void)sigfillset(&all); /* as in the supervisor: the child must not keep that */
    assert_int_equal(sigprocmask(SIG_SETMASK, &all, &before), 0);
    hangs = true;
    pid_t pid = hr_crash_file_start(dir, a_crash(wall));
    hangs = false;
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_true(pid > 0);
    while (count() == 0)
        (void)poll(NULL, 0, 1);
    assert_int_equal(kill(pid, SIGTERM), 0); /* a stop asks all that is left to end */
    assert_int_equal(getpgid(pid), getpgrp());
    for (int i = 0; waitpid(pid, &status, WNOHANG) == 0; i++) {
        if (i == 500)
            (void)kill(pid, SIGKILL); /* it would hang for ever, and this test with it */
        (void)poll(NULL, 0, 10);
    }
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    assert_true(hr_crash_file_reaped(pid, status));
    assert_int_equal(count(), 1); /* what it had begun; it goes with a later report */
}

/* A writer that has not been reaped counts as one that still writes. */
static void there_are_never_more_than_a_few(void **state)
{
    pid_t pids[HR_CRASH_WRITERS_MAX];
    int status = 0;
    (void)state;
    for (int i = 0; i < HR_CRASH_WRITERS_MAX; i++) {
        pids[i] = hr_crash_file_start(dir, a_crash(wall + i));
        assert_true(pids[i] > 0);
    }
    assert_int_equal(hr_crash_file_start(dir, a_crash(wall)), -EBUSY);
    assert_int_equal(waitpid(pids[1], &status, 0), pids[1]);
    assert_true(hr_crash_file_reaped(pids[1], SIGALRM)); /* as if it had been too slow */
    pids[1] = hr_crash_file_start(dir, a_crash(wall));
    assert_true(pids[1] > 0);
    for (int i = 0; i < HR_CRASH_WRITERS_MAX; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
        assert_true(hr_crash_file_reaped(pids[i], status));
    }
    assert_int_equal(count(), HR_CRASH_WRITERS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_report_is_written_whole_and_for_us_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_latest_of_ours_are_kept_and_nothing_else_is_touched,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_back_makes_no_report_old, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(unfinished_files_go_when_they_are_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_not_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_leave_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_does_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_hangs_ends_by_the_alarm_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_are_never_more_than_a_few, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
