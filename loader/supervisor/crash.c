/* SPDX-License-Identifier: MIT
 * Crash reports.  See crash.h. */
#include "crash.h"

#include "common/clock.h"
#include "common/json_out.h"
#include "common/wall_text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Number n is at n % HR_CRASHES_MAX. */
static struct hr_crash kept[HR_CRASHES_MAX];
static uint64_t latest;

struct hr_crash *hr_crash_new(void)
{
    struct hr_crash *c = &kept[++latest % HR_CRASHES_MAX];
    memset(c, 0, offsetof(struct hr_crash, output));
    c->number = latest;
    c->wall_ms = hr_wall_ms();
    c->mono_ms = hr_now_ms();
    c->nsockets = c->nleft = -1;
    hr_cgroup_sample_clear(&c->before);
    hr_cgroup_sample_clear(&c->after);
    return c;
}

const struct hr_crash *hr_crash_get(uint64_t number)
{
    const struct hr_crash *c = &kept[number % HR_CRASHES_MAX];
    return number && c->number == number ? c : NULL;
}

static int64_t milliseconds(const struct timeval *t)
{
    return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

void hr_crash_set_rusage(struct hr_crash *c, const struct rusage *u)
{
    c->user_ms = milliseconds(&u->ru_utime);
    c->system_ms = milliseconds(&u->ru_stime);
    c->maxrss_kb = u->ru_maxrss;
    c->minor_faults = u->ru_minflt;
    c->major_faults = u->ru_majflt;
    c->voluntary_switches = u->ru_nvcsw;
    c->involuntary_switches = u->ru_nivcsw;
}

void hr_crash_look(struct hr_crash *c, const struct hr_cgroup *cg, struct hr_sockets *s,
                   const pid_t *skip, size_t nskip)
{
    (void)hr_cgroup_read(cg, &c->after);
    int n = hr_sockets_listening(s, c->sockets, HR_CRASH_SOCKETS);
    c->nsockets = n < 0 ? -1 : n;
    n = hr_proc_children(getpid(), skip, nskip, c->left, HR_CRASH_LEFT);
    c->nleft = n < 0 ? -1 : n;
}

int64_t hr_crash_oom_kills(const struct hr_crash *c)
{
    if (c->before.oom_kills < 0 || c->after.oom_kills < c->before.oom_kills)
        return -1;
    return c->after.oom_kills - c->before.oom_kills;
}

void hr_crash_summary(const struct hr_crash *c, struct hr_board_crash *ret)
{
    *ret = (struct hr_board_crash){
        .number = c->number,
        .status = c->status,
        .life = c->life,
        .pid = c->pid,
        .core = WIFSIGNALED(c->status) && WCOREDUMP(c->status),
        .wall_ms = c->wall_ms,
        .mono_ms = c->mono_ms,
        .uptime_ms = c->uptime_ms,
        .user_ms = c->user_ms,
        .system_ms = c->system_ms,
        .maxrss_kb = c->maxrss_kb,
        .oom_kills = hr_crash_oom_kills(c),
    };
    memcpy(ret->service, c->service, sizeof(ret->service));
    memcpy(ret->reason, c->reason, sizeof(ret->reason));
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_string(struct hr_json_out *w, const char *key, const char *s)
{
    hr_json_out_key(w, key);
    hr_json_out_string(w, s);
}

static void put_int(struct hr_json_out *w, const char *key, int64_t v)
{
    hr_json_out_key(w, key);
    hr_json_out_int(w, v);
}

static void put_seconds(struct hr_json_out *w, const char *key, int64_t ms)
{
    hr_json_out_key(w, key);
    hr_json_out_seconds(w, ms);
}

static void put_null(struct hr_json_out *w, const char *key)
{
    hr_json_out_key(w, key);
    hr_json_out_null(w);
}

/* -1: not known. */
static void put_known(struct hr_json_out *w, const char *key, int64_t v)
{
    if (v < 0)
        put_null(w, key);
    else
        put_int(w, key, v);
}

static void put_time(struct hr_json_out *w, const char *key, int64_t ms)
{
    char text[HR_WALL_TEXT];
    hr_wall_text(ms, text);
    put_string(w, key, text);
}

/* Not strsignal(), whose words depend on the C library. */
static const char *signal_name(int sig, char room[16])
{
    static const struct {
        int sig;
        const char *name;
    } names[] = {
        {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
        {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
        {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
        {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"},
        {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].sig == sig)
            return names[i].name;
    (void)snprintf(room, 16, "signal %d", sig);
    return room;
}

static void put_end(struct hr_json_out *w, int status)
{
    char room[16];
    put_int(w, "wait_status", status);
    if (WIFSIGNALED(status)) {
        put_null(w, "exit_code");
        put_int(w, "signal", WTERMSIG(status));
        put_string(w, "signal_name", signal_name(WTERMSIG(status), room));
    } else {
        put_int(w, "exit_code", WEXITSTATUS(status));
        put_null(w, "signal");
        put_null(w, "signal_name");
    }
    hr_json_out_key(w, "core_dumped");
    hr_json_out_bool(w, WIFSIGNALED(status) && WCOREDUMP(status));
}

static void put_rusage(struct hr_json_out *w, const struct hr_crash *c)
{
    hr_json_out_key(w, "rusage");
    hr_json_out_begin(w, '{');
    put_seconds(w, "user_seconds", c->user_ms);
    put_seconds(w, "system_seconds", c->system_ms);
    put_int(w, "maxrss_bytes", c->maxrss_kb * 1024);
    put_int(w, "minor_faults", c->minor_faults);
    put_int(w, "major_faults", c->major_faults);
    put_int(w, "voluntary_switches", c->voluntary_switches);
    put_int(w, "involuntary_switches", c->involuntary_switches);
    hr_json_out_end(w);
}

static void put_cgroup(struct hr_json_out *w, const char *key, const struct hr_cgroup_sample *s)
{
    hr_json_out_key(w, key);
    hr_json_out_begin(w, '{');
    put_known(w, "memory_bytes", s->memory);
    put_known(w, "memory_max_bytes", s->memory_max);
    put_known(w, "memory_peak_bytes", s->memory_peak);
    put_known(w, "high_events", s->high);
    put_known(w, "max_events", s->max);
    put_known(w, "oom_events", s->oom);
    put_known(w, "oom_kills", s->oom_kills);
    put_known(w, "pids", s->pids);
    put_known(w, "pids_max", s->pids_max);
    put_known(w, "pids_denied", s->pids_denied);
    hr_json_out_end(w);
}

static void put_sockets(struct hr_json_out *w, const struct hr_crash *c)
{
    if (c->nsockets < 0) {
        put_null(w, "listening");
        return;
    }
    hr_json_out_key(w, "listening");
    hr_json_out_begin(w, '[');
    for (int i = 0; i < c->nsockets; i++) {
        hr_json_out_begin(w, '{');
        put_string(w, "address", c->sockets[i].address);
        put_int(w, "port", c->sockets[i].port);
        put_int(w, "uid", c->sockets[i].uid);
        hr_json_out_key(w, "inode");
        hr_json_out_uint(w, c->sockets[i].inode);
        hr_json_out_end(w);
    }
    hr_json_out_end(w);
}

static void put_left(struct hr_json_out *w, const struct hr_crash *c)
{
    put_known(w, "left_total", c->nleft);
    if (c->nleft < 0) {
        put_null(w, "left");
        return;
    }
    hr_json_out_key(w, "left");
    hr_json_out_begin(w, '[');
    for (int i = 0; i < c->nleft && i < HR_CRASH_LEFT; i++) {
        hr_json_out_begin(w, '{');
        put_int(w, "pid", c->left[i].pid);
        put_int(w, "ppid", c->left[i].ppid);
        hr_json_out_key(w, "state");
        hr_json_out_bytes(w, &c->left[i].state, 1);
        put_string(w, "name", c->left[i].comm);
        hr_json_out_end(w);
    }
    hr_json_out_end(w);
}

static void put_crash(struct hr_json_out *w, const struct hr_crash *c, bool with_output)
{
    hr_json_out_begin(w, '{');
    hr_json_out_key(w, "number");
    hr_json_out_uint(w, c->number);
    put_string(w, "service", c->service);
    put_time(w, "time", c->wall_ms);
    put_seconds(w, "wall_seconds", c->wall_ms);
    put_seconds(w, "monotonic_seconds", c->mono_ms);
    put_string(w, "reason", c->reason);
    put_int(w, "pid", c->pid);
    put_int(w, "life", c->life);
    put_int(w, "failures", c->failures);
    put_seconds(w, "uptime_seconds", c->uptime_ms);
    put_end(w, c->status);
    put_rusage(w, c);
    put_cgroup(w, "cgroup_before", &c->before);
    put_cgroup(w, "cgroup_after", &c->after);
    put_known(w, "oom_kills", hr_crash_oom_kills(c));
    put_sockets(w, c);
    put_left(w, c);
    put_int(w, "output_bytes", (int64_t)c->output_len);
    hr_json_out_key(w, "output_lost_bytes");
    hr_json_out_uint(w, c->output_lost);
    if (with_output) {
        hr_json_out_key(w, "output");
        hr_json_out_bytes(w, c->output, c->output_len);
    }
    hr_json_out_end(w);
}

int hr_crash_json(const struct hr_crash *c, int fd, bool with_output)
{
    struct hr_json_out w;
    hr_json_out_init(&w, fd);
    put_crash(&w, c, with_output);
    return hr_json_out_finish(&w);
}

int hr_crash_list_json(int fd)
{
    struct hr_json_out w;
    const struct hr_crash *c = NULL;
    hr_json_out_init(&w, fd);
    hr_json_out_begin(&w, '[');
    for (uint64_t number = latest; (c = hr_crash_get(number)); number--)
        put_crash(&w, c, false);
    hr_json_out_end(&w);
    return hr_json_out_finish(&w);
}
