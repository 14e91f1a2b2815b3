/* SPDX-License-Identifier: MIT
 * Our own cgroup.  See cgroup.h. */
#include "cgroup.h"

#include "fd.h"
#include "file_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_BYTES = 1024,       /* of a folder; with a longer one we know nothing */
    FILE_BYTES = 512,        /* of a file of the cgroup */
    STAT_BYTES = 8192,       /* of memory.stat, which has a line for each kind of memory */
    MOUNTS_MAX = 256 * 1024, /* bytes of mountinfo */
};

enum hierarchy { UNIFIED, MEMORY_V1, PIDS_V1, CPU_V1, CPUACCT_V1, NHIERARCHIES };

/* The controllers of version 1, as the kernel names them. */
static const char *const controllers[NHIERARCHIES] = {"", "memory", "pids", "cpu", "cpuacct"};

/* Where we are in each hierarchy, as /proc/self/cgroup has it, and the open folder. */
struct search {
    const char *root;
    char path[NHIERARCHIES][PATH_BYTES];
    int fd[NHIERARCHIES];
};

/* ---- finding it ---------------------------------------------------------------------------- */

/* Is `word` one of the comma-separated words? */
static bool has_word(const char *words, size_t n, const char *word)
{
    size_t len = strlen(word);
    while (n) {
        const char *comma = memchr(words, ',', n);
        size_t here = comma ? (size_t)(comma - words) : n;
        if (here == len && memcmp(words, word, len) == 0)
            return true;
        words += comma ? here + 1 : here;
        n -= comma ? here + 1 : here;
    }
    return false;
}

/* One line of /proc/self/cgroup: "4:memory:/path", or "0::/path" for version 2. */
static void take_own_path(struct search *s, const char *line, size_t n)
{
    const char *first = memchr(line, ':', n);
    const char *words = first ? first + 1 : NULL;
    const char *second = first ? memchr(words, ':', n - (size_t)(words - line)) : NULL;
    if (!second)
        return;
    size_t nwords = (size_t)(second - words);
    size_t len = n - (size_t)(second + 1 - line);
    for (int h = 0; h < NHIERARCHIES; h++) {
        bool here = h == UNIFIED ? n > 1 && line[0] == '0' && nwords == 0
                                 : has_word(words, nwords, controllers[h]);
        if (here && len < PATH_BYTES) {
            memcpy(s->path[h], second + 1, len);
            s->path[h][len] = '\0';
        }
    }
}

/* An octal escape at line[i], "\\040"? */
static bool is_escape(const char *line, size_t n, size_t i)
{
    if (line[i] != '\\' || n - i <= 3)
        return false;
    for (size_t k = i + 1; k <= i + 3; k++)
        if (line[k] < '0' || line[k] > '7')
            return false;
    return true;
}

/* The field at *at of a line of words, which moves behind it, with its octal escapes undone.  False
 * at the end of the line, or if it does not fit. */
static bool field(const char *line, size_t n, size_t *at, char out[PATH_BYTES])
{
    size_t len = 0;
    size_t i = *at;
    if (i >= n)
        return false;
    for (; i < n && line[i] != ' '; i++) {
        char c = line[i];
        if (is_escape(line, n, i)) {
            c = (char)((line[i + 1] - '0') * 64 + (line[i + 2] - '0') * 8 + (line[i + 3] - '0'));
            i += 3;
        }
        if (len == PATH_BYTES - 1)
            return false;
        out[len++] = c;
    }
    out[len] = '\0';
    *at = i + 1;
    return true;
}

