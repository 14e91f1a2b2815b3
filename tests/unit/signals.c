/* SPDX-License-Identifier: MIT
 * Which signal means what, and what the server gets in its stead. */
#include "loader/supervisor/signals.h"

#include "check.h"
#include "loader/config/rewrite.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void rewriting(void **state)
{
    unsigned char table[65];
    (void)state;
    hr_rewrite_none(table);
    for (int sig = 1; sig <= 64; sig++)
        assert_int_equal(hr_signal_rewrite(table, sig), sig);
    assert_int_equal(hr_rewrite_parse("TERM:QUIT,HUP:0,USR1:USR2,USR2:USR1", table), 0);
    assert_int_equal(hr_signal_rewrite(table, SIGTERM), SIGQUIT);
    assert_int_equal(hr_signal_rewrite(table, SIGHUP), 0);
    assert_int_equal(hr_signal_rewrite(table, SIGUSR1), SIGUSR2); /* once, not through both */
    assert_int_equal(hr_signal_rewrite(table, SIGUSR2), SIGUSR1);
    assert_int_equal(hr_signal_rewrite(table, SIGINT), SIGINT);
}

static void children_are_always_heard_of(void **state)
{
    unsigned char table[65] = {0}; /* drops everything */
    (void)state;
    assert_int_equal(hr_signal_rewrite(table, SIGCHLD), SIGCHLD);
    assert_int_equal(hr_signal_rewrite(table, SIGTERM), 0);
    assert_int_equal(hr_signal_rewrite(table, 64), 0);
    assert_int_equal(hr_signal_rewrite(table, 65), 65); /* outside: not looked up */
    assert_int_equal(hr_signal_rewrite(table, 0), 0);
    assert_int_equal(hr_signal_rewrite(table, -1), -1);
}

static void meanings(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        assert_int_equal(hr_signal_meaning(SIGCHLD, plain), HR_SIGNAL_CHILD);
        assert_int_equal(hr_signal_meaning(SIGTERM, plain), HR_SIGNAL_SHUTDOWN);
        assert_int_equal(hr_signal_meaning(SIGINT, plain), HR_SIGNAL_SHUTDOWN);
        assert_int_equal(hr_signal_meaning(SIGQUIT, plain), HR_SIGNAL_SHUTDOWN);
        assert_int_equal(hr_signal_meaning(SIGTTOU, plain), HR_SIGNAL_IGNORE);
        assert_int_equal(hr_signal_meaning(SIGUSR1, plain), HR_SIGNAL_FORWARD);
    }
    assert_int_equal(hr_signal_meaning(SIGHUP, true), HR_SIGNAL_FORWARD);
    assert_int_equal(hr_signal_meaning(SIGHUP, false), HR_SIGNAL_RELOAD);
}

/* Each one that can come from somebody else is read, and none of them does anything by itself. */
static void all_are_read(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct hr_signals s;
        if (hr_signals_init(&s))
            _exit(100);
        for (int sig = 1; sig <= 64; sig++) { /* those that libc keeps for itself too */
            if (sig == SIGKILL || sig == SIGSTOP)
                continue;
            bool own = sig == SIGPIPE || sig == SIGXFSZ; /* as our own writing brings them */
            if (kill(getpid(), sig) < 0 || hr_signals_next(&s) != (own ? 0 : sig))
                _exit(sig);
        }
        _exit(hr_signals_next(&s) == 0 ? 0 : 101);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void touch_nothing(void)
{
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(volatile char *)page = 1;
}

static void touch_no_file(void)
{
    int fd = memfd_create("empty", MFD_CLOEXEC);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    *(volatile char *)page = 1;
}

static void trap(void)
{
    __builtin_trap();
}

/* Our own faults do not become messages to the server, over which we would fault for ever. */
static void own_faults_are_deadly(void **state)
{
    static void (*const faults[])(void) = {touch_nothing, touch_no_file, trap, abort};
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct hr_signals s;
            (void)prctl(PR_SET_DUMPABLE, 0);   /* no core */
            for (int sig = 1; sig < 32; sig++) /* the test's own handlers */
                (void)signal(sig, SIG_DFL);
            if (hr_signals_init(&s))
                _exit(100);
            faults[i]();
            _exit(0);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewriting),
        cmocka_unit_test(children_are_always_heard_of),
        cmocka_unit_test(meanings),
        cmocka_unit_test(all_are_read),
        cmocka_unit_test(own_faults_are_deadly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
