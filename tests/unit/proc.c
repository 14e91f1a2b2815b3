/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/proc.h"

#include "check.h"
#include "common/fd.h"
#include "own_pids.h"
#include "sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int parse(const char *text, struct hr_proc_entry *ret)
{
    return hr_proc_parse_stat(text, strlen(text), ret);
}

static void stat_is_read_from_the_end_of_the_name(void **state)
{
    struct hr_proc_entry e;
    (void)state;
    assert_int_equal(parse("17 (python3) S 1 18 17 0 -1 4194560 5150", &e), 0);
    assert_int_equal(e.pid, 17);
    assert_int_equal(e.ppid, 1);
    assert_int_equal(e.group, 18);
    assert_int_equal(e.state, 'S');
    assert_string_equal(e.comm, "python3");
    assert_int_equal(parse("9 () Z 0 9", &e), 0);
    assert_string_equal(e.comm, "");
    assert_int_equal(parse("9 (a) S 1 (b) Z 4 9 9", &e), 0); /* a name that wants to deceive */
    assert_string_equal(e.comm, "a) S 1 (b");
    assert_int_equal(e.ppid, 4);
    assert_int_equal(parse("2147483647 (a\\nb\\\\c\x1b[m) R 2147483647 1", &e), 0);
    assert_string_equal(e.comm, "a?b\\c?[m");
    assert_int_equal(e.ppid, INT32_MAX);
    assert_int_equal(parse("5 (kworker/u8:3-events_unbound) I 2 0", &e), 0);
    assert_string_equal(e.comm, "kworker/u8:3-ev"); /* cut */
}

static void numbers_are_read_as_far_as_they_go(void **state)
{
    static const char whole[] = "7 (a) S 1 7 7 34816 -1 4194560 5150 0 3 0 11 22 33 44 20 0 5 0 "
                                "600 123456789 789 18446744073709551615 1 1 0";
    struct hr_proc_entry e;
    (void)state;
    assert_int_equal(parse(whole, &e), 0);
    assert_int_equal(e.cpu_ticks, 33);
    assert_int_equal(e.threads, 5);
    assert_int_equal(e.start_ticks, 600);
    assert_int_equal(e.rss_pages, 789);
    const char *threads = strstr(whole, " 5 0 600");
    assert_int_equal(hr_proc_parse_stat(whole, (size_t)(threads + 2 - whole), &e), 0);
    assert_int_equal(e.cpu_ticks, 33);
    assert_int_equal(e.threads, -1); /* it may have been cut off */
    assert_int_equal(e.rss_pages, -1);
    assert_int_equal(parse("7 (a) S 1 7", &e), 0);
    assert_int_equal(e.group, -1);
    assert_int_equal(parse("7 (a) S 1 7 x 34816 -1 4194560 5150 0 3 0 11 22 33 44", &e), 0);
    assert_int_equal(e.cpu_ticks, -1);
}

/* What nobody can end any more says so itself. */
static void a_kill_that_waits_is_seen(void **state)
{
    static const char form[] = "17 (x) D 1 17 17 0 -1 4194560 5 0 0 0 1 2 3 4 20 0 1 0 600 700 8 "
                               "18446744073709551615 1 2 3 0 0 %s 0 0 0";
    static const struct {
        const char *signals;
        bool killed;
    } all[] = {{"0", false}, {"256", true}, {"16640", true}, {"16384", false}, {"x", false}};
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct hr_proc_entry e;
        char text[256];
        (void)snprintf(text, sizeof(text), form, all[i].signals);
        assert_int_equal(parse(text, &e), 0);
        assert_int_equal(e.rss_pages, 8);
        assert_int_equal(e.killed, all[i].killed);
        *strstr(text, " 1 2 3 0 0") = '\0'; /* cut off before it */
        assert_int_equal(parse(text, &e), 0);
        assert_false(e.killed);
    }
}

