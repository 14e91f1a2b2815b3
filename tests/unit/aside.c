/* SPDX-License-Identifier: MIT
 * Work in a process of its own: what it answers, how it ends, and what it has and has not. */
#include "sidecar/aside/aside.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 20 * 1000, LONG_MS = 30 * 1000, SHORT_MS = 50, RESTARTS = 1000 };

struct result {
    int calls;
    int err;
    size_t len;
    char text[HR_ASIDE_ANSWER_MAX + 1];
    struct hr_aside *to_free; /* in done; NULL: none */
    struct hr_aside *to_ask;  /* likewise, once more */
};

static struct ev_loop *loop;
static struct hr_aside *aside;
static struct result result;
static char secret[] = "a key";

/* ---- the work ------------------------------------------------------------------------------ */

static void sleep_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&t, NULL);
}

static size_t open_fds(char *out, size_t size)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *e = NULL;
    if (!dir)
        return 0;
    while ((e = readdir(dir)))
        if (e->d_name[0] != '.' && atol(e->d_name) != dirfd(dir))
            n += (size_t)snprintf(out + n, size - n, "%s ", e->d_name);
    (void)closedir(dir);
    return n;
}

static size_t read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size);
    hr_close(&fd);
    return n > 0 ? (size_t)n : 0;
}

/* Signals that are not at their default, or blocked. */
static size_t odd_signals(char *out, size_t size)
{
    size_t n = 0;
    sigset_t mask;
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction now;
        if (sigaction(sig, NULL, &now) == 0 &&
            (now.sa_handler != SIG_DFL || sigismember(&mask, sig) == 1))
            n += (size_t)snprintf(out + n, size - n, "%d ", sig);
    }
    return n;
}

static size_t attributes(char *out, size_t size)
{
    int death = 0;
    (void)prctl(PR_GET_PDEATHSIG, &death);
    return (size_t)snprintf(out, size, "dumpable %d, death signal %d, secret \"%s\"",
                            prctl(PR_GET_DUMPABLE), death, secret);
}

/* Something that holds our socket although we end. */
static void leave_a_child(void)
{
    if (fork() == 0) {
        sleep_ms(700);
        _exit(0);
    }
}

static int work(const void *request, size_t len, void *answer, size_t size, size_t *ret_len,
                void *arg)
{
    char what[32] = "";
    assert_ptr_equal(arg, &result);
    memcpy(what, request, len < sizeof(what) - 1 ? len : sizeof(what) - 1);
    if (strcmp(what, "fail") == 0) {
        *ret_len = 4;
        return -ENOENT;
    }
    if (strcmp(what, "hang") == 0 || strcmp(what, "stick") == 0) {
        if (*what == 's')
            leave_a_child();
        for (;;)
            (void)pause();
    }
    if (strcmp(what, "slow") == 0)
        sleep_ms(20);
    if (strcmp(what, "exit") == 0)
        _exit(3);
    if (strcmp(what, "die") == 0)
        (void)raise(SIGKILL);
    if (strcmp(what, "garbage") == 0)
        (void)send(3, "abc", 3, 0);
    if (strcmp(what, "huge") == 0)
        *ret_len = size + 1;
    else if (strcmp(what, "full") == 0)
        *ret_len = size;
    else if (strcmp(what, "fds") == 0)
        *ret_len = open_fds(answer, size);
    else if (strcmp(what, "comm") == 0)
        *ret_len = read_file("/proc/self/comm", answer, size);
    else if (strcmp(what, "cmdline") == 0)
        *ret_len = read_file("/proc/self/cmdline", answer, size);
    else if (strcmp(what, "signals") == 0)
        *ret_len = odd_signals(answer, size);
    else if (strcmp(what, "attributes") == 0)
        *ret_len = attributes(answer, size);
    else if (strcmp(what, "pid") == 0)
        *ret_len = (size_t)snprintf(answer, size, "%d", (int)getpid());
    else
        *ret_len = (size_t)snprintf(answer, size, "%zu bytes", len);
    return 0;
}

/* ---- asking -------------------------------------------------------------------------------- */

