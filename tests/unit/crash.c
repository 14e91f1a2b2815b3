/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/crash.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "own_pids.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct hr_cgroup no_cgroup = {.memory = -1, .pids = -1};
static struct hr_sockets by_proc = {.fd = -1};

/* What a function writes, parsed; to be released with json_decref(). */
static json_t *json_of(const struct hr_crash *c, bool with_output)
{
    static char text[1 << 20];
    int fd = memfd_create("crash", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(c ? hr_crash_json(c, fd, with_output) : hr_crash_list_json(fd), 0);
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    hr_close(&fd);
    assert_ptr_equal(strchr(text, '\n'), text + n - 1); /* one line */
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root)
        fail_msg("%s at %d", error.text, error.position);
    return root;
}

static long long number_of(const json_t *root, const char *key)
{
    const json_t *v = json_object_get(root, key);
    if (!json_is_integer(v))
        fail_msg("%s is not a whole number", key);
    return json_integer_value(v);
}

static double seconds_of(const json_t *root, const char *key)
{
    const json_t *v = json_object_get(root, key);
    if (!json_is_number(v))
        fail_msg("%s is not a number", key);
    return json_number_value(v);
}

static const char *text_of(const json_t *root, const char *key)
{
    const char *s = json_string_value(json_object_get(root, key));
    if (!s)
        fail_msg("%s is not a text", key);
    return s;
}

static void a_new_one_knows_nothing(void **state)
{
    (void)state;
    assert_null(hr_crash_get(0));
    assert_null(hr_crash_get(1));
    json_t *list = json_of(NULL, false);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);

    struct hr_crash *c = hr_crash_new();
    assert_int_equal(c->number, 1);
    assert_true(hr_wall_ms() - c->wall_ms < 1000 && hr_now_ms() - c->mono_ms < 1000);
    assert_int_equal(hr_crash_oom_kills(c), -1);
    json_t *root = json_of(c, true);
    assert_int_equal(number_of(root, "number"), 1);
    assert_true(json_is_null(json_object_get(root, "listening")));
    assert_true(json_is_null(json_object_get(root, "left")));
    assert_true(json_is_null(json_object_get(root, "left_total")));
    assert_true(json_is_null(json_object_get(root, "oom_kills")));
    const json_t *after = json_object_get(root, "cgroup_after");
    const char *key = NULL;
    json_t *value = NULL;
    assert_int_equal(json_object_size(after), 10);
    json_object_foreach ((json_t *)after, key, value)
        assert_true(json_is_null(value));
    assert_string_equal(text_of(root, "output"), "");
    json_decref(root);
}

static void fill(struct hr_crash *c)
{
    (void)snprintf(c->service, sizeof(c->service), "toolhost/echo");
    (void)snprintf(c->reason, sizeof(c->reason), "killed by signal 9 (Killed)");
    c->life = 3;
    c->failures = 2;
    c->pid = 4711;
    c->status = SIGKILL;
    c->wall_ms = 1795685400123; /* 2026-11-26T09:30:00.123Z */
    c->mono_ms = 123456789;
    c->uptime_ms = 65001;
    c->before.oom_kills = 4;
    c->after.oom_kills = 6;
    c->after.memory = 1 << 30;
    c->nsockets = 2;
    c->sockets[0] = (struct hr_socket){.address = "0.0.0.0", .port = 60000, .uid = 10001};
    c->sockets[1] = (struct hr_socket){.address = "::", .port = 60001, .inode = 77};
    c->nleft = HR_CRASH_LEFT + 5;
    for (int i = 0; i < HR_CRASH_LEFT; i++)
        c->left[i] =
            (struct hr_proc_entry){.pid = 100 + i, .ppid = 1, .state = 'S', .comm = "tmux"};
    c->output_lost = 99;
    c->output_len = 9;
    memcpy(c->output, "a\n\0\xff\"\\\x1b\xc3\xa9", 9);
}

