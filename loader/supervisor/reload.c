/* SPDX-License-Identifier: MIT
 * Reloading the files: the plugins.  See reload.h. */
#include "reload.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/loop/loop.h"
#include "core.h"
#include "loader/config/config_file.h"
#include "loader/config/registry.h"
#include "reload_settings.h"
#include "signals.h"
#include "units.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READ_LIMIT_MS = 10 * 1000, /* for the reader */
    TELL_AGAIN_MS = 1000,      /* after sidecar or server could not be told */
};

enum { AGENT_CONFIG, REGISTRY, FILES };

/* What the files hold.  Static: too large for a stack, and one reload is on at a time. */
static struct hr_config fresh;
static struct {
    struct hr_file_stamp stamps[HR_MAX_PLUGINS]; /* in the order of the plugins */
    ssize_t len[FILES];                          /* bytes, or -errno: it could not be read */
    char text[FILES][HR_CONFIG_FILE_MAX];
} found;
#define FOUND_TEXT offsetof(__typeof__(found), text)

/* ---- reading ------------------------------------------------------------------------------- */

static const char *path_of(const struct hr_config *c, int file)
{
    return file == REGISTRY ? c->registry_path : c->agent_config_path;
}

/* What `fresh` is to be made of. */
static int reread(const struct hr_config *c)
{
    const struct hr_config_text agent_config = {found.text[AGENT_CONFIG], found.len[AGENT_CONFIG]};
    const struct hr_config_text registry = {found.text[REGISTRY], found.len[REGISTRY]};
    memset(&fresh, 0, sizeof(fresh));
    return hr_config_reread(c, &agent_config, &registry, &fresh);
}

/* The child: pass the files on, with what the plugins' files are like.  What is wrong with them is
 * said by the parent, which reads the same text. */