static void other_text_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "1 ",
        "1 (",
        "1 (a",
        "1 (a)",
        "1 (a) ",
        "1 (a) S",
        "1 (a) S ",
        "1 (a) S x",
        "1 (a) S -1",
        "1 (a) 1 2 3",
        "1 (a)S 2 ",
        "0 (a) S 1 1",
        "-1 (a) S 1",
        "1 a) S 1 1",
        "x (a) S 1",
        "1 )a( S 1 1",
        "1(a) S 1",
        "1 (a) SS 1",
        " 1 (a) S 1",
        "1 (a)  S 11",
        "1 () S",
        "2147483648 (a) S 1 1",
        "1 (a) S 99999999999999999999 1",
    };
    struct hr_proc_entry e;
    (void)state;
    memset(&e, 0x5a, sizeof(e));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (parse(bad[i], &e) != -EPROTO)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(e.pid, 0x5a5a5a5a); /* untouched */
}

static void a_real_process(void **state)
{
    struct hr_proc_entry e;
    char name[HR_PROC_COMM];
    (void)state;
    assert_int_equal(prctl(PR_SET_NAME, "a (b) c\n\\"), 0);
    assert_int_equal(hr_proc_read(getpid(), &e), 0);
    assert_int_equal(e.pid, getpid());
    assert_int_equal(e.ppid, getppid());
    assert_int_equal(e.state, 'R');
    assert_string_equal(e.comm, "a (b) c?\\");
    assert_in_range(e.cpu_ticks, 0, INT32_MAX);
    assert_int_equal(e.threads, 1 + HR_SANITIZER_THREADS);
    assert_in_range(e.rss_pages, 10, INT32_MAX);
    hr_proc_name(getpid(), name);
    assert_string_equal(name, e.comm);
    assert_int_equal(hr_proc_read(INT32_MAX, &e), -ENOENT);
    hr_proc_name(INT32_MAX, name);
    assert_string_equal(name, "?");
}

/* Fork a child that forks `deeper` more below it, each telling its pid, and then waits; all of them
 * in our group, or each in one of its own. */
static void grow(int deeper, bool apart, int tell)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return;
    pid = getpid();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (apart)
        (void)setpgid(0, 0);
    if (write(tell, &pid, sizeof(pid)) != sizeof(pid))
        _exit(1);
    if (deeper > 0)
        grow(deeper - 1, apart, tell);
    for (;;)
        (void)pause();
}

