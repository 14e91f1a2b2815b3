/* SPDX-License-Identifier: MIT
 * The preflight's look at folders and ports.  See preflight.h. */
#include "common/fd.h"
#include "loader/config/address.h"
#include "loader/config/server_command.h"
#include "loader/config/settings.h"
#include "preflight_checks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TMUX_SOCKET_MAX = 107, /* bytes of a unix socket's path */
    PLACES_MAX = 5,
    NAMES_MAX = 128,
};

static const char not_started[] = "the agent-server will end with code 3 at each start";

/* ---- folders ------------------------------------------------------------------------------- */

/* A folder the server writes to, and what keeps it from doing so. */
struct place {
    const char *name;   /* for people: the variable */
    const char *effect; /* what happens if it cannot be written */
    char path[PATH_MAX];
    char culprit[PATH_MAX]; /* what stands in the way: the folder itself or one above it */
    int err;
};

/* The folder from the root, and "~" as the server has it if home is given.  0 or -ENAMETOOLONG. */
static int absolute(const char *path, const char *home, char out[PATH_MAX])
{
    char cwd[PATH_MAX] = "";
    int n = 0;
    if (home && path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
        n = snprintf(out, PATH_MAX, "%s%s", home, path + 1);
    else if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
        n = snprintf(out, PATH_MAX, "%s", path);
    else
        n = snprintf(out, PATH_MAX, "%s%s%s", cwd, cwd[1] ? "/" : "", path);
    while (n > 1 && n < PATH_MAX && out[n - 1] == '/')
        out[--n] = '\0';
    return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void to_parent(char path[PATH_MAX])
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return;
    while (slash > path && slash[-1] == '/')
        slash--;
    slash[slash == path] = '\0';
}

/* Can the path, or else the nearest thing above it that exists, be written by the effective user?
 * 0, or why not (an errno) with the culprit. */
static int find_culprit(const char *path, char culprit[PATH_MAX])
{
    struct stat st;
    (void)snprintf(culprit, PATH_MAX, "%s", path);
    while (stat(culprit, &st) < 0) {
        int err = errno;
        if (err != ENOENT && err != ENOTDIR && err != EACCES)
            return err;
        if (err == ENOENT && lstat(culprit, &st) == 0)
            return ENOENT; /* a link that leads nowhere: no folder can be made of it */
        if (!culprit[1])
            return err;
        to_parent(culprit);
    }
    if (!S_ISDIR(st.st_mode))
        return ENOTDIR;
    return faccessat(AT_FDCWD, culprit, W_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* The obstacle in words: "/workspace belongs to uid 0 (gid 0, mode 0755)". */
static void describe(const struct place *p, char *out, size_t size)
{
    struct stat st;
    if (p->err == EROFS)
        (void)snprintf(out, size, "%.400s is on a read-only file system", p->culprit);
    else if (p->err == ENOTDIR)
        (void)snprintf(out, size, "%.400s is not a folder", p->culprit);
    else if (p->err == ENOENT)
        (void)snprintf(out, size, "%.400s is a link that leads nowhere", p->culprit);
    else if (p->err == EACCES && stat(p->culprit, &st) == 0)
        (void)snprintf(out, size, "%.400s belongs to uid %u (gid %u, mode %04o)", p->culprit,
                       (unsigned)st.st_uid, (unsigned)st.st_gid, (unsigned)st.st_mode & 07777);
    else
        (void)snprintf(out, size, "%.400s: %s", p->culprit, strerror(p->err));
}

static const char *remedy(const struct place *p)
{
    switch (p->err) {
    case EROFS: return "mount a volume there";
    case EACCES: return "give it to that user (fsGroup in Kubernetes, chown)";
    default: return "mend that";
    }
}

static void say_place(const struct hr_preflight_facts *f, const char *id, const struct place *p,
                      const char *names)
{
    char obstacle[640];
    describe(p, obstacle, sizeof(obstacle));
    hr_preflight_found(
        f, id, "uid %u cannot write to %.400s (%s), because %s: %s; %s, or name another folder",
        (unsigned)geteuid(), p->path, names, obstacle, p->effect, remedy(p));
}

/* One finding for each obstacle: a volume that belongs to root is in the way of several folders. */
static void say_places(const struct hr_preflight_facts *f, struct place *places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char names[NAMES_MAX] = "";
        if (!places[i].err)
            continue;
        for (size_t k = i; k < n; k++) {
            size_t used = strlen(names);
            if (!places[k].err || strcmp(places[k].culprit, places[i].culprit) != 0)
                continue;
            (void)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
                           places[k].name);
            if (k > i)
                places[k].err = 0;
        }
        say_place(f, "folder-unwritable", &places[i], names);
    }
}

static void look_at(const struct hr_preflight_facts *f, struct place *p)
{
    if (f->looking)
        f->looking(f->arg, p->path);
    p->err = find_culprit(p->path, p->culprit);
}

/* Add a folder to the list.  An overlong name is left to the server. */
static void add(struct place *places, size_t *n, const char *name, const char *effect,
                const char *path, const char *home)
{
    struct place *p = &places[*n];
    p->name = name;
    p->effect = effect;
    if (!absolute(path, home, p->path))
        (*n)++;
}

void hr_preflight_folders(const struct hr_preflight_facts *f)
{
    static struct place places[PLACES_MAX]; /* large for a stack */
    char home[PATH_MAX];
    size_t n = 0;
    bool has_home = hr_server_home(hr_preflight_env(f, "HOME"), home, sizeof(home)) == 0;
    const char *persistence = hr_preflight_env(f, "OH_PERSISTENCE_DIR");
    const char *temporary = hr_preflight_env(f, "TMPDIR");
    add(places, &n, "OH_CONVERSATIONS_PATH", not_started,
        hr_preflight_setting(f, "OH_CONVERSATIONS_PATH", "conversations_path",
                             "workspace/conversations"),
        NULL);
    add(places, &n, "OH_BASH_EVENTS_DIR", "commands sent to its bash API will fail",
        hr_preflight_setting(f, "OH_BASH_EVENTS_DIR", "bash_events_dir", "workspace/bash_events"),
        NULL);
    if (persistence && *persistence)
        add(places, &n, "OH_PERSISTENCE_DIR", "settings and secrets will not be kept", persistence,
            has_home ? home : NULL);
    if (has_home)
        add(places, &n, "HOME",
            "conversations will not find the native tools, and nothing is kept there", home, NULL);
    else
        hr_preflight_found(f, "home-unknown",
                           "HOME is not set and uid %u is not in /etc/passwd: the agent-server "
                           "cannot tell its home folder and will end with code 1 at each start; "
                           "set HOME",
                           (unsigned)getuid());
    add(places, &n, "TMPDIR", "the browser's tools will fail",
        temporary && *temporary ? temporary : "/tmp", NULL);
    for (size_t i = 0; i < n; i++)
        look_at(f, &places[i]);
    say_places(f, places, n);
}

/* The server's check is of the resolved path with the longest name it will use. */
static size_t tmux_socket_length(const char *dir)
{
    char resolved[PATH_MAX];
    char name[64];
    int n = snprintf(name, sizeof(name), "/tmux-%u/openhands-%032d", (unsigned)getuid(), 0);
    return strlen(realpath(dir, resolved) ? resolved : dir) + (size_t)n;
}

void hr_preflight_tmux(const struct hr_preflight_facts *f)
{
    static struct place p; /* large for a stack */
    const char *dir = hr_preflight_env(f, "TMUX_TMPDIR");
    if (!dir || !*dir || absolute(dir, NULL, p.path))
        return;
    look_at(f, &p);
    size_t n = tmux_socket_length(p.path);
    if (n > TMUX_SOCKET_MAX) {
        hr_preflight_found(f, "tmux-dir-long",
                           "TMUX_TMPDIR is %.256s: the sockets of tmux in it would have names of "
                           "%zu bytes, and %d are possible: the agent-server will go to /tmp "
                           "instead, or, an older one, give no terminals; name a shorter folder",
                           dir, n, TMUX_SOCKET_MAX);
    } else if (p.err) {
        p.effect = "conversations will get no terminal";
        say_place(f, "tmux-dir-unwritable", &p, "TMUX_TMPDIR");
    }
}

/* ---- ports --------------------------------------------------------------------------------- */

/* Could somebody listen there?  As the server does it, but without listening: then nobody can
 * connect in between, and there is nothing to connect to.  0 or -errno. */
static int try_bind(const struct hr_address *a)
{
    const int on = 1;
    int err = 0;
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0; /* says nothing about the port */
    if (a->sa.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&a->sa, a->len) < 0)
        err = -errno;
    hr_close(&fd);
    return err;
}