static void on_done(int err, const void *answer, size_t len, void *arg)
{
    struct result *r = arg;
    r->calls++;
    r->err = err;
    r->len = len;
    if (len)
        memcpy(r->text, answer, len);
    r->text[len] = '\0';
    if (r->to_free)
        hr_aside_free(r->to_free);
    struct hr_aside *again = r->to_ask;
    r->to_free = r->to_ask = NULL;
    if (again)
        assert_int_equal(hr_aside_ask(again, "again", 5, LONG_MS, on_done, r), 0);
}

static void on_tick(struct ev_loop *l, ev_timer *w, int events)
{
    (void)w;
    (void)events;
    ev_break(l, EVBREAK_ALL);
}

static void run_for(int ms)
{
    ev_timer t;
    ev_timer_init(&t, on_tick, ms / 1000., 0.);
    ev_now_update(loop);
    ev_timer_start(loop, &t);
    (void)ev_run(loop, 0);
    ev_timer_stop(loop, &t);
}

static void wait_calls(int calls)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (result.calls < calls && hr_now_ms() < end)
        run_for(1);
    assert_int_equal(result.calls, calls);
}

/* 0 once it has answered; the text is in result. */
static int ask_for(const void *request, size_t len, unsigned timeout_ms)
{
    result.calls = 0;
    int err = hr_aside_ask(aside, request, len, timeout_ms, on_done, &result);
    if (err)
        return err;
    assert_int_equal(result.calls, 0); /* never from inside */
    wait_calls(1);
    return result.err;
}

static int ask(const char *what)
{
    return ask_for(what, strlen(what), LONG_MS);
}

static pid_t its_pid(void)
{
    assert_int_equal(ask("pid"), 0);
    return atoi(result.text);
}

static void wait_gone(pid_t pid)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (kill(pid, 0) == 0 && hr_now_ms() < end)
        run_for(1);
    assert_int_equal(kill(pid, 0), -1);
}

/* Until what was killed has been seen to be gone. */
static void wait_free(void)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (!hr_aside_free_to_ask(aside) && hr_now_ms() < end)
        run_for(1);
    assert_true(hr_aside_free_to_ask(aside));
}

static int open_one(void **state)
{
    (void)state;
    memset(&result, 0, sizeof(result));
    loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    return !loop || hr_aside_new(loop, "test-of-a-long-name", work, &result, &aside);
}

static int close_one(void **state)
{
    (void)state;
    hr_aside_free(aside);
    ev_loop_destroy(loop);
    return 0;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void it_answers_again_and_again(void **state)
{
    static char big[HR_ASIDE_REQUEST_MAX + 1];
    (void)state;
    assert_int_equal(ask("hello"), 0);
    assert_string_equal(result.text, "5 bytes");
    pid_t pid = its_pid();
    assert_int_equal(ask_for("", 0, LONG_MS), 0);
    assert_string_equal(result.text, "0 bytes");
    assert_int_equal(ask_for(big, sizeof(big) - 1, LONG_MS), 0);
    assert_string_equal(result.text, "65536 bytes");
    assert_int_equal(ask_for(big, sizeof(big), LONG_MS), -EMSGSIZE);
    assert_int_equal(ask("full"), 0);
    assert_int_equal(result.len, HR_ASIDE_ANSWER_MAX);
    assert_int_equal(its_pid(), pid);
}

static void an_error_is_an_answer(void **state)
{
    (void)state;
    pid_t pid = its_pid();
    assert_int_equal(ask("fail"), -ENOENT);
    assert_int_equal(result.len, 0);
    assert_int_equal(its_pid(), pid);
    assert_int_equal(ask("huge"), 0); /* a mistake of the work: nothing of it is read */
    assert_int_equal(result.len, 0);
}

static void one_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(hr_aside_ask(aside, "slow", 4, LONG_MS, on_done, &result), 0);
    assert_false(hr_aside_free_to_ask(aside));
    assert_int_equal(hr_aside_ask(aside, "slow", 4, LONG_MS, on_done, &result), -EBUSY);
    wait_calls(1);
    assert_true(hr_aside_free_to_ask(aside));
}

