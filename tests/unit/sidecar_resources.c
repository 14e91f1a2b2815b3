/* SPDX-License-Identifier: MIT
 * Resources as /metrics and /status tell them, of containers with each kind of cgroup. */
#include "sidecar/metrics/resources.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ev_loop *loop;
static struct hr_board *board;
static int board_fd = -1;
static struct hr_resources *resources;
static struct hr_buf page;
static char root[TREE_ROOT];

static int set_up(void **state)
{
    struct hr_board_head head = {.supervisor_pid = 10, .nservices = 3, .started_ms = 1};
    struct hr_board_service server = {.name = "server", .state = HR_UP, .pid = 12};
    struct hr_board_service down = {.name = "toolhost/down", .state = HR_DOWN};
    struct hr_board_service host = {.name = "toolhost/a", .state = HR_UP, .pid = 14};
    (void)state;
    hr_buf_init(&page, 1 << 20);
    loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    if (!loop || hr_board_create(&board, &board_fd))
        return -1;
    hr_board_put_head(board, &head);
    hr_board_put_service(board, 0, &server);
    hr_board_put_service(board, 1, &down);
    hr_board_put_service(board, 2, &host);
    return tree_make(root);
}

static int tear_down(void **state)
{
    (void)state;
    hr_resources_free(resources);
    resources = NULL;
    hr_buf_free(&page);
    hr_board_unmap(board);
    hr_close(&board_fd);
    ev_loop_destroy(loop);
    return tree_remove(root);
}

/* ---- what there is ---- */

struct file {
    const char *name, *text;
};

static void put_all(const struct file *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tree_put(root, files[i].name, files[i].text);
}
#define PUT(files) put_all(files, sizeof(files) / sizeof((files)[0]))

/* The folder /proc, with our own entry in it. */
static void put_proc(const char *cgroup, const char *mountinfo)
{
    char pid[16];
    char path[64];
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    (void)snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
    tree_put(root, path, cgroup);
    (void)snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
    tree_put(root, path, mountinfo);
    tree_link(root, "/proc/self", pid);
    static const struct file processes[] = {
        {"/proc/10/stat", "10 (handrail) S 1 1 1 0 -1 0 0 0 0 0 20 30 0 0 20 0 1 0 5 9 100 9"},
        {"/proc/12/stat", "12 (python) S 10 1 1 0 -1 0 0 0 0 0 200 300 0 0 20 0 9 0 5 9 900 9"},
        {"/proc/14/stat", "14 (toolhost) S 10 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 9 50 9"},
        {"/proc/15/stat", "15 (sh) Z 12 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 9"},
    };
    PUT(processes);
}

static const struct file v2[] = {
    {"/sys/fs/cgroup/memory.current", "500000\n"},
    {"/sys/fs/cgroup/memory.max", "1000000\n"},
    {"/sys/fs/cgroup/memory.peak", "600000\n"},
    {"/sys/fs/cgroup/memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n"},
    {"/sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 120000\n"},
    {"/sys/fs/cgroup/pids.current", "17\n"},
    {"/sys/fs/cgroup/pids.max", "100\n"},
    {"/sys/fs/cgroup/cpu.max", "150000 100000\n"},
    {"/sys/fs/cgroup/cpu.stat",
     "usage_usec 12500000\nuser_usec 1\nsystem_usec 1\nnr_periods 40\nnr_throttled 4\n"
     "throttled_usec 250000\n"},
};