static void all_of_it_as_json(void **state)
{
    struct hr_crash *c = hr_crash_new();
    (void)state;
    fill(c);
    json_t *root = json_of(c, true);
    assert_string_equal(text_of(root, "service"), "toolhost/echo");
    assert_string_equal(text_of(root, "reason"), "killed by signal 9 (Killed)");
    assert_string_equal(text_of(root, "time"), "2026-11-26T09:30:00.123Z");
    assert_true(seconds_of(root, "wall_seconds") == 1795685400.123);
    assert_true(seconds_of(root, "monotonic_seconds") == 123456.789);
    assert_true(seconds_of(root, "uptime_seconds") == 65.001);
    assert_int_equal(number_of(root, "life"), 3);
    assert_int_equal(number_of(root, "failures"), 2);
    assert_int_equal(number_of(root, "pid"), 4711);
    assert_int_equal(number_of(root, "wait_status"), 9);
    assert_int_equal(number_of(root, "signal"), 9);
    assert_string_equal(text_of(root, "signal_name"), "SIGKILL");
    assert_true(json_is_null(json_object_get(root, "exit_code")));
    assert_true(json_is_false(json_object_get(root, "core_dumped")));
    assert_int_equal(number_of(root, "oom_kills"), 2);
    assert_int_equal(number_of(json_object_get(root, "cgroup_after"), "memory_bytes"), 1 << 30);
    const json_t *sockets = json_object_get(root, "listening");
    assert_int_equal(json_array_size(sockets), 2);
    assert_string_equal(text_of(json_array_get(sockets, 1), "address"), "::");
    assert_int_equal(number_of(json_array_get(sockets, 1), "inode"), 77);
    assert_int_equal(number_of(json_array_get(sockets, 0), "uid"), 10001);
    assert_int_equal(number_of(root, "left_total"), HR_CRASH_LEFT + 5);
    const json_t *left = json_object_get(root, "left");
    assert_int_equal(json_array_size(left), HR_CRASH_LEFT);
    assert_int_equal(number_of(json_array_get(left, 31), "pid"), 131);
    assert_string_equal(text_of(json_array_get(left, 0), "state"), "S");
    assert_string_equal(text_of(json_array_get(left, 0), "name"), "tmux");
    assert_int_equal(number_of(root, "output_bytes"), 9);
    assert_int_equal(number_of(root, "output_lost_bytes"), 99);
    static const char want[] = "a\n\0\xef\xbf\xbd\"\\\x1b\xc3\xa9";
    const json_t *output = json_object_get(root, "output");
    assert_int_equal(json_string_length(output), sizeof(want) - 1);
    assert_memory_equal(json_string_value(output), want, sizeof(want));
    json_decref(root);
    root = json_of(c, false);
    assert_null(json_object_get(root, "output"));
    assert_int_equal(number_of(root, "output_bytes"), 9);
    json_decref(root);
}

static void a_full_output_is_written_whole(void **state)
{
    struct hr_crash *c = hr_crash_new();
    (void)state;
    memset(c->output, 0x01, sizeof(c->output)); /* each becomes six bytes */
    c->output_len = sizeof(c->output);
    json_t *root = json_of(c, true);
    assert_int_equal(json_string_length(json_object_get(root, "output")), HR_CRASH_OUTPUT);
    json_decref(root);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(hr_crash_json(c, full, true), -ENOSPC);
    hr_close(&full);
}

static void ends_by_code_and_by_other_signals(void **state)
{
    struct hr_crash *c = hr_crash_new();
    struct hr_board_crash summary;
    (void)state;
    c->status = 3 << 8;
    json_t *root = json_of(c, false);
    assert_int_equal(number_of(root, "exit_code"), 3);
    assert_true(json_is_null(json_object_get(root, "signal")));
    json_decref(root);
    c->status = SIGSEGV | 0x80;
    root = json_of(c, false);
    assert_string_equal(text_of(root, "signal_name"), "SIGSEGV");
    assert_true(json_is_true(json_object_get(root, "core_dumped")));
    json_decref(root);
    hr_crash_summary(c, &summary);
    assert_int_equal(summary.core, 1);
    c->status = SIGRTMIN + 1;
    root = json_of(c, false);
    assert_int_equal(strncmp(text_of(root, "signal_name"), "signal ", 7), 0);
    json_decref(root);
}

