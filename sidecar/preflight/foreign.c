/* SPDX-License-Identifier: MIT
 * The user's MCP servers.  See foreign.h.
 *
 * The child sends one packet for each server: file, name and URL, each with its NUL. */
#include "foreign.h"

#include "common/fd.h"
#include "common/log.h"
#include "sidecar/aside/aside.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TIMEOUT_MS = 1000,
    FIRST_MS = 10 * 1000,
    AGAIN_MS = 60 * 1000,
    FILES_MS = 5 * 1000,
    MISSES_TO_SAY = 2,
    FILE_TEXT = 512, /* bytes of a file's name, as shown */
    NAME_TEXT = 96,
    SHOWN_TEXT = 96, /* of the address, as shown */
    URL_MAX = 2048,
    PACKET_MAX = FILE_TEXT + NAME_TEXT + URL_MAX,
};

enum state { UNTRIED, ANSWERS, SILENT, FAILS };

struct server {
    struct hr_foreign *owner;
    struct hr_client_req *req; /* NULL: none is running */
    enum state state;
    unsigned misses;
    bool said;
    char file[FILE_TEXT];
    char name[NAME_TEXT];
    char url[URL_MAX];
    char shown[SHOWN_TEXT];
};

struct hr_foreign {
    struct hr_foreign_config cfg;
    ev_io packets;
    ev_timer deadline; /* of the child */
    ev_timer round;
    pid_t child;
    int fd; /* its end is the child's end */
    unsigned rounds;
    struct server *servers[HR_FOREIGN_SERVERS];
    size_t n;
};

static const char initialize[] =
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
    "\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},"
    "\"clientInfo\":{\"name\":\"handrail\",\"version\":\"" HR_VERSION "\"}}}";

static const char *const headers[] = {"Content-Type: application/json",
                                      "Accept: application/json, text/event-stream", NULL};

/* ---- trying -------------------------------------------------------------------------------- */

static void say_state(const struct server *s)
{
    if (s->state == SILENT)
        hr_warn("%s: MCP server \"%s\" at %s does not answer: a conversation waits for it for 30 s "
                "and then has no MCP tools at all, the native ones included; mend it, or take it "
                "out of that file",
                s->file, s->name, s->shown);
    else
        hr_warn(
            "%s: MCP server \"%s\" at %s cannot be reached: conversations go without its tools; "
            "start it, or take it out of that file",
            s->file, s->name, s->shown);
}

/* What a result says about the server.  Garbage is an answer too: the client gives up at once. */
static enum state state_of(int status, enum state before)
{
    if (status > 0)
        return ANSWERS;
    switch (status) {
    case -EPROTO:
    case -E2BIG: return ANSWERS;
    case -ETIMEDOUT: return SILENT;
    case -EINVAL:
    case -ENOMEM: return before; /* it was not asked */
    default: return FAILS;
    }
}

static void on_done(int status, const char *body, size_t len, void *arg)
{
    struct server *s = arg;
    (void)body;
    (void)len;
    s->req = NULL;
    s->state = state_of(status, s->state);
    if (s->state == SILENT || s->state == FAILS) {
        s->misses++;
        if (s->misses >= MISSES_TO_SAY && !s->said) {
            s->said = true;
            say_state(s);
        }
    } else if (s->state == ANSWERS && s->said) {
        hr_info("%s: MCP server \"%s\" at %s answers now", s->file, s->name, s->shown);
    }
}

static void try(struct server *s)
{
    const struct hr_foreign_config *c = &s->owner->cfg;
    int err = hr_client_post(c->client, s->url, headers, initialize, sizeof(initialize) - 1,
                             c->timeout_ms, on_done, s, &s->req);
    if (err)
        hr_debug("%s: cannot ask %s: %s", s->file, s->shown, strerror(-err));
}

static bool all_answer(const struct hr_foreign *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->servers[i]->state != ANSWERS)
            return false;
    return true;
}

static void on_round(struct ev_loop *loop, ev_timer *w, int events)
{
    struct hr_foreign *f = w->data;
    (void)events;
    if (all_answer(f))
        return;
    for (size_t i = 0; i < f->n; i++)
        if (!f->servers[i]->req && f->servers[i]->state != ANSWERS)
            try(f->servers[i]);
    unsigned wait = f->rounds++ == 0 ? f->cfg.first_ms : f->cfg.again_ms;
    ev_timer_set(&f->round, wait / 1000., 0.);
    ev_timer_start(loop, &f->round);
}

/* ---- the list ------------------------------------------------------------------------------ */

/* Other people's text, for the log: one line. */
static void copy_text(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; text[n] && n < size - 1; n++) {
        out[n] = text[n];
        if ((unsigned char)out[n] < ' ' || out[n] == 0x7f)
            out[n] = '?';
    }
    out[n] = '\0';
}

static bool is_known(const struct hr_foreign *f, const char *url)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->servers[i]->url, url) == 0)
            return true;
    return false;
}

static void add(struct hr_foreign *f, const char *file, const char *name, const char *url)
{
    struct server *s = calloc(1, sizeof(*s));
    if (!s)
        return;
    s->owner = f;
    copy_text(s->file, sizeof(s->file), file);
    copy_text(s->name, sizeof(s->name), name);
    int err = hr_plugin_url(url, s->url, sizeof(s->url), s->shown, sizeof(s->shown));
    if (err)
        hr_debug("%s: MCP server \"%s\" is not tried: %s", s->file, s->name,
                 err == -EPROTONOSUPPORT ? "its URL is not http"
                 : err == -EHOSTUNREACH  ? "its host is a name"
                                         : "its URL is not understood");
    if (err || f->n == HR_FOREIGN_SERVERS || is_known(f, s->url))
        free(s);
    else
        f->servers[f->n++] = s;
}

