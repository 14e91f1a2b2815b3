/* SPDX-License-Identifier: MIT
 * What processes cost: real ones, and more than there can be in a folder that stands for /proc. */
#include "sidecar/metrics/processes.h"

#include "check.h"
#include "common/clock.h"
#include "sanitizer.h"
#include "tree.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 4096 }; /* processes that take more than one step */

static struct hr_processes p;
static char root[TREE_ROOT];

static int set_up(void **state)
{
    (void)state;
    return tree_make(root);
}

static int tear_down(void **state)
{
    (void)state;
    hr_processes_free(&p);
    return tree_remove(root);
}

static int finish(void)
{
    int steps = 1;
    while (!hr_processes_step(&p))
        steps++;
    return steps;
}

/* A process of the fixture. */
static void put_process(pid_t pid, pid_t ppid, char state, int ticks, int threads, int pages)
{
    char path[64];
    char text[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    (void)snprintf(text, sizeof(text),
                   "%d (x y) %c %d 1 1 0 -1 0 0 0 0 0 %d 0 9 9 20 0 %d 0 5 1000 %d 99 1 1",
                   (int)pid, state, (int)ppid, ticks, threads, pages);
    tree_put(root, path, text);
}

static void begin_in_fixture(const pid_t *watch, size_t n)
{
    static char path[TREE_ROOT + 8];
    char self[16];
    (void)snprintf(path, sizeof(path), "%s/proc", root);
    (void)snprintf(self, sizeof(self), "%d", (int)getpid());
    tree_link(root, "/proc/self", self);
    hr_processes_init(&p, path);
    assert_int_equal(p.cost.count, -1);
    assert_int_equal(hr_processes_begin(&p, 10, watch, n), 0);
}

static void only_what_is_below_counts(void **state)
{
    static const pid_t watch[] = {10, 12, 30, 99};
    int64_t page = sysconf(_SC_PAGESIZE);
    int64_t tick = 1000 / sysconf(_SC_CLK_TCK);
    (void)state;
    put_process(1, 0, 'S', 1, 1, 1000000);
    put_process(10, 1, 'S', 100, 1, 10);
    put_process(11, 10, 'Z', 5, 1, 0);
    put_process(12, 10, 'R', 300, 4, 30);
    put_process(5, 12, 'S', 7, 2, 5);                   /* its number is lower than its parent's, */
    put_process(3, 5, 'S', 7, 2, 5);                    /* and so on */
    put_process(30, 1, 'S', 9, 9, 9000);                /* somebody else's */
    tree_put(root, "/proc/13/stat", "13 (cut) S 10 1"); /* tells nothing more */
    tree_put(root, "/proc/14/stat", "rubbish");
    tree_put(root, "/proc/uptime", "1 2");
    begin_in_fixture(watch, 4);
    (void)finish();
    assert_int_equal(p.cost.count, 6);
    assert_int_equal(p.cost.zombies, 1);
    assert_int_equal(p.cost.threads, 1 + 4 + 2 + 2);
    assert_int_equal(p.cost.rss_bytes, (10 + 30 + 5 + 5) * page);
    assert_int_equal(p.cost.open_fds, -1); /* there are none to look at */
    assert_false(p.cost.partial);
    assert_int_equal(p.cost.nwatched, 2);
    assert_int_equal(p.cost.watched[0].pid, 10);
    assert_int_equal(p.cost.watched[1].pid, 12);
    assert_int_equal(p.cost.watched[1].cpu_ms, 300 * tick);
    assert_int_equal(p.cost.watched[1].threads, 4);
    assert_int_equal(p.cost.watched[1].rss_bytes, 30 * page);
    assert_int_equal(p.cost.watched[1].open_fds, -1);
    assert_null(p.rows); /* memory is for a look only */
    assert_int_equal(p.dir.fd, -1);
}

static void many_take_many_steps(void **state)
{
    int64_t longest = 0;
    int steps = 0;
    (void)state;
    put_process(10, 1, 'S', 1, 1, 1);
    for (int i = 1; i < MANY - 1; i++)
        put_process(100 + i, 10, 'S', 1, 1, 1);
    begin_in_fixture(NULL, 0);
    p.max = MANY;
    for (bool done = false; !done; steps++) {
        int64_t began = hr_now_us();
        assert_int_equal(p.cost.count, -1); /* until it is complete */
        done = hr_processes_step(&p);
        if (hr_now_us() - began > longest)
            longest = hr_now_us() - began;
    }
    print_message("%d steps, the longest %lld us\n", steps, (long long)longest);
    assert_true(steps > 1);
    assert_false(p.cost.partial);
    assert_int_equal(p.cost.count, MANY - 1);
    /* A second look leaves the first one's result until it is complete; one more does not begin. */
    put_process(10, 1, 'Z', 1, 1, 1);
    assert_int_equal(hr_processes_begin(&p, 10, NULL, 0), 0);
    assert_int_equal(hr_processes_begin(&p, 10, NULL, 0), 0);
    assert_false(hr_processes_step(&p));
    assert_int_equal(p.cost.zombies, 0);
    (void)finish();
    assert_int_equal(p.cost.zombies, 1);
    /* With as many as there can be there may be more, and it says so.  (Which would be left out of
     * more depends on the order that a file system has for the fixture's folder.) */
    put_process(51, 10, 'S', 1, 1, 1);
    assert_int_equal(hr_processes_begin(&p, 10, (const pid_t[]){10, 51}, 2), 0);
    (void)finish();
    assert_true(p.cost.partial);
    assert_int_equal(p.cost.count, -1); /* and does not pass a part off as all */
    assert_int_equal(p.cost.zombies, -1);
    assert_int_equal(p.cost.rss_bytes, -1);
    assert_int_equal(p.cost.nwatched, 1); /* the other one is a zombie by now */
    /* One can be dropped in the middle. */
    assert_int_equal(hr_processes_begin(&p, 10, NULL, 0), 0);
    assert_false(hr_processes_step(&p));
}

static void without_proc_nothing_is_known(void **state)
{
    (void)state;
    hr_processes_init(&p, "/proc");
    pid_t me = getpid();
    assert_int_equal(hr_processes_begin(&p, me, &me, 1), 0);
    (void)finish();
    assert_int_equal(p.cost.count, 1);
    p.path = root; /* an empty folder */
    assert_int_equal(hr_processes_begin(&p, me, &me, 1), -ENOENT);
    assert_int_equal(p.cost.count, -1);
    assert_int_equal(p.cost.nwatched, 0);
    assert_true(hr_processes_step(&p));
}

static void real_processes(void **state)
{
    pid_t watch[2];
    int ready[2];
    char c = 0;
    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (fork() == 0)
            pause();
        if (fork() == 0)
            _exit(0); /* a zombie */
        siginfo_t info;
        (void)waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
        (void)!write(ready[1], "x", 1);
        pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    watch[0] = getpid();
    watch[1] = child;
    hr_processes_init(&p, "/proc");
    assert_int_equal(hr_processes_begin(&p, child, watch, 2), 0);
    (void)finish();
    assert_int_equal(p.cost.count, 3);
    assert_int_equal(p.cost.zombies, 1);
    assert_int_equal(p.cost.threads, 2 * (1 + HR_SANITIZER_THREADS));
    assert_in_range(p.cost.rss_bytes, 4096, INT64_C(1) << 40);
    assert_in_range(p.cost.open_fds, 8, 1000);
    assert_int_equal(p.cost.nwatched, 1); /* we are not below it */
    assert_int_equal(p.cost.watched[0].pid, child);
    assert_int_equal(p.cost.watched[0].open_fds * 2, p.cost.open_fds);
    hr_processes_free(&p);
    hr_processes_init(&p, "/proc");
    assert_int_equal(hr_processes_begin(&p, getpid(), watch, 2), 0);
    (void)finish();
    assert_int_equal(p.cost.count, 4);
    assert_int_equal(p.cost.nwatched, 2);
    /* The zombie's parent goes first; then both of its children are nobody's any more. */
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)child, (int)child);
    FILE *f = fopen(path, "re");
    if (f) {
        int pid = 0;
        while (fscanf(f, "%d", &pid) == 1)
            (void)kill(pid, SIGKILL);
        (void)fclose(f);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_is_below_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_take_many_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_proc_nothing_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(real_processes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
