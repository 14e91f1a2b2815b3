/* SPDX-License-Identifier: MIT */
#include "common/cgroup.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static struct hr_cgroup cg;
static struct hr_cgroup_sample s;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/handrail-cgroup-XXXXXX");
    hr_cgroup_none(&cg);
    return mkdtemp(root) ? 0 : -1;
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
    hr_cgroup_close(&cg);
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Make a file below the root, and the folders above it. */
static void put(const char *path, const char *text)
{
    char whole[4096];
    (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
    for (char *p = whole + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
        *p = '/';
    }
    int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, text, strlen(text)), 0);
    hr_close(&fd);
}

static void put_v2(const char *folder, const char *memory)
{
    char path[512];
    static const struct {
        const char *name, *text;
    } files[] = {
        {"memory.max", "1073741824\n"},
        {"memory.peak", "999\n"},
        {"memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n"},
        {"memory.oom.group", "1\n"},
        {"pids.current", "7\n"},
        {"pids.max", "max\n"},
        {"pids.events", "max 8\n"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
        put(path, files[i].text);
    }
    (void)snprintf(path, sizeof(path), "%s/memory.current", folder);
    put(path, memory);
}

static void version_2_in_a_namespace_of_its_own(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/proc/self/mountinfo",
        "1 2 0:3 / / rw - overlay overlay rw,lowerdir=/a:/b\n"
        "30 23 0:27 / /sys/fs/cgroup ro,nosuid shared:4 - cgroup2 cgroup rw,nsdelegate\n");
    put_v2("/sys/fs/cgroup", "524288\n");
    assert_int_equal(hr_cgroup_open(&cg, root), 0);
    assert_int_equal(hr_cgroup_read(&cg, &s), 0);
    assert_false(cg.v1);
    assert_int_equal(s.memory, 524288);
    assert_int_equal(s.memory_max, 1073741824);
    assert_int_equal(s.memory_peak, 999);
    assert_int_equal(s.high, 2);
    assert_int_equal(s.max, 3);
    assert_int_equal(s.oom, 4);
    assert_int_equal(s.oom_kills, 5);
    assert_true(hr_cgroup_dies_as_one(&cg));
    assert_int_equal(s.pids, 7);
    assert_int_equal(s.pids_max, -1);
    assert_int_equal(s.pids_denied, 8);

    put("/sys/fs/cgroup/memory.events", "low 0\noom_kill 6"); /* read anew, and cut */
    assert_int_equal(hr_cgroup_read(&cg, &s), 0);
    assert_int_equal(s.oom_kills, 6);
    assert_int_equal(s.oom, -1);
}

static void version_2_of_the_host_with_our_path_below(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/a b/c\n");
    put("/proc/self/mountinfo", "30 23 0:27 / /cg\\040x rw - cgroup2 cgroup rw\n");
    put_v2("/cg x/a b/c", "11\n");
    put_v2("/cg x", "22\n");
    assert_int_equal(hr_cgroup_open(&cg, root), 0);
    assert_int_equal(hr_cgroup_read(&cg, &s), 0);
    assert_int_equal(s.memory, 11);
}

static void a_path_that_is_not_to_be_seen_means_the_mount(void **state)
{
    static const char *const paths[] = {"0::/not/there\n", "0::/../../other\n", "0::\n", ""};
    (void)state;
    put("/proc/self/mountinfo", "30 23 0:27 / /cg rw - cgroup2 cgroup rw\n");
    put_v2("/cg", "22\n");
    put_v2("/other", "33\n");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        put("/proc/self/cgroup", paths[i]);
        assert_int_equal(hr_cgroup_open(&cg, root), 0);
        assert_int_equal(hr_cgroup_read(&cg, &s), 0);
        assert_int_equal(s.memory, 22);
        hr_cgroup_close(&cg);
    }
}

static void put_v1(const char *folder)
{
    char path[512];
    static const struct {
        const char *name, *text;
    } files[] = {
        {"memory.usage_in_bytes", "1000\n"},
        {"memory.limit_in_bytes", "9223372036854771712\n"},
        {"memory.max_usage_in_bytes", "2000\n"},
        {"memory.failcnt", "3\n"},
        {"memory.oom_control", "oom_kill_disable 0\nunder_oom 1\noom_kill 4\n"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
        put(path, files[i].text);
    }
}

static void check_v1_memory(void)
{
    assert_int_equal(hr_cgroup_open(&cg, root), 0);
    assert_int_equal(hr_cgroup_read(&cg, &s), 0);
    assert_true(cg.v1);
    assert_int_equal(s.memory, 1000);
    assert_int_equal(s.memory_max, -1); /* its way to say that there is no limit */
    assert_int_equal(s.memory_peak, 2000);
    assert_int_equal(s.max, 3);
    assert_int_equal(s.oom_kills, 4);
    assert_false(hr_cgroup_dies_as_one(&cg));
    assert_int_equal(s.oom, -1);
    assert_int_equal(s.high, -1);
}

static void version_1_as_docker_mounts_it(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "5:pids:/docker/ab\n4:cpu,memory:/docker/ab\n0::/docker/ab\n");
    put("/proc/self/mountinfo",
        "1 2 0:3 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,cpu,memory\n"
        "1 2 0:4 /docker/ab /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n");
    put_v1("/sys/fs/cgroup/memory");
    put("/sys/fs/cgroup/pids/pids.current", "9\n");
    put("/sys/fs/cgroup/pids/pids.max", "100\n");
    check_v1_memory();
    assert_int_equal(s.pids, 9);
    assert_int_equal(s.pids_max, 100);
    assert_int_equal(s.pids_denied, -1);
}