/* ---- the child ----------------------------------------------------------------------------- */

static void send_server(void *arg, const char *file, const char *name, const char *url)
{
    const int *fd = arg;
    char packet[PACKET_MAX];
    int n = snprintf(packet, sizeof(packet), "%.*s%c%.*s%c%s", FILE_TEXT - 1, file, 0,
                     NAME_TEXT - 1, name, 0, url);
    if (n > 0 && (size_t)n < sizeof(packet))
        (void)send(*fd, packet, (size_t)n + 1, MSG_NOSIGNAL);
}

static void child_over(struct hr_foreign *f)
{
    ev_io_stop(f->cfg.loop, &f->packets);
    ev_timer_stop(f->cfg.loop, &f->deadline);
    hr_close(&f->fd);
    on_round(f->cfg.loop, &f->round, 0);
}

/* One packet into the list.  Its three strings end within it, or it is not one of ours. */
static void take(struct hr_foreign *f, const char *packet, size_t n)
{
    const char *name = memchr(packet, '\0', n);
    const char *url = name ? memchr(name + 1, '\0', n - (size_t)(name + 1 - packet)) : NULL;
    if (url && url + 1 < packet + n && packet[n - 1] == '\0')
        add(f, packet, name + 1, url + 1);
}

static void on_packet(struct ev_loop *loop, ev_io *w, int events)
{
    struct hr_foreign *f = w->data;
    char packet[PACKET_MAX];
    (void)loop;
    (void)events;
    ssize_t n = recv(f->fd, packet, sizeof(packet), MSG_DONTWAIT);
    if (n > 0)
        take(f, packet, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        child_over(f);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    struct hr_foreign *f = w->data;
    (void)loop;
    (void)events;
    hr_warn("the plugin folders in %s could not be read within %u ms: the MCP servers named in "
            "them are not looked at",
            f->cfg.home, f->cfg.files_ms);
    hr_aside_kill(f->child, f->fd);
    child_over(f);
}

void hr_foreign_start(struct hr_foreign *f)
{
    int fd = -1;
    if (!f->cfg.home || f->cfg.home[0] != '/') {
        hr_debug("HOME is not set: no plugin folders to look into");
        return;
    }
    pid_t pid = hr_aside_fork("mcp-files", &fd);
    if (pid == 0) {
        f->cfg.read(f->cfg.home, send_server, &fd);
        _exit(EXIT_SUCCESS);
    }
    if (pid < 0) {
        hr_warn("cannot look into the plugin folders: %s", strerror(-pid));
        return;
    }
    f->child = pid;
    f->fd = fd;
    ev_io_set(&f->packets, f->fd, EV_READ);
    ev_io_start(f->cfg.loop, &f->packets);
    ev_timer_set(&f->deadline, f->cfg.files_ms / 1000., 0.);
    ev_timer_start(f->cfg.loop, &f->deadline);
}

/* ---- its life ------------------------------------------------------------------------------ */

int hr_foreign_new(const struct hr_foreign_config *cfg, struct hr_foreign **ret)
{
    struct hr_foreign *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->cfg = *cfg;
    f->fd = -1;
    if (!f->cfg.home)
        f->cfg.home = getenv("HOME");
    f->cfg.timeout_ms = cfg->timeout_ms ? cfg->timeout_ms : TIMEOUT_MS;
    f->cfg.first_ms = cfg->first_ms ? cfg->first_ms : FIRST_MS;
    f->cfg.again_ms = cfg->again_ms ? cfg->again_ms : AGAIN_MS;
    f->cfg.files_ms = cfg->files_ms ? cfg->files_ms : FILES_MS;
    f->cfg.read = cfg->read ? cfg->read : hr_plugin_files_read;
    ev_init(&f->packets, on_packet);
    ev_init(&f->deadline, on_deadline);
    ev_init(&f->round, on_round);
    f->packets.data = f->deadline.data = f->round.data = f;
    *ret = f;
    return 0;
}

void hr_foreign_free(struct hr_foreign *f)
{
    if (!f)
        return;
    ev_io_stop(f->cfg.loop, &f->packets);
    ev_timer_stop(f->cfg.loop, &f->deadline);
    ev_timer_stop(f->cfg.loop, &f->round);
    if (f->fd >= 0)
        hr_aside_kill(f->child, f->fd);
    hr_close(&f->fd);
    for (size_t i = 0; i < f->n; i++) {
        if (f->servers[i]->req)
            hr_client_cancel(f->servers[i]->req);
        free(f->servers[i]);
    }
    free(f);
}

void hr_foreign_collect(struct hr_expo *e, void *arg)
{
    const struct hr_foreign *f = arg;
    unsigned silent = 0;
    unsigned failing = 0;
    for (size_t i = 0; i < f->n; i++) {
        silent += f->servers[i]->state == SILENT;
        failing += f->servers[i]->state == FAILS;
    }
    hr_expo_family(e, "handrail_foreign_mcp_unreachable", "gauge",
                   "MCP servers of the user's plugins that do not answer (silent: they take the "
                   "native tools from conversations) or cannot be reached (failing).");
    hr_expo_sample(e, "handrail_foreign_mcp_unreachable", silent, "how", "silent", NULL);
    hr_expo_sample(e, "handrail_foreign_mcp_unreachable", failing, "how", "failing", NULL);
}