static void a_time_out_kills_it_and_the_next_request_has_another(void **state)
{
    (void)state;
    pid_t pid = its_pid();
    assert_int_equal(ask_for("hang", 4, SHORT_MS), -ETIMEDOUT);
    wait_free();
    wait_gone(pid);
    assert_int_not_equal(its_pid(), pid);
}

static void one_that_does_not_go_is_alone(void **state)
{
    (void)state;
    assert_int_equal(ask_for("stick", 5, SHORT_MS), -ETIMEDOUT);
    assert_int_equal(ask("hello"), -ETIMEDOUT); /* at once */
    assert_false(hr_aside_free_to_ask(aside));
    wait_free();
    assert_int_equal(ask("hello"), 0);
}

static void an_answer_that_waits_for_us_is_in_time(void **state)
{
    (void)state;
    assert_int_equal(ask("hello"), 0);
    result.calls = 0;
    assert_int_equal(hr_aside_ask(aside, "hello", 5, 300, on_done, &result), 0);
    sleep_ms(500); /* the loop stands still */
    wait_calls(1);
    assert_int_equal(result.err, 0);
}

static void one_that_ends_in_a_request(void **state)
{
    (void)state;
    pid_t pid = its_pid();
    assert_int_equal(ask("exit"), -EPIPE);
    assert_int_not_equal(its_pid(), pid);
    assert_int_equal(ask("die"), -EPIPE);
    pid = its_pid();
    result.calls = 0;
    assert_int_equal(hr_aside_ask(aside, "hang", 4, LONG_MS, on_done, &result), 0);
    assert_int_equal(kill(pid, SIGKILL), 0); /* somebody else */
    wait_calls(1);
    assert_int_equal(result.err, -EPIPE);
}

static void one_that_ends_between_requests(void **state)
{
    (void)state;
    pid_t pid = its_pid();
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_gone(pid);
    assert_int_equal(ask("hello"), 0); /* seen by the loop ... */
    pid = its_pid();
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0)
        sleep_ms(1);
    assert_int_equal(ask("hello"), 0); /* ... or only by the request */
}

static void one_that_sends_what_it_should_not(void **state)
{
    (void)state;
    assert_int_equal(ask("garbage"), -EPROTO);
    wait_free();
    assert_int_equal(ask("hello"), 0);
}

static void freed_while_busy(void **state)
{
    (void)state;
    pid_t pid = its_pid();
    result.calls = 0;
    assert_int_equal(hr_aside_ask(aside, "hang", 4, LONG_MS, on_done, &result), 0);
    hr_aside_free(aside);
    aside = NULL;
    wait_gone(pid);
    assert_int_equal(result.calls, 0);
}

static void freed_and_asked_from_its_end(void **state)
{
    (void)state;
    result.to_ask = aside;
    assert_int_equal(hr_aside_ask(aside, "hello", 5, LONG_MS, on_done, &result), 0);
    wait_calls(2);
    result.to_free = aside;
    assert_int_equal(ask_for("hang", 4, SHORT_MS), -ETIMEDOUT);
    aside = NULL;
}

static void it_rests(void **state)
{
    (void)state;
    hr_aside_rest(aside); /* there is none */
    pid_t pid = its_pid();
    hr_aside_rest(aside);
    wait_gone(pid);
    result.calls = 0;
    assert_int_equal(hr_aside_ask(aside, "slow", 4, LONG_MS, on_done, &result), 0);
    hr_aside_rest(aside); /* it is not idle */
    wait_calls(1);
    assert_int_equal(result.err, 0);
}

static void what_it_does_not_have(void **state)
{
    (void)state;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    sigset_t mask;
    sigset_t mask_before;
    int fd = open("/dev/null", O_RDONLY); /* not close-on-exec, as a library might */
    assert_true(fd > 3);
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGHUP);
    assert_int_equal(sigprocmask(SIG_BLOCK, &mask, &mask_before), 0);
    assert_int_equal(sigaction(SIGUSR1, &ignore, &before), 0);
    assert_int_equal(ask("fds"), 0);
    assert_string_equal(result.text, "0 1 2 3 ");
    assert_int_equal(ask("signals"), 0);
    assert_string_equal(result.text, "");
    (void)sigaction(SIGUSR1, &before, NULL);
    assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
    assert_int_equal(sigismember(&mask, SIGHUP), 1); /* ours are as they were */
    assert_int_equal(sigismember(&mask, SIGTERM), 0);
    (void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
    hr_close(&fd);
}

