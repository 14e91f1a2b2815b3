/* SPDX-License-Identifier: MIT
 * Confining this process.  See confine.h. */
#include "confine.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LANDLOCK_TRUNCATION = 3 };         /* the ABI that asks who truncates */
enum { STATM_MAX = 256, STATM_DATA = 5 }; /* bytes of /proc/self/statm; the field, from 0 */

static const rlim_t MIB = (rlim_t)1024 * 1024;

static json_t *report; /* see confine.h */

json_t *hr_confine_report(void)
{
    return report;
}

/* Bytes that count against RLIMIT_DATA now.  0 without /proc. */
static rlim_t data_in_use(void)
{
    struct hr_buf text;
    hr_buf_init(&text, STATM_MAX);
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? -errno : hr_read_fd(fd, &text);
    hr_close(&fd);
    const char *at = hr_buf_str(&text);
    for (int field = 0; !err && field < STATM_DATA && at; field++)
        at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
    rlim_t pages = !err && at ? strtoul(at, NULL, 10) : 0;
    hr_buf_free(&text);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Set a limit, soft and hard, as far as the hard one that is there allows.  0 or -errno. */
static int limit(__rlimit_resource_t what, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(what, &now) < 0)
        return -errno;
    if (now.rlim_max > most)
        now.rlim_max = most;
    now.rlim_cur = now.rlim_max;
    return setrlimit(what, &now) < 0 ? -errno : 0;
}

/* Not RLIMIT_AS: address space that is only reserved, as threads, JITs and sanitizers do, costs
 * nothing.  Not RLIMIT_NPROC: it counts a user's threads over all containers of the machine. */
static int limit_resources(const struct hr_confinement *c)
{
    int err = limit(RLIMIT_CORE, 0);
    if (!err)
        err = limit(RLIMIT_NOFILE, (rlim_t)c->open_files);
    if (!err && c->memory_mib)
        err = limit(RLIMIT_DATA, data_in_use() + (rlim_t)c->memory_mib * MIB);
    if (!err && c->file_mib)
        err = limit(RLIMIT_FSIZE, (rlim_t)c->file_mib * MIB);
    if (!err && c->cpu_seconds)
        err = limit(RLIMIT_CPU, (rlim_t)c->cpu_seconds);
    return err;
}

/* Of root's powers keep those over files, which Landlock bounds; a user has none to drop. */
static int drop_capabilities(void)
{
    static const uint32_t kept =
        1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER | 1U << CAP_FSETID;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &head, data) < 0)
        return -errno;
    data[0].permitted &= kept;
    data[0].effective &= kept;
    data[0].inheritable = 0;
    data[1] = (struct __user_cap_data_struct){0};
    return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

/* No right that a program's file could bring, none of root's, and nobody who looks at our memory:
 * the plugin's settings can hold credentials. */
static int give_up_rights(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return drop_capabilities();
}

static int set_variables(const json_t *variables)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach ((json_t *)(uintptr_t)variables, name, value)
        if (!json_is_string(value) || setenv(name, json_string_value(value), 1) < 0)
            return -EINVAL;
    return 0;
}

/* Always HR_EXIT_TEMPFAIL. */
static int cannot_now(struct hr_why *why, int err)
{
    (void)hr_refuse(why, "its process cannot be confined: %s", strerror(-err));
    return HR_EXIT_TEMPFAIL;
}

/* Everything that any kernel has. */
static int prepare(const struct hr_confinement *c, const json_t *variables, struct hr_why *why)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    int err = chdir(c->working_directory) < 0 ? -errno : 0;
    if (err && !hr_error_passes(-err)) {
        (void)hr_refuse(why,
                        "its working_directory %.700s: %s: correct it in its confinement in the "
                        "tool registry",
                        c->working_directory, strerror(-err));
        return HR_EXIT_CONFIG;
    }
    if (!err)
        err = set_variables(variables);
    /* A file that grows too large is an error for who writes it, not a death. */
    if (!err && sigaction(SIGXFSZ, &ignore, NULL) < 0)
        err = -errno;
    if (!err && c->nice && setpriority(PRIO_PROCESS, 0, (int)c->nice) < 0)
        err = -errno;
    if (!err)
        err = limit_resources(c);
    if (!err)
        err = give_up_rights();
    return err ? cannot_now(why, err) : 0;
}

/* One thing that was to be kept from the plugin: enforced, or missing with a reason. */
static void note(const char *name, bool wanted, bool enforced, const char *reason)
{
    if (!wanted)
        return;
    if (enforced)
        (void)json_array_append_new(json_object_get(report, "enforced"), json_string(name));
    else
        (void)json_object_set_new(json_object_get(report, "missing"), name, json_string(reason));
}

static void note_all(const struct hr_confinement *c, int abi, int filter_err)
{
    char landlock[128];
    char seccomp[128];
    bool filter = filter_err == 0;
    if (abi < 0)
        (void)snprintf(landlock, sizeof(landlock), "no Landlock here: %s", strerror(-abi));
    else
        (void)snprintf(landlock, sizeof(landlock), "Landlock here is of ABI %d, which lacks it",
                       abi);
    (void)snprintf(seccomp, sizeof(seccomp), "no seccomp filter here: %s", strerror(-filter_err));

    note("rights", true, true, NULL);
    note("limits", true, true, NULL);
    note("files", true, abi >= 1, landlock);
    note("truncate", true, abi >= (filter ? 1 : LANDLOCK_TRUNCATION), landlock);
    note("syscalls", true, filter, seccomp);
    note("network", !c->network, filter, seccomp);
    note("tcp_ports", c->network, abi >= 4, landlock);
    note("unix_sockets", true, filter, seccomp);
    note("exec", !c->exec, filter, seccomp);
    note("signals", true, c->exec ? abi >= 6 : filter, c->exec ? landlock : seccomp);
    if (abi >= 1)
        (void)json_object_set_new(report, "landlock_abi", json_integer(abi));
}

/* HR_EXIT_CONFIG if something is missing that must not be. */
static int judge(const struct hr_confinement *c, struct hr_why *why)
{
    json_t *missing = json_object_get(report, "missing");
    const char *name = json_object_iter_key(json_object_iter(missing));
    if (!c->required || !name)
        return 0;
    (void)hr_refuse(why,
                    "its confinement is required, and \"%s\" cannot be enforced (%s): run it where "
                    "the kernel and the container's seccomp profile allow that, or take "
                    "\"required\" out of its confinement in the tool registry",
                    name, json_string_value(json_object_get(missing, name)));
    return HR_EXIT_CONFIG;
}

int hr_confine_apply(const struct hr_confinement *c, const json_t *variables, const char *path,
                     struct hr_why *why)
{
    report = json_pack("{s:[], s:{}}", "enforced", "missing");
    if (!report)
        return cannot_now(why, -ENOMEM);
    int code = prepare(c, variables, why);
    if (code)
        return code;
    int abi = hr_confine_files(c, path);
    int err = hr_confine_syscalls(c, abi < 1 || abi >= LANDLOCK_TRUNCATION, why);
    if (err == -EINVAL)
        return HR_EXIT_CONFIG;
    /* What this kernel lacks is reported, and the plugin runs; what fails at this moment only must
     * not leave it unconfined for all its life. */
    if (hr_error_passes(-abi))
        return cannot_now(why, abi);
    if (hr_error_passes(-err))
        return cannot_now(why, err);
    note_all(c, abi, err);
    return judge(c, why);
}