/* Where the agent-server will listen.  0, or -EINVAL for a name, which only it can resolve.
 * With deferred init and a secret key but no --host, handrail has it listen everywhere. */
static int agent_address(const struct hr_preflight_facts *f, uint16_t port, struct hr_address *ret)
{
    char text[HR_ADDRESS_TEXT];
    const char *host = hr_server_option(f->config->command, "--host");
    if (!host) {
        bool everywhere = hr_preflight_has_session_key(f) ||
                          (hr_preflight_flag(f, "OH_DEFERRED_INIT", "deferred_init", false) &&
                           hr_preflight_has_secret(f));
        host = everywhere ? "0.0.0.0" : "127.0.0.1";
    } else if (strcmp(host, "localhost") == 0) {
        host = "127.0.0.1";
    }
    (void)snprintf(text, sizeof(text), strchr(host, ':') ? "[%.45s]:%u" : "%.45s:%u", host, port);
    return hr_address_parse(text, "", ret);
}

static void check_agent_port(const struct hr_preflight_facts *f, uint16_t port)
{
    char where[HR_ADDRESS_TEXT];
    char source[HR_SETTING_SOURCE];
    struct hr_address a;
    hr_setting_source(f->config, hr_setting_find("agent-port", strlen("agent-port")), source);
    if (port != f->config->agent_port)
        hr_preflight_found(f, "agent-port-differs",
                           "%.512s is %u, but the agent-server is told to listen on port %u: it "
                           "will never be seen to be ready; leave that setting out, or give the "
                           "server --port %u",
                           source, f->config->agent_port, port, f->config->agent_port);
    if (agent_address(f, port, &a))
        return;
    int err = try_bind(&a);
    hr_address_format(&a, where);
    if (err == -EADDRINUSE)
        hr_preflight_found(
            f, "agent-port-taken",
            "somebody listens on %s already: %s; end that, or give the server another "
            "--port",
            where, not_started);
    else if (err)
        hr_preflight_found(f, "agent-port-taken",
                           "uid %u cannot listen on %s: %s: %s; give it another --port or --host",
                           (unsigned)geteuid(), where, strerror(-err), not_started);
}

