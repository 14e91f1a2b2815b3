/* SPDX-License-Identifier: MIT
 * handrail plugin check: what can only be seen from inside the process.  The case's own process is
 * made into a toolhost that serves nobody: confined, with the plugin loaded. */
#include "check.h"
#include "common/confinement.h"
#include "inside.h"
#include "loader/plugin_file/judge.h"
#include "loader/toolhost/confine.h"
#include "loader/toolhost/host.h"
#include "loader/toolhost/load.h"
#include "loader/toolhost/plugin_config.h"
#include "loader/toolhost/serve.h"

#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void ignore_problem(void *arg, const char *pointer, const char *expected, const json_t *came)
{
    (void)arg;
    (void)pointer;
    (void)expected;
    (void)came;
}

/* Open the file and confine the process, as the toolhost does.  false after having said why not. */
static bool prepare_here(struct hr_check *c, struct hr_plugin_file *file)
{
    const struct hr_target *t = c->target;
    struct hr_why why = {{0}};
    struct hr_confinement confinement;
    int err = hr_plugin_open(t->id, t->path, t->sha256[0] ? t->sha256 : NULL, file, &why);
    if (!err && hr_serve_init())
        err = hr_refuse(&why, "cannot be prepared for");
    hr_host_init(t->id, HANDRAIL_ABI_MINOR);
    if (!err && hr_confinement_read(t->confinement, ignore_problem, NULL, &confinement) == 0 &&
        hr_confine_apply(&confinement, NULL, t->path, &why))
        err = -EINVAL;
    if (err)
        (void)hr_barred(c, "it does not start: ", why.text);
    return !err;
}

static bool load_here(struct hr_check *c, struct hr_plugin_file *file, struct hr_plugin *ret)
{
    struct hr_why why = {{0}};
    if (!prepare_here(c, file))
        return false;
    if (hr_plugin_load(c->target->id, c->target->path, file, ret, &why) == 0 &&
        hr_plugin_config_check(ret, c->target->config, &why) == 0)
        return true;
    (void)hr_barred(c, "it does not start: ", why.text);
    return false;
}

/* One life of an instance.  false after having said why not. */
static bool create_once(struct hr_check *c, struct hr_plugin *p, const char *config)
{
    struct hr_why why = {{0}};
    p->self = NULL;
    if (hr_plugin_create(p, config, strlen(config), &why)) {
        (void)hr_barred(c, "it does not start: ", why.text);
        return false;
    }
    if (p->api.destroy)
        p->api.destroy(p->self);
    return true;
}

static char *config_of(const struct hr_check *c)
{
    return json_dumps(c->target->config, JSON_COMPACT);
}

bool hr_inside_create(struct hr_check *c, struct hr_plugin *ret)
{
    struct hr_plugin_file file;
    struct hr_why why = {{0}};
    if (!load_here(c, &file, ret))
        return false;
    char *config = config_of(c);
    int code = config ? hr_plugin_create(ret, config, strlen(config), &why)
                      : hr_refuse(&why, "there is no memory to create it");
    free(config);
    if (code)
        (void)hr_barred(c, "it does not start: ", why.text);
    return code == 0;
}

long hr_inside_threads_after(long before)
{
    long n = hr_run_count("/proc/self/task");
    for (int i = 0; i < 200 && n > before; i++) {
        (void)poll(NULL, 0, 5);
        n = hr_run_count("/proc/self/task");
    }
    return n;
}

static enum hr_verdict entry_same(struct hr_check *c)
{
    struct hr_plugin_file file;
    struct hr_plugin p;
    const handrail_plugin *(*entry)(void) = NULL;
    if (!load_here(c, &file, &p))
        return HR_CASE_FAILED;
    void *dl = dlopen(*file.load_path ? file.load_path : c->target->path, RTLD_NOW | RTLD_NOLOAD);
    void *symbol = dl ? dlsym(dl, "handrail_plugin_v1") : NULL;
    if (!symbol)
        return hr_found(c, HR_CASE_SKIPPED, "it cannot be asked a second time");
    memcpy(&entry, &symbol, sizeof(entry));
    const handrail_plugin *first = entry();
    const handrail_plugin *second = entry();
    if (first != second)
        return hr_found(
            c, HR_CASE_FAILED,
            "it answers another pointer each time: return the address of constant data");
    return HR_CASE_OK;
}

static enum hr_verdict create_destroy(struct hr_check *c)
{
    enum { TIMES = 100 };
    struct hr_plugin_file file;
    struct hr_plugin p;
    if (!load_here(c, &file, &p))
        return HR_CASE_FAILED;
    char *config = config_of(c);
    if (!create_once(c, &p, config))
        return HR_CASE_FAILED;
    long fds = hr_run_count("/proc/self/fd");
    long threads = hr_run_count("/proc/self/task");
    for (int i = 0; i < TIMES; i++)
        if (!create_once(c, &p, config))
            return HR_CASE_FAILED;
    long more_fds = hr_run_count("/proc/self/fd") - fds;
    long more_threads = hr_inside_threads_after(threads) - threads;
    if (more_fds > 0)
        return hr_found(c, HR_CASE_FAILED,
                        "%ld descriptors are left open after %d times: close them in "
                        "destroy()",
                        more_fds, TIMES);
    if (more_threads > 0)
        return hr_found(c, HR_CASE_FAILED,
                        "%ld threads are left after %d times: join them in destroy()", more_threads,
                        TIMES);
    return HR_CASE_OK;
}