static void open_folder(struct search *s, enum hierarchy h, const char *mount, const char *below)
{
    char path[3 * PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s%s%s", s->root, mount, below);
    if (s->fd[h] < 0 && n > 0 && (size_t)n < sizeof(path))
        s->fd[h] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A mount shows its hierarchy from `top` on.  Our folder in it: what our path has below that.  A
 * container that sees only its own part may have a path that leads elsewhere; then it is the mount
 * itself. */
static void open_in_mount(struct search *s, enum hierarchy h, const char *top, const char *mount)
{
    const char *path = s->path[h];
    size_t len = strcmp(top, "/") == 0 ? 0 : strlen(top);
    if (strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0') &&
        !strstr(path, "/.."))
        open_folder(s, h, mount, path + len);
    open_folder(s, h, mount, "");
}

/* One line of mountinfo: "id parent dev top mount options [tags] - type source super". */
static void take_mount(struct search *s, const char *line, size_t n)
{
    char top[PATH_BYTES];
    char mount[PATH_BYTES];
    char word[PATH_BYTES];
    size_t at = 0;
    for (int i = 0; i < 3; i++)
        if (!field(line, n, &at, word))
            return;
    if (!field(line, n, &at, top) || !field(line, n, &at, mount))
        return;
    do
        if (!field(line, n, &at, word))
            return;
    while (strcmp(word, "-") != 0);
    if (!field(line, n, &at, word))
        return;
    if (strcmp(word, "cgroup2") == 0) {
        open_in_mount(s, UNIFIED, top, mount);
    } else if (strcmp(word, "cgroup") == 0 && field(line, n, &at, word) &&
               field(line, n, &at, word)) {
        for (int h = UNIFIED + 1; h < NHIERARCHIES; h++)
            if (has_word(word, strlen(word), controllers[h]))
                open_in_mount(s, (enum hierarchy)h, top, mount);
    }
}

static void each_line(struct search *s, const char *file,
                      void (*take)(struct search *s, const char *line, size_t n))
{
    char path[2 * PATH_BYTES];
    struct hr_file_lines lines;
    const char *line = NULL;
    size_t n = 0;
    (void)snprintf(path, sizeof(path), "%s%s", s->root, file);
    if (hr_file_lines_open(&lines, path, MOUNTS_MAX))
        return;
    while ((line = hr_file_lines_next(&lines, &n)))
        take(s, line, n);
    hr_file_lines_close(&lines);
}

static bool has_file(int dir, const char *name)
{
    return dir >= 0 && faccessat(dir, name, R_OK, AT_EACCESS) == 0;
}

/* A descriptor of its own for the folder; -1 if that has not the file. */
static int keep(const struct search *s, enum hierarchy h, const char *file)
{
    return has_file(s->fd[h], file) ? fcntl(s->fd[h], F_DUPFD_CLOEXEC, 3) : -1;
}

int hr_cgroup_open(struct hr_cgroup *ret, const char *root)
{
    struct search s = {.root = root, .fd = {-1, -1, -1, -1, -1}};
    each_line(&s, "/proc/self/cgroup", take_own_path);
    each_line(&s, "/proc/self/mountinfo", take_mount);
    /* Without /proc: where everybody mounts them. */
    for (int h = UNIFIED + 1; h < NHIERARCHIES; h++) {
        char below[16];
        (void)snprintf(below, sizeof(below), "/%s", controllers[h]);
        open_folder(&s, (enum hierarchy)h, "/sys/fs/cgroup", below);
    }
    open_folder(&s, UNIFIED, "/sys/fs/cgroup", "");
    *ret = (struct hr_cgroup){.pids = -1, .cpu = -1};
    /* A controller is in one hierarchy only, so whoever has its files has it. */
    ret->memory = keep(&s, MEMORY_V1, "memory.usage_in_bytes");
    ret->v1 = ret->memory >= 0;
    if (!ret->v1)
        ret->memory = keep(&s, UNIFIED, "memory.current");
    for (int h = 0; h < NHIERARCHIES && ret->pids < 0; h++)
        ret->pids = keep(&s, (enum hierarchy)h, "pids.current");
    ret->cpuacct = keep(&s, CPUACCT_V1, "cpuacct.usage");
    ret->cpu_v1 = ret->cpuacct >= 0;
    ret->cpu = ret->cpu_v1 ? keep(&s, CPU_V1, "cpu.stat") : keep(&s, UNIFIED, "cpu.stat");
    ret->unified = keep(&s, UNIFIED, "memory.pressure");
    for (int h = 0; h < NHIERARCHIES; h++)
        hr_close(&s.fd[h]);
    return ret->memory >= 0 || ret->pids >= 0 ? 0 : -ENOENT;
}

void hr_cgroup_none(struct hr_cgroup *ret)
{
    *ret = (struct hr_cgroup){.memory = -1, .pids = -1, .cpu = -1, .cpuacct = -1, .unified = -1};
}

void hr_cgroup_close(struct hr_cgroup *cg)
{
    hr_close(&cg->memory);
    hr_close(&cg->pids);
    hr_close(&cg->cpu);
    hr_close(&cg->cpuacct);
    hr_close(&cg->unified);
}

/* ---- reading it ---------------------------------------------------------------------------- */

/* A file of the folder, NUL-terminated and empty if it cannot be read. */
static void read_file(int dir, const char *name, char *out, size_t size)
{
    ssize_t n = -1;
    int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        n = read(fd, out, size - 1);
    hr_close(&fd);
    out[n > 0 ? n : 0] = '\0';
}

/* The number that ends at one of `ends`; -1 for anything else, "max" among it, and for what version
 * 1 has for "max": the largest number of whole pages. */
static int64_t number(const char *text, const char *ends)
{
    char digits[24];
    int64_t v = -1;
    size_t n = strcspn(text, ends);
    if (n >= sizeof(digits))
        return -1;
    memcpy(digits, text, n);
    digits[n] = '\0';
    if (hr_parse_int(digits, 0, INT64_MAX, &v) || v > INT64_MAX / 2)
        return -1;
    return v;
}

static int64_t read_number(int dir, const char *name)
{
    char text[FILE_BYTES];
    read_file(dir, name, text, sizeof(text));
    return number(text, "\n");
}

/* The number in the line "<key> <number>". */
static int64_t keyed(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; *line;) {
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return number(line + len + 1, "\n");
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return -1;
}

void hr_cgroup_sample_clear(struct hr_cgroup_sample *s)
{
    *s = (struct hr_cgroup_sample){
        .memory = -1,
        .memory_max = -1,
        .memory_peak = -1,
        .high = -1,
        .max = -1,
        .oom = -1,
        .oom_kills = -1,
        .pids = -1,
        .pids_max = -1,
        .pids_denied = -1,
    };
}

bool hr_cgroup_dies_as_one(const struct hr_cgroup *cg)
{
    return read_number(cg->memory, "memory.oom.group") == 1;
}

int hr_cgroup_read(const struct hr_cgroup *cg, struct hr_cgroup_sample *ret)
{
    char text[FILE_BYTES];
    hr_cgroup_sample_clear(ret);
    ret->memory = read_number(cg->memory, cg->v1 ? "memory.usage_in_bytes" : "memory.current");
    ret->memory_max = read_number(cg->memory, cg->v1 ? "memory.limit_in_bytes" : "memory.max");
    ret->memory_peak =
        read_number(cg->memory, cg->v1 ? "memory.max_usage_in_bytes" : "memory.peak");
    read_file(cg->memory, cg->v1 ? "memory.oom_control" : "memory.events", text, sizeof(text));
    ret->oom_kills = keyed(text, "oom_kill");
    ret->oom = keyed(text, "oom");
    ret->high = keyed(text, "high");
    ret->max = cg->v1 ? read_number(cg->memory, "memory.failcnt") : keyed(text, "max");
    ret->pids = read_number(cg->pids, "pids.current");
    ret->pids_max = read_number(cg->pids, "pids.max");
    read_file(cg->pids, "pids.events", text, sizeof(text));
    ret->pids_denied = keyed(text, "max");
    return ret->memory >= 0 || ret->pids >= 0 ? 0 : -ENOENT;
}

int64_t hr_cgroup_working_set(const struct hr_cgroup *cg, int64_t memory)
{
    char text[STAT_BYTES];
    read_file(cg->memory, "memory.stat", text, sizeof(text));
    int64_t idle = keyed(text, cg->v1 ? "total_inactive_file" : "inactive_file");
    if (memory < 0 || idle < 0)
        return -1;
    return memory > idle ? memory - idle : 0;
}

/* "<quota> <period>", or that in two files; the quota is "max" or -1 for no limit. */
static int64_t limit_millicores(const struct hr_cgroup *cg)
{
    char text[FILE_BYTES];
    int64_t quota = -1, period = -1;
    if (cg->cpu_v1) {
        quota = read_number(cg->cpu, "cpu.cfs_quota_us");
        period = read_number(cg->cpu, "cpu.cfs_period_us");
    } else {
        read_file(cg->cpu, "cpu.max", text, sizeof(text));
        quota = number(text, " ");
        size_t n = strcspn(text, " ");
        period = text[n] ? number(text + n + 1, "\n") : -1;
    }
    return quota >= 0 && quota <= INT64_MAX / 1000 && period > 0 ? quota * 1000 / period : -1;
}

int hr_cgroup_read_cpu(const struct hr_cgroup *cg, struct hr_cgroup_cpu *ret)
{
    char text[FILE_BYTES];
    read_file(cg->cpu, "cpu.stat", text, sizeof(text));
    int64_t used_ns = read_number(cg->cpuacct, "cpuacct.usage");
    int64_t throttled_ns = keyed(text, "throttled_time");
    ret->used_us = cg->cpu_v1 ? (used_ns < 0 ? -1 : used_ns / 1000) : keyed(text, "usage_usec");
    ret->throttled_us =
        cg->cpu_v1 ? (throttled_ns < 0 ? -1 : throttled_ns / 1000) : keyed(text, "throttled_usec");
    ret->periods = keyed(text, "nr_periods");
    ret->throttled = keyed(text, "nr_throttled");
    ret->limit_millicores = limit_millicores(cg);
    return ret->used_us >= 0 ? 0 : -ENOENT;
}

/* The number behind `key` in the line, which has exactly that many decimals, in units of the last
 * of them: "0.12" is 12.  -1 if there is none. */
static int64_t pressure_value(const char *line, size_t n, const char *key, int decimals)
{
    const char *p = memmem(line, n, key, strlen(key));
    const char *end = line + n;
    int after = -1; /* decimals seen; -1: no point yet */
    int64_t v = -1;
    for (p = p ? p + strlen(key) : end; p < end && *p != ' '; p++) {
        if (*p == '.' && after < 0 && v >= 0) {
            after = 0;
            continue;
        }
        if (*p < '0' || *p > '9' || v > INT64_MAX / 100)
            return -1;
        v = (v < 0 ? 0 : v) * 10 + (*p - '0');
        after += after >= 0;
    }
    return (after < 0 ? 0 : after) == decimals ? v : -1;
}

static void take_pressure(struct hr_pressure_line *ret, const char *text, const char *kind)
{
    size_t len = strlen(kind);
    *ret = (struct hr_pressure_line){.avg10_centi = -1, .total_us = -1};
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        if (strncmp(line, kind, len) == 0) {
            ret->avg10_centi = pressure_value(line, n, " avg10=", 2);
            ret->total_us = pressure_value(line, n, " total=", 0);
        }
        line += n;
        line += *line == '\n';
    }
}

int hr_cgroup_read_pressure(const struct hr_cgroup *cg, const char *file, struct hr_pressure *ret)
{
    char text[FILE_BYTES];
    read_file(cg->unified, file, text, sizeof(text));
    take_pressure(&ret->some, text, "some ");
    take_pressure(&ret->full, text, "full ");
    return ret->some.total_us >= 0 ? 0 : -ENOENT;
}
