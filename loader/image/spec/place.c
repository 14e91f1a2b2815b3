/* SPDX-License-Identifier: MIT
 * What a specification is held against.  See spec.h and judge.h. */
#include "judge.h"

#include "common/cgroup.h"
#include "common/sockets.h"
#include "loader/plugin_file/descriptor.h"
#include "loader/plugin_file/file.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

void hr_spec_place_init(struct hr_spec_place *p, bool running)
{
    *p = (struct hr_spec_place){
        .running = running, .memory = -1, .millicores = -1, .uid = -1, .nlistening = -1};
}

void hr_spec_plain_name(char *name)
{
    for (; *name; name++) {
        if (*name == '-' || *name == '.')
            *name = '_';
        else
            *name = (char)tolower((unsigned char)*name);
    }
}

/* ---- what is offered ------------------------------------------------------------------------- */

static int offer(json_t *offered, const char *name)
{
    char plain[HR_SPEC_NAME_BYTES];
    (void)snprintf(plain, sizeof(plain), "%s", name);
    hr_spec_plain_name(plain);
    return json_object_set_new(offered, plain, json_true());
}

/* "com.example.data-analysis": that, and "data-analysis". */
static int offer_plugin(json_t *offered, const char *id)
{
    const char *dot = strrchr(id, '.');
    int err = offer(offered, id);
    return err || !dot ? err : offer(offered, dot + 1);
}

/* A file that is no plugin, or hides what is in it, adds nothing: others complain about that. */
static int offer_file(json_t *offered, const struct hr_plugin_config *plugin)
{
    static struct hr_descriptor d;
    struct hr_plugin_file file;
    struct hr_elf e;
    struct hr_why why;
    const char *wrong = NULL;
    int err = 0;
    if (hr_plugin_file_open(plugin->path, plugin->sha256[0] ? plugin->sha256 : NULL, &file, &why))
        return 0;
    if (!hr_elf_read(file.bytes, file.len, &e, &wrong) && e.is_native &&
        !hr_descriptor_read(&e, &d)) {
        if (d.plugin.id)
            err |= offer_plugin(offered, d.plugin.id);
        for (size_t i = 0; i < d.ntools; i++)
            if (d.tools[i].name)
                err |= offer(offered, d.tools[i].name);
    }
    hr_plugin_file_close(&file);
    return err;
}

json_t *hr_spec_offered(const struct hr_config *c)
{
    json_t *offered = json_object();
    int err = offered ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < c->nplugins && !err; i++) {
        err = offer_plugin(offered, c->plugins[i].id);
        if (!err)
            err = offer_file(offered, &c->plugins[i]);
    }
    if (!err)
        return offered;
    json_decref(offered);
    return NULL;
}

/* ---- the container --------------------------------------------------------------------------- */

static int64_t processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) ? -1 : CPU_COUNT(&set);
}

/* Its limits; where it has none, what the machine has. */
static void look_at_limits(struct hr_spec_place *p)
{
    struct hr_cgroup cgroup;
    struct hr_cgroup_sample sample;
    struct hr_cgroup_cpu cpu;
    int64_t pages = sysconf(_SC_PHYS_PAGES);
    int64_t page = sysconf(_SC_PAGESIZE);
    int64_t n = processors();
    p->memory = pages > 0 && page > 0 ? pages * page : -1;
    p->millicores = n > 0 ? n * 1000 : -1;
    (void)hr_cgroup_open(&cgroup, "");
    if (!hr_cgroup_read(&cgroup, &sample) && sample.memory_max >= 0 &&
        (p->memory < 0 || sample.memory_max < p->memory))
        p->memory = sample.memory_max;
    if (!hr_cgroup_read_cpu(&cgroup, &cpu) && cpu.limit_millicores >= 0 &&
        (p->millicores < 0 || cpu.limit_millicores < p->millicores))
        p->millicores = cpu.limit_millicores;
    hr_cgroup_close(&cgroup);
}

int hr_spec_look_at_folder(const char *folder, int64_t *ret_bytes)
{
    struct statvfs fs;
    *ret_bytes = statvfs(folder, &fs) ? -1 : (int64_t)(fs.f_blocks * fs.f_frsize);
    return access(folder, R_OK | W_OK | X_OK) ? errno : 0;
}

static void look_at_sockets(struct hr_spec_place *p)
{
    static struct hr_socket found[HR_SPEC_LISTENING_MAX];
    struct hr_sockets sockets;
    (void)hr_sockets_open(&sockets); /* it can be asked all the same */
    int n = hr_sockets_listening(&sockets, found, HR_SPEC_LISTENING_MAX);
    hr_sockets_close(&sockets);
    for (int i = 0; i < n; i++)
        p->listening[i] = found[i].port;
    /* Of more of them than that, the one that is missing may be among the rest. */
    p->nlistening = n < HR_SPEC_LISTENING_MAX ? n : -1;
}

void hr_spec_look(struct hr_spec_place *p)
{
    look_at_limits(p);
    look_at_sockets(p);
    p->uid = geteuid();
}