static void descendants_are_found_and_skipped(void **state)
{
    enum { N = 6 };
    pid_t pids[N];
    struct hr_proc_entry got[N];
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    grow(3, true, fds[1]); /* pids[0] to [3], one below the other */
    for (int i = 0; i < 4; i++)
        assert_int_equal(read(fds[0], &pids[i], sizeof(pids[i])), sizeof(pids[i]));
    grow(1, true, fds[1]);
    for (int i = 4; i < N; i++)
        assert_int_equal(read(fds[0], &pids[i], sizeof(pids[i])), sizeof(pids[i]));

    assert_int_equal(hr_proc_children(getpid(), NULL, 0, got, N), N);
    for (int i = 0; i < N; i++)
        assert_true(hr_proc_among(pids, N, got[i].pid));
    assert_int_equal(hr_proc_children(getpid(), NULL, 0, got, 2), N); /* says that there are more */
    assert_int_equal(hr_proc_children(getpid(), NULL, 0, NULL, 0), N);
    assert_int_equal(hr_proc_children(getpid(), &pids[1], 1, got, N), 3); /* and what is below it */
    assert_true(got[0].pid == pids[0] && got[1].pid == pids[4] && got[2].pid == pids[5]);
    assert_int_equal(got[2].ppid, pids[4]);
    assert_int_equal(hr_proc_children(pids[2], NULL, 0, got, N), 1);
    assert_int_equal(got[0].pid, pids[3]);
    assert_int_equal(hr_proc_children(INT32_MAX, NULL, 0, got, N), 0);

    assert_int_equal(kill(pids[4], SIGKILL), 0); /* its child dies of that too */
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pids[4], &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(hr_proc_read(pids[4], &got[0]), 0); /* as at a crash: dead, not yet reaped */
    assert_int_equal(got[0].state, 'Z');
    assert_int_equal(kill(pids[0], SIGKILL), 0);
    assert_int_equal(waitpid(pids[0], NULL, 0), pids[0]);
    assert_int_equal(waitpid(pids[4], NULL, 0), pids[4]);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void our_own_group_is_passed_over(void **state)
{
    struct hr_proc_entry got[2];
    pid_t pids[2];
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    for (int i = 0; i < 2; i++) {
        grow(0, i == 1, fds[1]); /* the first is what we fork for a moment */
        assert_int_equal(read(fds[0], &pids[i], sizeof(pids[i])), sizeof(pids[i]));
    }
    assert_int_equal(hr_proc_children(getpid(), NULL, 0, got, 2), 1);
    assert_int_equal(got[0].pid, pids[1]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void descriptors_are_counted(void **state)
{
    struct hr_proc_dir d;
    struct hr_proc_entry e;
    int more[5];
    (void)state;
    assert_int_equal(hr_proc_open(&d), 0);
    int64_t before = hr_proc_dir_fds(&d, getpid(), 1000);
    assert_in_range(before, 3, 999);
    for (int i = 0; i < 5; i++)
        more[i] = fcntl(d.fd, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(hr_proc_dir_fds(&d, getpid(), 1000), before + 5);
    for (int i = 0; i < 5; i++)
        hr_close(&more[i]);
    assert_int_equal(hr_proc_dir_fds(&d, INT32_MAX, 1000), -ENOENT);
    assert_int_equal(hr_proc_dir_read(&d, getpid(), &e), 0);
    assert_int_equal(e.pid, getpid());
    assert_int_equal(hr_proc_dir_read(&d, INT32_MAX, &e), -ENOENT);
    hr_proc_close(&d);
}

static void every_process_is_listed_again_and_again(void **state)
{
    struct hr_proc_dir d;
    (void)state;
    assert_int_equal(hr_proc_open(&d), 0);
    for (int i = 0; i < 2; i++) {
        pid_t pid = 0;
        pid_t last = 0;
        bool me = false;
        while ((pid = hr_proc_next(&d)) > 0) {
            assert_true(pid > last); /* the search in the table relies on it */
            last = pid;
            me = me || pid == getpid();
        }
        assert_true(me);
        assert_int_equal(hr_proc_next(&d), 0);
        hr_proc_rewind(&d);
    }
    hr_proc_close(&d);
    assert_int_equal(d.fd, -1);
}

/* Run in a child whose root is an empty folder, or one with an empty /proc. */
static int look_without_proc(const char *root)
{
    struct hr_proc_entry e;
    struct hr_proc_dir d;
    char name[HR_PROC_COMM];
    if (chroot(root) < 0 || chdir("/") < 0)
        return 77;
    hr_proc_name(1, name);
    return hr_proc_read(1, &e) == -ENOENT && strcmp(name, "?") == 0 &&
                   hr_proc_open(&d) == -ENOENT && d.fd == -1 &&
                   hr_proc_children(1, NULL, 0, &e, 1) == -ENOENT
               ? 0
               : 1;
}

static void without_proc_it_says_so(void **state)
{
    char root[] = "/tmp/handrail-proc-XXXXXX";
    char proc[64];
    int status = 0;
    (void)state;
    assert_non_null(mkdtemp(root));
    (void)snprintf(proc, sizeof(proc), "%s/proc", root);
    for (int i = 0; i < 2 && status != 77 << 8; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(look_without_proc(root));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(status == 0 || status == 77 << 8);
        (void)mkdir(proc, 0700);
    }
    (void)rmdir(proc);
    (void)rmdir(root);
    if (status)
        skip(); /* not root */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_is_read_from_the_end_of_the_name),
        cmocka_unit_test(a_kill_that_waits_is_seen),
        cmocka_unit_test(numbers_are_read_as_far_as_they_go),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(a_real_process),
        cmocka_unit_test(our_own_group_is_passed_over),
        cmocka_unit_test(descendants_are_found_and_skipped),
        cmocka_unit_test(descriptors_are_counted),
        cmocka_unit_test(every_process_is_listed_again_and_again),
        cmocka_unit_test(without_proc_it_says_so),
    };
    own_pids();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
