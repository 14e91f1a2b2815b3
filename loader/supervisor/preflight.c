/* SPDX-License-Identifier: MIT
 * The preflight: the child that looks, and what its findings are made of.  See preflight.h.
 *
 * The child sends one packet for each finding, "id\0text"; one without an id names the path that it
 * is about to touch, so that the parent can say where it got stuck. */
#include "preflight.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "loader/config/config_file.h"
#include "loader/config/server_command.h"
#include "preflight_checks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 2000,
    CONFIG_MAX = 1024 * 1024, /* bytes of the server's configuration file */
    ID_MAX = 32,
    PACKET_MAX = ID_MAX + HR_PREFLIGHT_TEXT,
};

/* ---- what the checks share ----------------------------------------------------------------- */

const char hr_preflight_ends[] = "the agent-server will end with code 1 at each start";

const char *hr_preflight_env(const struct hr_preflight_facts *f, const char *name)
{
    size_t n = strlen(name);
    for (char *const *e = f->env; *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

bool hr_preflight_flag(const struct hr_preflight_facts *f, const char *variable, const char *key,
                       bool fallback)
{
    const char *value = hr_preflight_env(f, variable);
    const json_t *filed = json_object_get(f->file, key);
    if (value)
        return hr_server_bool(value);
    return json_is_boolean(filed) ? json_is_true(filed) : fallback;
}

const char *hr_preflight_setting(const struct hr_preflight_facts *f, const char *variable,
                                 const char *key, const char *fallback)
{
    const char *value = hr_preflight_env(f, variable);
    if (!value)
        value = json_string_value(json_object_get(f->file, key));
    return value ? value : fallback;
}

bool hr_preflight_blank(const char *value)
{
    return value[strspn(value, " \t\n\v\f\r\x1c\x1d\x1e\x1f")] == '\0';
}

/* A finding about a variable begins with its name: where it is from, if the container has not set
 * it. */
static void add_source(const struct hr_preflight_facts *f, char *text, size_t size)
{
    char name[128];
    size_t n = strcspn(text, " ");
    size_t len = strlen(text);
    if (!f->config || n >= sizeof(name))
        return;
    memcpy(name, text, n);
    name[n] = '\0';
    if (json_object_get(f->config->environment, name))
        (void)snprintf(text + len, size - len, " (it is set in %.512s#/environment/%s)",
                       f->config->agent_config_path, name);
}

void hr_preflight_found(const struct hr_preflight_facts *f, const char *id, const char *fmt, ...)
{
    char text[HR_PREFLIGHT_TEXT];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    for (char *c = text; *c; c++) /* values and paths are other people's */
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    add_source(f, text, sizeof(text));
    f->say(f->arg, id, text);
}

/* ---- the server's configuration file ------------------------------------------------------- */

static json_t *load_file(const struct hr_preflight_facts *f)
{
    const char *path = hr_preflight_env(f, "OPENHANDS_AGENT_SERVER_CONFIG_PATH");
    json_t *root = NULL;
    struct hr_buf text;
    if (!path)
        path = "workspace/openhands_agent_server_config.json";
    if (f->looking)
        f->looking(f->arg, path);
    hr_buf_init(&text, CONFIG_MAX);
    int err = hr_config_file_bytes(path, &text);
    if (!err) {
        root = json_loadb(hr_buf_str(&text), text.len, 0, NULL);
        if (!json_is_object(root))
            hr_preflight_found(f, "config-file",
                               "%.512s is not a JSON object: %s; mend it or take it away", path,
                               hr_preflight_ends);
    } else if (err == -EACCES) {
        hr_preflight_found(f, "config-file",
                           "%.512s may not be read by uid %u: %s; let that user read it", path,
                           (unsigned)geteuid(), hr_preflight_ends);
    }
    hr_buf_free(&text);
    if (json_is_object(root))
        return root;
    json_decref(root);
    return json_object();
}

/* $OH is a whole configuration in JSON, and wins over the file. */
static void add_base(const struct hr_preflight_facts *f)
{
    const char *text = hr_preflight_env(f, "OH");
    json_t *base = text ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(base))
        (void)json_object_update(f->file, base);
    json_decref(base);
}

void hr_preflight_look(struct hr_preflight_facts *f)
{
    f->file = load_file(f);
    add_base(f);
    hr_preflight_values(f);
    hr_preflight_names(f);
    hr_preflight_keys(f);
    hr_preflight_ports(f);
    hr_preflight_folders(f);
    hr_preflight_tmux(f);
    json_decref(f->file);
    f->file = NULL;
}

/* ---- the child ----------------------------------------------------------------------------- */

static void send_packet(void *arg, const char *id, const char *text)
{
    const int *fd = arg;
    char packet[PACKET_MAX];
    int n = snprintf(packet, sizeof(packet), "%.*s%c%s", ID_MAX - 1, id, 0, text);
    if (n >= (int)sizeof(packet))
        n = (int)sizeof(packet) - 1;
    if (n > 0)
        (void)send(*fd, packet, (size_t)n, MSG_NOSIGNAL);
}

static void send_path(void *arg, const char *path)
{
    send_packet(arg, "", path);
}

static _Noreturn void child(struct hr_preflight_facts f, int fd,
                            void (*look)(struct hr_preflight_facts *))
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    f.say = send_packet;
    f.looking = send_path;
    f.arg = &fd;
    look(&f);
    _exit(0);
}