static uint16_t vscode_port(const struct hr_preflight_facts *f)
{
    const char *text = hr_preflight_env(f, "OH_VSCODE_PORT");
    int64_t port = HR_VSCODE_PORT;
    const json_t *filed = json_object_get(f->file, "vscode_port");
    if (text)
        (void)hr_parse_int(text, 1, UINT16_MAX, &port);
    else if (json_integer_value(filed) > 0 && json_integer_value(filed) <= UINT16_MAX)
        port = json_integer_value(filed);
    return (uint16_t)port;
}

static void check_vscode_port(const struct hr_preflight_facts *f, uint16_t agent_port)
{
    struct hr_address a;
    char text[HR_ADDRESS_TEXT];
    uint16_t port = vscode_port(f);
    if (!hr_preflight_flag(f, "OH_ENABLE_VSCODE", "enable_vscode", true) ||
        access(f->vscode, F_OK) < 0)
        return;
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", port); /* where the server tries it, too */
    if (port == agent_port)
        hr_preflight_found(f, "vscode-port-same",
                           "VSCode and the agent-server are both to listen on port %u: VSCode will "
                           "have it first and the agent-server end with code 3 at each start; set "
                           "OH_VSCODE_PORT to another one, or OH_ENABLE_VSCODE to 0",
                           port);
    else if (hr_address_parse(text, "", &a) == 0 && try_bind(&a) == -EADDRINUSE)
        hr_preflight_found(
            f, "vscode-port-taken",
            "somebody listens on port %u already: there will be no VSCode; end that, "
            "set OH_VSCODE_PORT to another one, or OH_ENABLE_VSCODE to 0",
            port);
}

void hr_preflight_ports(const struct hr_preflight_facts *f)
{
    const char *text = hr_server_option(f->config->command, "--port");
    int64_t port = HR_SERVER_PORT;
    if (text && hr_parse_int(text, 1, UINT16_MAX, &port))
        return; /* the server will say so itself, at once */
    check_agent_port(f, (uint16_t)port);
    check_vscode_port(f, (uint16_t)port);
}