static void a_mixture_has_each_controller_where_its_files_are(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "4:memory:/deep/er\n1:name=systemd:/\n0::/x\n");
    put("/proc/self/mountinfo", "1 2 0:5 / /cg/unified rw - cgroup2 cgroup2 rw\n"
                                "1 2 0:3 /deep /cg/memory rw - cgroup cgroup rw,memory\n"
                                "1 2 0:9 / /cg/systemd rw - cgroup cgroup rw,name=systemd\n");
    put_v1("/cg/memory/er");
    put("/cg/unified/x/cgroup.controllers", "pids\n");
    put("/cg/unified/x/pids.current", "12\n");
    check_v1_memory();
    assert_int_equal(s.pids, 12);
}

static void without_proc_the_usual_places_serve(void **state)
{
    (void)state;
    put_v1("/sys/fs/cgroup/memory");
    check_v1_memory();
    assert_int_equal(s.pids, -1);
    hr_cgroup_close(&cg);
    put_v2("/sys/fs/cgroup", "44\n"); /* version 1 is there too, and has the files */
    check_v1_memory();
    hr_cgroup_close(&cg);
    (void)snprintf(root + strlen(root), 8, "/none");
    assert_int_equal(hr_cgroup_open(&cg, root), -ENOENT);
    root[strlen(root) - 5] = '\0';
}

static void put_cpu_and_pressure(void)
{
    put("/sys/fs/cgroup/cpu.stat", "usage_usec 5000000\nuser_usec 1\nnr_periods 10\n"
                                   "nr_throttled 4\nthrottled_usec 700\n");
    put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/memory.stat", "anon 1\nfile 300000\ninactive_file 200000\n");
    put("/sys/fs/cgroup/memory.pressure", "some avg10=12.34 avg60=0.00 avg300=0.00 total=56789\n"
                                          "full avg10=0.05 avg60=0.00 avg300=0.00 total=7\n");
}

static void processor_time_and_pressure_of_version_2(void **state)
{
    struct hr_cgroup_cpu cpu;
    struct hr_pressure p;
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/proc/self/mountinfo", "30 23 0:27 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    put_v2("/sys/fs/cgroup", "524288\n");
    put_cpu_and_pressure();
    assert_int_equal(hr_cgroup_open(&cg, root), 0);
    assert_int_equal(hr_cgroup_read_cpu(&cg, &cpu), 0);
    assert_int_equal(cpu.used_us, 5000000);
    assert_int_equal(cpu.limit_millicores, 1500);
    assert_int_equal(cpu.periods, 10);
    assert_int_equal(cpu.throttled, 4);
    assert_int_equal(cpu.throttled_us, 700);
    assert_int_equal(hr_cgroup_working_set(&cg, 524288), 324288);
    assert_int_equal(hr_cgroup_working_set(&cg, 100), 0); /* read one after the other */
    assert_int_equal(hr_cgroup_working_set(&cg, -1), -1);
    assert_int_equal(hr_cgroup_read_pressure(&cg, "memory.pressure", &p), 0);
    assert_int_equal(p.some.avg10_centi, 1234);
    assert_int_equal(p.some.total_us, 56789);
    assert_int_equal(p.full.avg10_centi, 5);
    assert_int_equal(p.full.total_us, 7);
    assert_int_equal(hr_cgroup_read_pressure(&cg, "cpu.pressure", &p), -ENOENT);
    assert_int_equal(p.some.avg10_centi, -1);
    put("/sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_int_equal(hr_cgroup_read_cpu(&cg, &cpu), 0);
    assert_int_equal(cpu.limit_millicores, -1);
}

static void processor_time_of_version_1(void **state)
{
    struct hr_cgroup_cpu cpu;
    struct hr_pressure p;
    (void)state;
    put_v1("/sys/fs/cgroup/memory");
    put("/sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 400\n");
    put("/sys/fs/cgroup/cpu/cpu.stat", "nr_periods 3\nnr_throttled 1\nthrottled_time 2000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpuacct/cpuacct.usage", "9000\n");
    assert_int_equal(hr_cgroup_open(&cg, root), 0);
    assert_int_equal(hr_cgroup_read_cpu(&cg, &cpu), 0);
    assert_int_equal(cpu.used_us, 9);
    assert_int_equal(cpu.limit_millicores, 500);
    assert_int_equal(cpu.throttled_us, 2);
    assert_int_equal(hr_cgroup_working_set(&cg, 1000), 600);
    assert_int_equal(hr_cgroup_read_pressure(&cg, "memory.pressure", &p), -ENOENT);
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(hr_cgroup_read_cpu(&cg, &cpu), 0);
    assert_int_equal(cpu.limit_millicores, -1);
}

static void odd_pressure_is_not_known(void **state)
{
    static const char *const odd[] = {"", "some", "some avg10= total=", "full avg10=1.00 total=2\n",
                                      "some total=99999999999999999999999\n"};
    struct hr_pressure p;
    (void)state;
    put_v2("/sys/fs/cgroup", "44\n");
    put("/sys/fs/cgroup/memory.pressure", "");
    assert_int_equal(hr_cgroup_open(&cg, root), 0);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        put("/sys/fs/cgroup/memory.pressure", odd[i]);
        assert_int_equal(hr_cgroup_read_pressure(&cg, "memory.pressure", &p), -ENOENT);
        assert_int_equal(p.some.avg10_centi, -1);
    }
}