static enum hr_verdict create_memory(struct hr_check *c)
{
    enum { WARM_UP = 50, TIMES = 500, TOLERATED = 8 };
    struct hr_plugin_file file;
    struct hr_plugin p;
    if (!load_here(c, &file, &p))
        return HR_CASE_FAILED;
    char *config = config_of(c);
    size_t before = 0;
    for (int i = 0; i < WARM_UP + TIMES; i++) {
        if (i == WARM_UP)
            before = mallinfo2().uordblks + mallinfo2().hblkhd;
        if (!create_once(c, &p, config))
            return HR_CASE_FAILED;
    }
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    if (after > before && (after - before) / TIMES >= TOLERATED)
        return hr_found(c, HR_CASE_FAILED,
                        "each create() and destroy() leaves %zu bytes behind: free in destroy() "
                        "what create() took",
                        (after - before) / TIMES);
    return HR_CASE_OK;
}

/* What a process has once, and its plugin must leave alone. */
struct state {
    struct sigaction actions[32];
    sigset_t mask;
    char cwd[512];
    char locale_name[128];
    mode_t umask;
    struct stat standard[3];
    size_t environment; /* bytes of all variables */
};

static void take_state(struct state *s)
{
    memset(s, 0, sizeof(*s));
    for (int i = 1; i < 32; i++)
        (void)sigaction(i, NULL, &s->actions[i]);
    (void)sigprocmask(SIG_SETMASK, NULL, &s->mask);
    if (!getcwd(s->cwd, sizeof(s->cwd)))
        s->cwd[0] = '\0';
    (void)snprintf(s->locale_name, sizeof(s->locale_name), "%s", setlocale(LC_ALL, NULL));
    s->umask = umask(0);
    (void)umask(s->umask);
    for (int i = 0; i < 3; i++)
        (void)fstat(i, &s->standard[i]);
    for (char **e = environ; e && *e; e++)
        s->environment += strlen(*e) + 1;
}

static const char *what_differs(const struct state *a, const struct state *b)
{
    for (int i = 1; i < 32; i++)
        if (a->actions[i].sa_handler != b->actions[i].sa_handler)
            return "a signal's handler";
    for (int i = 1; i < 32; i++)
        if (sigismember(&a->mask, i) != sigismember(&b->mask, i))
            return "the signal mask";
    for (int i = 0; i < 3; i++)
        if (a->standard[i].st_ino != b->standard[i].st_ino ||
            a->standard[i].st_dev != b->standard[i].st_dev)
            return "standard input, output or error";
    if (strcmp(a->cwd, b->cwd) != 0)
        return "the working directory";
    if (strcmp(a->locale_name, b->locale_name) != 0)
        return "the locale";
    if (a->environment != b->environment)
        return "the environment";
    return a->umask != b->umask ? "the umask" : NULL;
}

static enum hr_verdict process_state(struct hr_check *c)
{
    struct hr_plugin_file file;
    struct hr_plugin p;
    struct hr_why why = {{0}};
    static struct state before;
    static struct state after;
    if (!prepare_here(c, &file))
        return HR_CASE_FAILED;
    char *config = config_of(c);
    take_state(&before);
    if (hr_plugin_load(c->target->id, c->target->path, &file, &p, &why))
        return hr_barred(c, "it does not start: ", why.text);
    if (!create_once(c, &p, config))
        return HR_CASE_FAILED;
    take_state(&after);
    const char *what = what_differs(&before, &after);
    return what ? hr_found(c, HR_CASE_FAILED, "it changes %s, which belongs to the whole process",
                           what)
                : HR_CASE_OK;
}

static enum hr_verdict descriptor_unchanged(struct hr_check *c)
{
    struct hr_plugin_file file;
    struct hr_plugin p;
    struct hr_plugin again;
    struct hr_why why = {{0}};
    if (!load_here(c, &file, &p))
        return HR_CASE_FAILED;
    char *config = config_of(c);
    if (!create_once(c, &p, config))
        return HR_CASE_FAILED;
    if (hr_plugin_load(c->target->id, c->target->path, &file, &again, &why))
        return hr_found(c, HR_CASE_FAILED, "after create() its descriptor %s", why.text);
    if (p.ntools != again.ntools || p.tools_json.len != again.tools_json.len ||
        memcmp(p.tools_json.data, again.tools_json.data, p.tools_json.len) != 0)
        return hr_found(c, HR_CASE_FAILED,
                        "create() changes what its tools are: they are constant");
    return HR_CASE_OK;
}

const struct hr_case hr_cases_inside[] = {
    {"entry-same", "its entry always answers the same pointer", entry_same},
    {"descriptor-unchanged", "its descriptor is the same after create()", descriptor_unchanged},
    {"create-destroy", "create() and destroy() leave no descriptor and no thread", create_destroy},
    {"create-memory", "create() and destroy() leave no memory", create_memory},
    {"process-state", "it leaves signals, working directory, locale and the like alone",
     process_state},
};
const size_t hr_ncases_inside = sizeof(hr_cases_inside) / sizeof(hr_cases_inside[0]);