static void wipe(const char *name, void *arg)
{
    assert_string_equal(name, "test-of-a-lo");
    explicit_bzero(arg, sizeof(secret) - 1);
}

static void what_it_is(void **state)
{
    (void)state;
    hr_aside_at_fork(wipe, secret);
    assert_int_equal(ask("attributes"), 0);
    hr_aside_at_fork(NULL, NULL);
    assert_string_equal(result.text, "dumpable 0, death signal 9, secret \"\"");
    assert_string_equal(secret, "a key");
    assert_int_equal(ask("comm"), 0);
    assert_string_equal(result.text, "hr-test-of-a-lo\n");
    assert_int_equal(ask("cmdline"), 0);
    assert_memory_equal(result.text, "handrail-sidecar: ", 10); /* as far as there is room */
}

/* It ends with the process that made it, however that ended. */
static void it_ends_with_us(void **state)
{
    int pipe_fds[2];
    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t user = fork();
    assert_true(user >= 0);
    if (user == 0) {
        pid_t pid = its_pid();
        (void)hr_aside_ask(aside, "hang", 4, LONG_MS, on_done, &result);
        (void)hr_write_all(pipe_fds[1], &pid, sizeof(pid));
        for (;;)
            (void)pause();
    }
    pid_t pid = 0;
    assert_int_equal(read(pipe_fds[0], &pid, sizeof(pid)), sizeof(pid));
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(kill(user, SIGKILL), 0);
    int64_t end = hr_now_ms() + WAIT_MS;
    char stat[512] = "";
    char path[64];
    /* Its new parent may be one that does not wait for it. */
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    do {
        memset(stat, 0, sizeof(stat));
        (void)read_file(path, stat, sizeof(stat) - 1);
    } while (*stat && !strstr(stat, ") Z ") && !strstr(stat, ") X ") && hr_now_ms() < end);
    assert_true(!*stat || strstr(stat, ") Z ") || strstr(stat, ") X "));
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

static void a_thousand_of_them_leave_nothing(void **state)
{
    char before[4096];
    char after[4096];
    (void)state;
    assert_int_equal(ask("exit"), -EPIPE);
    size_t n = open_fds(before, sizeof(before));
    before[n] = '\0';
    for (int i = 0; i < RESTARTS; i++) {
        if (i % 4 == 3) { /* they are as slow as a time-out */
            assert_int_equal(ask("exit"), -EPIPE);
        } else if (i % 100 == 0) {
            assert_int_equal(ask_for("hang", 4, 1), -ETIMEDOUT);
            wait_free();
        } else {
            assert_int_equal(ask("hello"), 0);
            hr_aside_rest(aside);
        }
    }
    n = open_fds(after, sizeof(after));
    after[n] = '\0';
    assert_string_equal(before, after);
    int64_t end = hr_now_ms() + WAIT_MS;
    while (waitpid(-1, NULL, WNOHANG) != -1 && hr_now_ms() < end)
        sleep_ms(1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_one, close_one)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_answers_again_and_again),
        TEST(an_error_is_an_answer),
        TEST(one_at_a_time),
        TEST(a_time_out_kills_it_and_the_next_request_has_another),
        TEST(one_that_does_not_go_is_alone),
        TEST(an_answer_that_waits_for_us_is_in_time),
        TEST(one_that_ends_in_a_request),
        TEST(one_that_ends_between_requests),
        TEST(one_that_sends_what_it_should_not),
        TEST(freed_while_busy),
        TEST(freed_and_asked_from_its_end),
        TEST(it_rests),
        TEST(what_it_does_not_have),
        TEST(what_it_is),
        TEST(it_ends_with_us),
        TEST(a_thousand_of_them_leave_nothing),
    };
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGCHLD, &ignore, NULL); /* as in the sidecar */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