static void nothing_at_all(void **state)
{
    struct hr_cgroup_sample none;
    (void)state;
    hr_cgroup_sample_clear(&none);
    assert_int_equal(hr_cgroup_open(&cg, root), -ENOENT);
    assert_int_equal(hr_cgroup_read(&cg, &s), -ENOENT);
    assert_memory_equal(&s, &none, sizeof(s));
    assert_int_equal(s.memory, -1);
}

static void strange_text_is_survived(void **state)
{
    static const char *const mounts[] = {
        "",
        "\n",
        "1\n",
        "1 2 3 4 5\n",
        "1 2 3 / /cg rw -\n",
        "1 2 3 / /cg rw - cgroup\n",
        "1 2 3 / /cg rw - cgroup x\n",
        "1 2 3 / /cg rw no dash here\n",
        " - - - - - -\n",
        "1 2 3 / \\04 rw - cgroup2 x y\n",
        "1 2 3 / \\999 rw - cgroup2 x y\n",
        "1 2 3 / /cg\\000x rw - cgroup2 x y\n",
    };
    static const char *const numbers[] = {"",
                                          "\n",
                                          "x\n",
                                          "-5\n",
                                          "99999999999999999999\n",
                                          " 1\n",
                                          "1 2\n",
                                          "0x1\n",
                                          "1111111111111111111111111111\n"};
    static char longest[8192];
    (void)state;
    put("/proc/self/cgroup", "\n:\n::\n0\n0:\n0:::\nx:memory\nmemory:memory:/\n0::/\n");
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        put("/proc/self/mountinfo", mounts[i]);
        assert_int_equal(hr_cgroup_open(&cg, root), -ENOENT);
    }
    memset(longest, 'a', sizeof(longest) - 1);
    memcpy(longest, "1 2 3 / /", 9);
    put("/proc/self/mountinfo", longest);
    assert_int_equal(hr_cgroup_open(&cg, root), -ENOENT);
    put_v2("/sys/fs/cgroup", "1\n");
    assert_int_equal(hr_cgroup_open(&cg, root), 0);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        put("/sys/fs/cgroup/memory.current", numbers[i]);
        put("/sys/fs/cgroup/memory.events", numbers[i]);
        assert_int_equal(hr_cgroup_read(&cg, &s), 0); /* the processes are known still */
        if (s.memory != -1 || s.oom != -1)
            fail_msg("taken: %s", numbers[i]);
    }
}

/* Whatever this machine has: no crash, and the numbers are plausible. */
static void the_real_one(void **state)
{
    (void)state;
    if (hr_cgroup_open(&cg, "") || hr_cgroup_read(&cg, &s))
        skip();
    print_message("memory %lld of %lld, oom_kills %lld, pids %lld, version %d\n",
                  (long long)s.memory, (long long)s.memory_max, (long long)s.oom_kills,
                  (long long)s.pids, cg.v1 ? 1 : 2);
    assert_true(s.memory != 0 && s.pids != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_2_in_a_namespace_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(version_2_of_the_host_with_our_path_below, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_is_not_to_be_seen_means_the_mount, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(version_1_as_docker_mounts_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mixture_has_each_controller_where_its_files_are, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_proc_the_usual_places_serve, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processor_time_and_pressure_of_version_2, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(processor_time_of_version_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_pressure_is_not_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strange_text_is_survived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_real_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