static const struct file pressures[] = {
    {"/sys/fs/cgroup/cpu.pressure", "some avg10=1.25 avg60=0.00 avg300=0.00 total=3500000\n"
                                    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
    {"/sys/fs/cgroup/memory.pressure", "some avg10=12.50 avg60=0.00 avg300=0.00 total=2000000\n"
                                       "full avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n"},
    {"/sys/fs/cgroup/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
                                   "full avg10=0.00 avg60=0.00 avg300=0.00 total=6\n"},
};

static const struct file v1[] = {
    {"/sys/fs/cgroup/memory/memory.usage_in_bytes", "500000\n"},
    {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n"},
    {"/sys/fs/cgroup/memory/memory.max_usage_in_bytes", "600000\n"},
    {"/sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"},
    {"/sys/fs/cgroup/memory/memory.stat", "cache 9\ntotal_inactive_file 120000\n"},
    {"/sys/fs/cgroup/pids/pids.current", "17\n"},
    {"/sys/fs/cgroup/pids/pids.max", "100\n"},
    {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n"},
    {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
    {"/sys/fs/cgroup/cpu,cpuacct/cpu.stat",
     "nr_periods 40\nnr_throttled 4\nthrottled_time 250000000\n"},
    {"/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "12500000000\n"},
};
#define V1_CGROUP "5:cpu,cpuacct:/\n4:memory:/\n3:pids:/\n"
#define V1_MOUNTS                                                                                  \
    "31 23 0:28 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"                            \
    "32 23 0:29 / /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n"                                \
    "33 23 0:30 / /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"

static void make(void)
{
    const struct hr_resources_config cfg = {.loop = loop, .board = board, .root = root};
    hr_resources_free(resources);
    assert_int_equal(hr_resources_new(&cfg, &resources), 0);
}

static void collect(void)
{
    struct hr_expo e;
    hr_buf_reset(&page);
    hr_expo_init(&e, &page);
    hr_resources_collect(&e, resources);
    assert_int_equal(hr_expo_finish(&e), 0);
    assert_null(e.misuse);
}

/* The whole of a look, however long the processes take. */
static void look(void)
{
    make();
    hr_resources_start(resources);
    ev_run(loop, 0);
    collect();
}

static void has(const char *line)
{
    if (!strstr(hr_buf_str(&page), line))
        fail_msg("no \"%s\" in:\n%s", line, hr_buf_str(&page));
}

static void hasnt(const char *text)
{
    if (strstr(hr_buf_str(&page), text))
        fail_msg("\"%s\" in:\n%s", text, hr_buf_str(&page));
}

static void has_cgroup(void)
{
    has("\nhandrail_cgroup_memory_usage_bytes 500000\n");
    has("\nhandrail_cgroup_memory_working_set_bytes 380000\n");
    has("\nhandrail_cgroup_memory_limit_bytes 1000000\n");
    has("\nhandrail_cgroup_memory_peak_bytes 600000\n");
    has("\nhandrail_cgroup_oom_kills_total 4\n");
    has("\nhandrail_cgroup_pids 17\n");
    has("\nhandrail_cgroup_pids_limit 100\n");
    has("\nhandrail_cgroup_cpu_seconds_total 12.5\n");
    has("\nhandrail_cgroup_cpu_limit_cores 1.5\n");
    has("\nhandrail_cgroup_cpu_periods_total 40\n");
    has("\nhandrail_cgroup_cpu_throttled_periods_total 4\n");
    has("\nhandrail_cgroup_cpu_throttled_seconds_total 0.25\n");
}

static void has_pressures(void)
{
    has("\nhandrail_cgroup_pressure_seconds_total{resource=\"cpu\",tasks=\"some\"} 3.5\n");
    has("\nhandrail_cgroup_pressure_seconds_total{resource=\"cpu\",tasks=\"all\"} 0\n");
    has("\nhandrail_cgroup_pressure_seconds_total{resource=\"memory\",tasks=\"some\"} 2\n");
    has("\nhandrail_cgroup_pressure_seconds_total{resource=\"memory\",tasks=\"all\"} 1\n");
    has("\nhandrail_cgroup_pressure_seconds_total{resource=\"io\",tasks=\"all\"} 6e-06\n");
}

/* ---- the tests ---- */

static void version_2(void **state)
{
    (void)state;
    put_proc("0::/\n", "30 23 0:27 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    PUT(v2);
    PUT(pressures);
    look();
    has_cgroup();
    has_pressures();
}

static void version_1(void **state)
{
    (void)state;
    put_proc(V1_CGROUP, V1_MOUNTS);
    PUT(v1);
    look();
    has_cgroup();
    hasnt("pressure_seconds_total{");
}

static void version_1_with_pressure_of_version_2(void **state)
{
    static const struct file unified[] = {
        {"/sys/fs/cgroup/unified/cgroup.controllers", "\n"},
        {"/sys/fs/cgroup/unified/memory.pressure", "some avg10=0.00 total=1000000\n"},
        {"/sys/fs/cgroup/unified/cpu.pressure", "some avg10=1.25 avg60=0.00 total=3500000\n"},
    };
    (void)state;
    put_proc(V1_CGROUP "0::/\n",
             V1_MOUNTS "34 23 0:31 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw\n");
    PUT(v1);
    PUT(unified);
    look();
    has_cgroup();
    has("\nhandrail_cgroup_pressure_seconds_total{resource=\"cpu\",tasks=\"some\"} 3.5\n");
    hasnt("tasks=\"all\"");
    hasnt("resource=\"io\"");
}

/* Families without samples, and no zeros that nobody has measured. */
static void no_cgroup(void **state)
{
    (void)state;
    put_proc("", "");
    look();
    hasnt("\nhandrail_cgroup");
    has("\n# TYPE handrail_cgroup_memory_usage_bytes gauge\n");
    has("\nhandrail_tree_processes 4\n");
}

static void no_limits(void **state)
{
    static const struct file unlimited[] = {
        {"/sys/fs/cgroup/memory.max", "max\n"},
        {"/sys/fs/cgroup/pids.max", "max\n"},
        {"/sys/fs/cgroup/cpu.max", "max 100000\n"},
    };
    (void)state;
    put_proc("0::/\n", "30 23 0:27 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    PUT(v2);
    PUT(unlimited);
    look();
    hasnt("limit_bytes 1");
    hasnt("\nhandrail_cgroup_pids_limit ");
    hasnt("\nhandrail_cgroup_cpu_limit_cores ");
    has("\nhandrail_cgroup_pids 17\n");
}

static void processes_are_told_apart(void **state)
{
    char line[128];
    double hz = (double)sysconf(_SC_CLK_TCK);
    long kb = sysconf(_SC_PAGESIZE);
    (void)state;
    put_proc("", "");
    look();
    has("\nhandrail_tree_threads 11\n");
    has("\nhandrail_tree_zombies 1\n");
    hasnt("\nhandrail_tree_open_fds "); /* the folder has none to count */
    (void)snprintf(line, sizeof(line), "\nhandrail_tree_resident_memory_bytes %ld\n", 1050 * kb);
    has(line);
    (void)snprintf(line, sizeof(line),
                   "\nhandrail_process_cpu_seconds_total{service=\"supervisor\"} %g\n", 50 / hz);
    has(line);
    (void)snprintf(line, sizeof(line),
                   "\nhandrail_process_cpu_seconds_total{service=\"server\"} %g\n", 500 / hz);
    has(line);
    has("\nhandrail_process_cpu_seconds_total{service=\"toolhost/a\"} 0\n");
    has("\nhandrail_process_threads{service=\"server\"} 9\n");
    hasnt("toolhost/down");
}

static void numbers_are_kept_for_a_moment(void **state)
{
    struct hr_expo e;
    (void)state;
    put_proc("0::/\n", "30 23 0:27 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    PUT(v2);
    int64_t began = hr_now_ms();
    look();
    tree_put(root, "/sys/fs/cgroup/pids.current", "99\n");
    hr_buf_reset(&page);
    hr_expo_init(&e, &page);
    hr_resources_collect(&e, resources);
    if (hr_now_ms() - began < HR_RESOURCES_AGE_MS)
        has("\nhandrail_cgroup_pids 17\n");
    while (hr_now_ms() - began <= 2 * HR_RESOURCES_AGE_MS)
        (void)usleep(50 * 1000);
    hr_buf_reset(&page);
    hr_expo_init(&e, &page);
    hr_resources_collect(&e, resources);
    has("\nhandrail_cgroup_pids 99\n");
}

/* More processes than one step has time for. */
static void put_thousands(void)
{
    put_proc("", "");
    for (int i = 100; i < 4000; i++) {
        char path[64];
        char text[128];
        (void)snprintf(path, sizeof(path), "/proc/%d/stat", i);
        (void)snprintf(text, sizeof(text), "%d (x) S 10 1 1 0", i);
        tree_put(root, path, text);
    }
}

/* A look that takes more than one step is completed by the loop. */
static void a_long_look_goes_on_in_the_loop(void **state)
{
    (void)state;
    put_thousands();
    make();
    collect();
    hasnt("\nhandrail_tree_processes "); /* nor half of them */
    ev_run(loop, 0);                     /* until nothing is left to do */
    struct hr_expo e;
    hr_buf_reset(&page);
    hr_expo_init(&e, &page);
    hr_resources_collect(&e, resources);
    has("\nhandrail_tree_processes 3904\n");
}

/* So that the first page has them however many there are, one look begins with us. */
static void the_first_look_is_not_waited_for(void **state)
{
    (void)state;
    put_thousands();
    make();
    hr_resources_start(resources);
    ev_run(loop, 0);
    collect();
    has("\nhandrail_tree_processes 3904\n");
}

static void status(void **state)
{
    (void)state;
    put_proc("0::/\n", "30 23 0:27 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    PUT(v2);
    PUT(pressures);
    look();
    json_t *disks = json_pack("[{s:s}]", "path", "/workspace");
    json_t *json = hr_resources_status(resources, disks);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(12));
    char expected[1024];
    (void)snprintf(expected, sizeof(expected),
                   "{\"cpu\":{\"limit_cores\":1.5,\"pressure_10s_percent\":1.25,\"seconds\":12.5,"
                   "\"throttled_seconds\":0.25},\"disks\":[{\"path\":\"/workspace\"}],"
                   "\"memory\":{\"limit_bytes\":1000000,\"oom_kills\":4,"
                   "\"pressure_10s_percent\":12.5,\"used_bytes\":500000,"
                   "\"working_set_bytes\":380000},\"pids\":{\"count\":17,\"limit\":100},"
                   "\"processes\":{\"count\":4,\"open_fds\":null,\"rss_bytes\":%ld,\"threads\":11,"
                   "\"zombies\":1}}",
                   1050 * sysconf(_SC_PAGESIZE));
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void status_of_nothing(void **state)
{
    (void)state;
    look(); /* an empty folder */
    json_t *json = hr_resources_status(resources, NULL);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"cpu\":{\"limit_cores\":null,\"pressure_10s_percent\":null,"
                              "\"seconds\":null,\"throttled_seconds\":null},\"disks\":[],"
                              "\"memory\":{\"limit_bytes\":null,\"oom_kills\":null,"
                              "\"pressure_10s_percent\":null,\"used_bytes\":null,"
                              "\"working_set_bytes\":null},\"pids\":{\"count\":null,"
                              "\"limit\":null},\"processes\":{\"count\":null,\"open_fds\":null,"
                              "\"rss_bytes\":null,\"threads\":null,\"zombies\":null}}");
    free(text);
    json_decref(json);
    hasnt("\nhandrail");
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(version_2),
        T(version_1),
        T(version_1_with_pressure_of_version_2),
        T(no_cgroup),
        T(no_limits),
        T(processes_are_told_apart),
        T(numbers_are_kept_for_a_moment),
        T(a_long_look_goes_on_in_the_loop),
        T(the_first_look_is_not_waited_for),
        T(status),
        T(status_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