/* ---- the parent ---------------------------------------------------------------------------- */

/* Pass on what the child says until it has ended.  0, -ETIMEDOUT, or another -errno if it cannot be
 * heard; `at` is the path it spoke of last. */
static int relay(int fd, hr_preflight_say *say, void *arg, char at[HR_PREFLIGHT_TEXT])
{
    int64_t end = hr_now_ms() + PATIENCE_MS;
    char packet[PACKET_MAX + 1];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - hr_now_ms();
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t n = ready > 0 ? recv(fd, packet, PACKET_MAX, MSG_DONTWAIT) : -1;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        packet[n] = '\0';
        const char *text = packet + strlen(packet) + (strlen(packet) < (size_t)n);
        if (packet[0])
            say(arg, packet, text);
        else
            (void)snprintf(at, HR_PREFLIGHT_TEXT, "%s", text);
    }
}

/* Reap the child, which has closed its end.  One that has not is killed, and reaped some day by
 * whoever reaps strangers: maybe it cannot even be killed. */
static void end_child(pid_t pid, bool ended, const struct hr_preflight_facts *f)
{
    int status = 0;
    pid_t got = 0;
    if (!ended)
        (void)kill(pid, SIGKILL);
    do
        got = waitpid(pid, &status, ended ? 0 : WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == pid && ended && status)
        hr_preflight_found(f, "preflight-failed",
                           "the checks before the first start ended too early (wait status %d): "
                           "what they would have said is not known",
                           status);
}

void hr_preflight_in_child(const struct hr_preflight_facts *f,
                           void (*look)(struct hr_preflight_facts *))
{
    int pair[2] = {-1, -1};
    char at[HR_PREFLIGHT_TEXT] = "";
    pid_t pid = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -1 : fork();
    int err = pid < 0 ? -errno : 0;
    if (pid == 0) {
        hr_close(&pair[0]);
        child(*f, pair[1], look);
    }
    hr_close(&pair[1]);
    if (pid > 0) {
        err = relay(pair[0], f->say, f->arg, at);
        end_child(pid, err == 0, f);
    }
    if (err == -ETIMEDOUT)
        hr_preflight_found(f, "preflight-slow",
                           "the checks before the first start did not end within %d ms%s%s: if "
                           "that is on a file system which does not answer, the server will "
                           "hang there too",
                           PATIENCE_MS, at[0] ? "; they got as far as " : "", at);
    else if (err)
        hr_preflight_found(f, "preflight-failed",
                           "the checks before the first start cannot be done: %s", strerror(-err));
    hr_close(&pair[0]);
}

static void log_finding(void *arg, const char *id, const char *text)
{
    (void)arg;
    hr_warn("%s [%s]", text, id);
}

void hr_preflight_environment(const struct hr_config *c, char *const *env, hr_preflight_say *say,
                              void *arg)
{
    const struct hr_preflight_facts f = {
        .config = c, .env = env, .say = say ? say : log_finding, .arg = arg};
    hr_preflight_values(&f);
    hr_preflight_names(&f);
}

void hr_preflight(const struct hr_config *c, bool agent_server, char *const *env,
                  hr_preflight_say *say, void *arg)
{
    const struct hr_preflight_facts f = {.config = c,
                                         .env = env,
                                         .vscode = HR_VSCODE_PROGRAM,
                                         .say = say ? say : log_finding,
                                         .arg = arg};
    if (agent_server)
        hr_preflight_in_child(&f, hr_preflight_look);
}
