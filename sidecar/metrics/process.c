/* SPDX-License-Identifier: MIT
 * What the sidecar itself costs.  The names are those of Prometheus' own process metrics behind a
 * prefix: bare, they would be taken for the agent-server's. */
#include "metrics.h"

#include "common/buf.h"
#include "common/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STATM_MAX = 256 }; /* bytes */

static void build_info(struct hr_expo *e)
{
    hr_expo_family(e, "handrail_build_info", "info", "Always 1; the version is in the label.");
    hr_expo_sample(e, "handrail_build_info", 1, "version", HR_VERSION, NULL);
}

/* The second number of /proc/self/statm is what is resident, in pages. */
static int resident_bytes(double *ret)
{
    struct hr_buf text;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    hr_buf_init(&text, STATM_MAX);
    int err = hr_read_fd(fd, &text);
    if (!err) {
        char *rest = NULL;
        (void)strtol(hr_buf_str(&text), &rest, 10);
        char *end = NULL;
        long pages = strtol(rest, &end, 10);
        if (end != rest && pages > 0)
            *ret = (double)pages * (double)sysconf(_SC_PAGESIZE);
        else
            err = -1;
    }
    hr_buf_free(&text);
    hr_close(&fd);
    return err;
}

static int open_fds(double *ret)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return -1;
    const struct dirent *entry = NULL;
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    *ret = count - 1; /* without the one that looked */
    return 0;
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

void hr_metrics_collect_process(struct hr_expo *e, void *arg)
{
    (void)arg;
    double value = 0;
    struct rusage usage;
    build_info(e);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        hr_expo_family(e, "handrail_sidecar_cpu_seconds_total", "counter",
                       "Processor time of the sidecar, user and system.");
        hr_expo_sample(e, "handrail_sidecar_cpu_seconds_total",
                       seconds(&usage.ru_utime) + seconds(&usage.ru_stime), NULL);
    }
    /* /proc may be missing: then these are absent, not 0. */
    if (!resident_bytes(&value)) {
        hr_expo_family(e, "handrail_sidecar_resident_memory_bytes", "gauge",
                       "Resident memory of the sidecar.");
        hr_expo_sample(e, "handrail_sidecar_resident_memory_bytes", value, NULL);
    }
    if (!open_fds(&value)) {
        hr_expo_family(e, "handrail_sidecar_open_fds", "gauge", "Open descriptors of the sidecar.");
        hr_expo_sample(e, "handrail_sidecar_open_fds", value, NULL);
    }
}