static void a_summary_has_what_the_board_shows(void **state)
{
    struct hr_crash *c = hr_crash_new();
    struct hr_board_crash s;
    (void)state;
    fill(c);
    c->user_ms = 1;
    c->system_ms = 2;
    c->maxrss_kb = 3;
    hr_crash_summary(c, &s);
    assert_int_equal(s.number, c->number);
    assert_string_equal(s.service, "toolhost/echo");
    assert_string_equal(s.reason, "killed by signal 9 (Killed)");
    assert_int_equal(s.status, SIGKILL);
    assert_int_equal(s.life, 3);
    assert_int_equal(s.pid, 4711);
    assert_int_equal(s.core, 0);
    assert_int_equal(s.wall_ms, 1795685400123);
    assert_int_equal(s.uptime_ms, 65001);
    assert_true(s.user_ms == 1 && s.system_ms == 2 && s.maxrss_kb == 3);
    assert_int_equal(s.oom_kills, 2);
    c->after.oom_kills = 1; /* fewer than before: another cgroup */
    hr_crash_summary(c, &s);
    assert_int_equal(s.oom_kills, -1);
}

static void the_latest_are_kept(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (int i = 0; i < 3 * HR_CRASHES_MAX; i++)
        last = hr_crash_new()->number;
    for (uint64_t n = last; n > last - HR_CRASHES_MAX; n--) {
        assert_non_null(hr_crash_get(n));
        assert_int_equal(hr_crash_get(n)->number, n);
    }
    assert_null(hr_crash_get(last - HR_CRASHES_MAX));
    assert_null(hr_crash_get(last + 1));
    assert_null(hr_crash_get(UINT64_MAX));
    json_t *list = json_of(NULL, false);
    assert_int_equal(json_array_size(list), HR_CRASHES_MAX);
    for (size_t i = 0; i < HR_CRASHES_MAX; i++)
        assert_int_equal(number_of(json_array_get(list, i), "number"), last - i);
    assert_null(json_object_get(json_array_get(list, 0), "output"));
    json_decref(list);
    assert_int_equal(hr_crash_get(last)->output_len, 0); /* nothing of who had the place before */
    assert_int_equal(hr_crash_get(last)->nsockets, -1);
}

/* A process that has had a child and dies by a signal, looked at as the supervisor does. */
static void a_real_death(void **state)
{
    struct hr_crash *c = hr_crash_new();
    struct rusage usage;
    siginfo_t info;
    int status = 0;
    int fds[2];
    pid_t grandchild = 0;
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        pid_t below = fork();
        if (below == 0)
            for (;;)
                (void)pause();
        if (write(fds[1], &below, sizeof(below)) != sizeof(below))
            _exit(1);
        for (volatile long i = 0; i < 20000000; i++)
            ;
        (void)raise(SIGKILL);
    }
    assert_int_equal(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    hr_crash_look(c, &no_cgroup, &by_proc, &pid, 1);
    assert_int_equal(c->nleft, 1);
    assert_int_equal(c->left[0].pid, grandchild);
    assert_int_equal(c->left[0].ppid, getpid()); /* it has come to us */
    assert_true(c->nsockets >= 0);
    assert_int_equal(c->after.memory, -1);
    assert_int_equal(wait4(pid, &status, 0, &usage), pid);
    hr_crash_set_rusage(c, &usage);
    c->status = status;
    assert_true(c->user_ms + c->system_ms > 0);
    assert_true(c->maxrss_kb > 100);
    assert_true(c->minor_faults > 0);
    json_t *root = json_of(c, true);
    assert_string_equal(text_of(root, "signal_name"), "SIGKILL");
    assert_true(number_of(json_object_get(root, "rusage"), "maxrss_bytes") > 100 * 1024);
    json_decref(root);
    assert_int_equal(kill(grandchild, SIGKILL), 0);
    assert_int_equal(waitpid(grandchild, NULL, 0), grandchild);
    hr_crash_look(c, &no_cgroup, &by_proc, NULL, 0);
    assert_int_equal(c->nleft, 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_knows_nothing),
        cmocka_unit_test(all_of_it_as_json),
        cmocka_unit_test(a_full_output_is_written_whole),
        cmocka_unit_test(ends_by_code_and_by_other_signals),
        cmocka_unit_test(a_summary_has_what_the_board_shows),
        cmocka_unit_test(the_latest_are_kept),
        cmocka_unit_test(a_real_death),
    };
    own_pids();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