_Noreturn static void read_files(const struct hr_config *c, int to)
{
    struct hr_buf text;
    memset(&found, 0, sizeof(found));
    for (int i = 0; i < FILES; i++) {
        hr_buf_init(&text, HR_CONFIG_FILE_MAX);
        int err = hr_config_file_bytes(path_of(c, i), &text);
        found.len[i] = err ? err : (ssize_t)text.len;
        memcpy(found.text[i], hr_buf_str(&text), text.len);
    }
    hr_log_init("handrail", HR_LOG_NONE);
    if (reread(c) == 0)
        hr_registry_stamp(&fresh);
    for (uint32_t i = 0; i < HR_MAX_PLUGINS; i++)
        found.stamps[i] = fresh.plugins[i].stamp;
    int err = hr_write_all(to, &found, FOUND_TEXT);
    for (int i = 0; i < FILES && !err; i++)
        if (found.len[i] > 0)
            err = hr_write_all(to, found.text[i], (size_t)found.len[i]);
    _exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

int hr_reload_begin(struct hr_supervisor *sup)
{
    struct hr_reload *r = &sup->reload;
    if (sup->phase != HR_RUNNING || !sup->board)
        return -EBUSY;
    if (r->reader || r->tell_sidecar) {
        r->again = true;
        return 0;
    }
    r->fd = memfd_create("handrail-reload", MFD_CLOEXEC);
    pid_t pid = r->fd < 0 ? -1 : fork();
    if (pid == 0) {
        hr_signals_restore(sup->signals);
        read_files(sup->config, r->fd);
    }
    if (pid < 0) {
        int err = -errno;
        hr_error("reload: cannot read %s and %s: %s: nothing is changed",
                 sup->config->agent_config_path, sup->config->registry_path, strerror(-err));
        hr_close(&r->fd);
        return err;
    }
    r->reader = pid;
    hr_loop_arm(sup->loop, &r->limit, READ_LIMIT_MS, 0);
    return 0;
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    const struct hr_supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    if (sup->reload.reader)
        (void)kill(sup->reload.reader, SIGKILL);
}

/* All that the reader has written, into `found`. */
static bool take_found(int fd)
{
    off_t at = FOUND_TEXT;
    if (pread(fd, &found, FOUND_TEXT, 0) != (ssize_t)FOUND_TEXT)
        return false;
    for (int i = 0; i < FILES; i++) {
        if (found.len[i] <= 0)
            continue;
        if (found.len[i] > HR_CONFIG_FILE_MAX ||
            pread(fd, found.text[i], (size_t)found.len[i], at) != found.len[i])
            return false;
        at += found.len[i];
    }
    return true;
}

/* What the reader has to show: 0 and it is in `fresh`, or an exit code of ours after having said
 * why. */
static int take(struct hr_supervisor *sup, int status)
{
    const struct hr_config *c = sup->config;
    int code = 0;
    if (status != 0 || !take_found(sup->reload.fd)) {
        if (WIFSIGNALED(status))
            hr_error("reload: %s and %s could not be read within %d s", c->agent_config_path,
                     c->registry_path, READ_LIMIT_MS / 1000);
        else
            hr_error("reload: %s and %s could not be read: no memory for them",
                     c->agent_config_path, c->registry_path);
        return HR_EXIT_CONFIG;
    }
    for (int i = 0; i < FILES; i++) {
        struct hr_config_file f = {.name = path_of(c, i)};
        if (found.len[i] < 0 && (found.len[i] != -ENOENT || (i == REGISTRY && c->registry))) {
            hr_config_file_unread(&f, (int)found.len[i]);
            code = HR_EXIT_CONFIG;
        }
    }
    int wrong = reread(c); /* also after that: all problems are said in one run */
    if (code && !wrong)
        hr_config_free(&fresh);
    for (uint32_t i = 0; i < fresh.nplugins; i++)
        fresh.plugins[i].stamp = found.stamps[i];
    return code ? code : wrong;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static bool is_same(const struct hr_plugin_config *a, const struct hr_plugin_config *b)
{
    return a->path && b->path && strcmp(a->id, b->id) == 0 && strcmp(a->path, b->path) == 0 &&
           strcmp(a->sha256, b->sha256) == 0 &&
           memcmp(&a->stamp, &b->stamp, sizeof(a->stamp)) == 0 &&
           json_equal(a->config, b->config) && json_equal(a->confinement, b->confinement);
}

static void drop(struct hr_plugin_config *p)
{
    free(p->path);
    json_decref(p->config);
    json_decref(p->confinement);
    *p = (struct hr_plugin_config){.path = NULL};
}

/* The place of that id, or -1. */
static int place_of(const struct hr_config *c, const char *id)
{
    for (uint32_t i = 0; i < c->nplugins; i++)
        if (c->plugins[i].path && strcmp(c->plugins[i].id, id) == 0)
            return (int)i;
    return -1;
}

/* A place for a plugin that has none: an empty one, else a new one, else one whose plugin goes.
 * There is always one, since a registry holds no more plugins than there are places. */
static uint32_t free_place(struct hr_config *c, const bool *taken)
{
    uint32_t i = 0;
    for (i = 0; i < c->nplugins; i++)
        if (!taken[i] && !c->plugins[i].path)
            return i;
    if (c->nplugins < HR_MAX_PLUGINS)
        return c->nplugins++;
    for (i = 0; i < HR_MAX_PLUGINS - 1 && taken[i]; i++)
        ;
    return i;
}

/* Lay the new plugins out over the places; r->next takes them over. */
static void lay_out(struct hr_supervisor *sup)
{
    struct hr_reload *r = &sup->reload;
    struct hr_config *c = sup->config;
    bool taken[HR_MAX_PLUGINS] = {false};
    memset(r->next, 0, sizeof(r->next));
    for (int known = 1; known >= 0; known--) { /* those that have a place first */
        for (uint32_t i = 0; i < fresh.nplugins; i++) {
            int place = fresh.plugins[i].path ? place_of(c, fresh.plugins[i].id) : -1;
            if (!fresh.plugins[i].path || (place >= 0) != (known == 1))
                continue;
            uint32_t at = place >= 0 ? (uint32_t)place : free_place(c, taken);
            taken[at] = true;
            r->next[at] = fresh.plugins[i];
            fresh.plugins[i] = (struct hr_plugin_config){.path = NULL};
        }
    }
}

/* ---- applying ------------------------------------------------------------------------------ */

/* Put what waits into a place whose process is gone. */
static void install(struct hr_supervisor *sup, uint32_t i)
{
    struct hr_reload *r = &sup->reload;
    struct hr_plugin_config *p = &sup->config->plugins[i];
    char name[HR_SERVICE_NAME_MAX] = "";
    int err = 0;
    r->pending[i] = false;
    drop(p);
    *p = r->next[i];
    r->next[i].path = NULL;
    if (p->path) {
        (void)snprintf(name, sizeof(name), "toolhost/%s", p->id);
        err = hr_units_add_toolhost(sup, i);
        if (!err)
            err = hr_handout_toolhost(&sup->handout, sup->config, i);
    }
    if (err) {
        hr_error("reload: plugin %s: %s: it is left out", p->id, strerror(-err));
        drop(p);
        name[0] = '\0';
    }
    if (HR_INDEX_TOOLHOST + i >= sup->nunits)
        return;
    struct hr_service *s = &sup->units[HR_INDEX_TOOLHOST + i].service;
    hr_service_rename(s, name);
    if (p->path)
        hr_service_event(s, HR_EV_RESTART, 0);
}

static void mark_changes(struct hr_supervisor *sup)
{
    struct hr_reload *r = &sup->reload;
    unsigned changed = 0;
    for (uint32_t i = 0; i < sup->config->nplugins; i++) {
        struct hr_plugin_config *p = &sup->config->plugins[i];
        if (is_same(p, &r->next[i])) {
            changed += p->required != r->next[i].required;
            p->required = r->next[i].required;
            drop(&r->next[i]);
            continue;
        }
        if (!p->path && !r->next[i].path)
            continue;
        changed++;
        r->pending[i] = true;
        if (p->path)
            hr_service_event(&sup->units[HR_INDEX_TOOLHOST + i].service, HR_EV_STOP, 0);
    }
    r->tell_sidecar = changed > 0;
    hr_info("reload: %s: %u plugin%s changed", sup->config->registry_path, changed,
            changed == 1 ? "" : "s");
}

/* A file that was there and is gone is like an empty one: a volume may have gone with it. */
static void tell_gone(const struct hr_config *c)
{
    bool was[FILES] = {[AGENT_CONFIG] = c->agent_config};
    for (uint32_t i = 0; i < c->nplugins; i++)
        was[REGISTRY] = was[REGISTRY] || c->plugins[i].path;
    for (int i = 0; i < FILES; i++)
        if (was[i] && found.len[i] == -ENOENT)
            hr_warn("reload: %s is not there any more: going on as without it", path_of(c, i));
}

void hr_reload_ended(struct hr_supervisor *sup, pid_t pid, int status)
{
    struct hr_reload *r = &sup->reload;
    if (!r->reader || pid != r->reader)
        return;
    r->reader = 0;
    ev_timer_stop(sup->loop, &r->limit);
    if (sup->phase != HR_RUNNING) { /* a stop has overtaken it */
        hr_close(&r->fd);
        return;
    }
    int code = take(sup, status);
    hr_close(&r->fd);
    if (code) {
        hr_error("reload: nothing is changed: settings and the present plugins stay");
    } else {
        tell_gone(sup->config);
        hr_reload_settings(sup, &fresh);
        lay_out(sup);
        mark_changes(sup);
        hr_config_free(&fresh); /* what was not taken over */
    }
    hr_reload_advance(sup);
}

/* The first tools there are, or the last ones that were: the server's next conversations find them,
 * or no empty offer.  0, or -errno. */
static int offer_tools(struct hr_supervisor *sup)
{
    char url[HR_URL_TEXT];
    bool any = false;
    for (uint32_t i = 0; i < sup->config->nplugins; i++)
        any = any || sup->config->plugins[i].path;
    if (any == (sup->ambient.path[0] != '\0'))
        return 0;
    hr_handout_url(&sup->handout, url);
    return any ? hr_ambient_write_apart(&sup->ambient, url, sup->handout.mcp_token)
               : hr_ambient_remove_apart(&sup->ambient);
}

/* Is a place still to be emptied?  An order may have started its process anew meanwhile. */
static bool is_waiting(struct hr_supervisor *sup, uint32_t i)
{
    struct hr_service *s = &sup->units[HR_INDEX_TOOLHOST + i].service;
    if (!sup->reload.pending[i])
        return false;
    if (HR_INDEX_TOOLHOST + i < sup->nunits)
        hr_service_event(s, HR_EV_STOP, 0);
    if (HR_INDEX_TOOLHOST + i < sup->nunits && s->pub.pid)
        return true;
    install(sup, i);
    return false;
}

/* It reads its settings when it starts; while it runs it is sent them. */
static int tell_sidecar(struct hr_supervisor *sup)
{
    struct hr_unit *sidecar = &sup->units[HR_INDEX_SIDECAR];
    int err = hr_handout_sidecar(&sup->handout, sup->config);
    if (!err && sup->config->stdio) /* it gets no other orders: older ones, unread, say less */
        hr_unit_drop_orders(sidecar);
    if (!err)
        err = hr_order_send(sidecar->notify[0], "PLUGINS", sup->handout.sidecar_settings_fd);
    return err;
}

/* Everybody whom it concerns; one of them twice does no harm. */
static void tell(struct hr_supervisor *sup)
{
    ev_timer *again = &sup->reload.untold;
    int unoffered = sup->config->stdio ? 0 : offer_tools(sup);
    int untold = tell_sidecar(sup);
    if (unoffered && !ev_is_active(again))
        hr_error("reload: the server cannot be told of the native tools: %s: trying again every "
                 "%d ms",
                 strerror(-unoffered), TELL_AGAIN_MS);
    if (untold && !ev_is_active(again))
        hr_error("reload: cannot tell the sidecar: %s: it keeps the plugins it knows; trying again "
                 "every %d ms",
                 strerror(-untold), TELL_AGAIN_MS);
    if (!unoffered && !untold)
        ev_timer_stop(sup->loop, again);
    else if (!ev_is_active(again))
        hr_loop_arm(sup->loop, again, TELL_AGAIN_MS, TELL_AGAIN_MS);
}

static void on_untold(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)revents;
    if (sup->phase == HR_RUNNING)
        tell(sup);
    else
        ev_timer_stop(loop, w);
}

void hr_reload_advance(struct hr_supervisor *sup)
{
    struct hr_reload *r = &sup->reload;
    bool waiting = false;
    if (sup->phase != HR_RUNNING || r->reader)
        return;
    for (uint32_t i = 0; i < sup->config->nplugins; i++)
        waiting = is_waiting(sup, i) || waiting;
    if (waiting)
        return;
    if (r->tell_sidecar) {
        r->tell_sidecar = false;
        tell(sup);
    }
    if (r->again) {
        r->again = false;
        (void)hr_reload_begin(sup);
    }
}

void hr_reload_init(struct hr_supervisor *sup)
{
    sup->reload.fd = -1;
    ev_init(&sup->reload.limit, on_limit);
    ev_init(&sup->reload.untold, on_untold);
    sup->reload.limit.data = sup->reload.untold.data = sup;
}
