/* SPDX-License-Identifier: MIT
 * The files of a cgroup, and those of /proc that say where it is.  The input is cut at NULs into
 * the files' texts; every file is a copy of one of them below a folder that stands for /. */
#include "common/cgroup.h"
#include "common/fd.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

static const char *const folders[] = {"proc",
                                      "proc/self",
                                      "sys",
                                      "sys/fs",
                                      "sys/fs/cgroup",
                                      "sys/fs/cgroup/memory",
                                      "sys/fs/cgroup/cpu",
                                      "sys/fs/cgroup/cpuacct",
                                      "sys/fs/cgroup/pids"};
static const char *const files[] = {
    "proc/self/cgroup",
    "proc/self/mountinfo",
    "sys/fs/cgroup/memory.current",
    "sys/fs/cgroup/memory.stat",
    "sys/fs/cgroup/memory.events",
    "sys/fs/cgroup/memory.pressure",
    "sys/fs/cgroup/cpu.max",
    "sys/fs/cgroup/cpu.stat",
    "sys/fs/cgroup/pids/pids.current",
    "sys/fs/cgroup/pids/pids.max",
    "sys/fs/cgroup/memory/memory.stat",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us",
    "sys/fs/cgroup/cpuacct/cpuacct.usage",
    "sys/fs/cgroup/memory/memory.usage_in_bytes", /* the last: whether it is version 1 */
};
enum { NFILES = sizeof(files) / sizeof(files[0]) };

static char root[] = "/tmp/handrail-fuzz-cgroup-XXXXXX";

static void remove_all(void)
{
    if (chdir(root))
        return;
    for (size_t i = 0; i < NFILES; i++)
        (void)unlink(files[i]);
    for (size_t i = sizeof(folders) / sizeof(folders[0]); i-- > 0;)
        (void)rmdir(folders[i]);
    (void)rmdir(root);
}

static void make_folders(void)
{
    require(mkdtemp(root) != NULL);
    require(atexit(remove_all) == 0);
    int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        require(mkdirat(dir, folders[i], 0700) == 0);
    hr_close(&dir);
}

static void put(const char *name, const uint8_t *text, size_t n)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && hr_write_all(fd, text, n) == 0);
    hr_close(&fd);
}

static void look(void)
{
    struct hr_cgroup cg;
    struct hr_cgroup_sample s;
    struct hr_cgroup_cpu cpu;
    struct hr_pressure p;
    (void)hr_cgroup_open(&cg, root);
    (void)hr_cgroup_read(&cg, &s);
    (void)hr_cgroup_read_cpu(&cg, &cpu);
    (void)hr_cgroup_read_pressure(&cg, "memory.pressure", &p);
    require(s.memory >= -1 && s.memory_max >= -1 && s.oom_kills >= -1 && s.pids >= -1);
    require(hr_cgroup_working_set(&cg, s.memory) <= s.memory);
    require(cpu.used_us >= -1 && cpu.limit_millicores >= -1 && cpu.throttled_us >= -1);
    require(p.some.avg10_centi >= -1 && p.some.total_us >= -1 && p.full.avg10_centi >= -1);
    hr_cgroup_close(&cg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int made;
    if (!made++)
        make_folders();
    for (size_t i = 0; i < NFILES; i++) {
        const uint8_t *end = size ? memchr(data, 0, size) : NULL;
        size_t n = end ? (size_t)(end - data) : size;
        put(files[i], data, n);
        data += end ? n + 1 : n;
        size -= end ? n + 1 : n;
    }
    char v1[128];
    (void)snprintf(v1, sizeof(v1), "%s/%s", root, files[NFILES - 1]);
    look();
    require(unlink(v1) == 0);
    look();
    return 0;
}
