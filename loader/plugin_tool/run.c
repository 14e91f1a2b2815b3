/* SPDX-License-Identifier: MIT
 * A toolhost of our own.  See run.h. */
#include "run.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "loader/config/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- starting ------------------------------------------------------------------------------ */

static socklen_t abstract(const char *name, struct sockaddr_un *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->sun_family = AF_UNIX;
    size_t n = strnlen(name, sizeof(ret->sun_path) - 1);
    memcpy(ret->sun_path + 1, name, n);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

static int open_listener(struct hr_run *r)
{
    struct sockaddr_un address;
    char name[33];
    int err = hr_random_hex(name, 16);
    if (!err)
        err = hr_random_hex(r->key, 16);
    if (err)
        return err;
    (void)snprintf(r->address, sizeof(r->address), "handrail-plugin-%s", name);
    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (r->listener < 0 ||
        bind(r->listener, (struct sockaddr *)&address, abstract(r->address, &address)) < 0 ||
        listen(r->listener, HR_RUN_CONNECTIONS) < 0)
        return -errno;
    return 0;
}

static int make_settings(const struct hr_target *t, const struct hr_run_options *o,
                         const struct hr_run *r, int *ret_fd)
{
    json_t *s = json_pack("{s:s, s:s, s:s*, s:O, s:s, s:O}", "id", t->id, "path", t->path, "sha256",
                          t->sha256[0] ? t->sha256 : NULL, "config", t->config, "ipc_key", r->key,
                          "confinement", t->confinement);
    if (s && o->host_minor >= 0)
        (void)json_object_set_new(s, "host_minor", json_integer(o->host_minor));
    char *text = s ? json_dumps(s, JSON_COMPACT) : NULL;
    json_decref(s);
    if (!text)
        return -ENOMEM;
    int err = hr_memfd_sealed("handrail-settings", text, strlen(text), ret_fd);
    free(text);
    return err;
}

/* What would change how the dynamic linker works is not handed on, as under the supervisor. */
static void clean_environment(void)
{
    for (bool again = true; again;) {
        again = false;
        for (char **e = environ; *e && !again; e++) {
            char name[128];
            size_t n = strcspn(*e, "=");
            if (strncmp(*e, "LD_", 3) != 0 || n >= sizeof(name))
                continue;
            memcpy(name, *e, n);
            name[n] = '\0';
            again = unsetenv(name) == 0;
        }
    }
}

/* The child.  Every descriptor is moved out of the way of the places first. */
_Noreturn static void become_toolhost(const int fds[3], int output, pid_t parent)
{
    char path[4096];
    char folder[4000];
    int moved[4];
    hr_program_own_folder(folder, sizeof(folder));
    (void)snprintf(path, sizeof(path), "%s/handrail-toolhost", folder);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(HR_EXIT_OSERR);
    for (int i = 0; i < 4; i++)
        moved[i] = fcntl(i < 3 ? fds[i] : output, F_DUPFD_CLOEXEC, 16);
    for (int i = 0; i < 3; i++)
        if (dup2(moved[i], HR_FD_SETTINGS + i) < 0)
            _exit(HR_EXIT_OSERR);
    if (output >= 0 && (dup2(moved[3], STDOUT_FILENO) < 0 || dup2(moved[3], STDERR_FILENO) < 0))
        _exit(HR_EXIT_OSERR);
    clean_environment();
    (void)setenv("HANDRAIL_LOG_LEVEL", "warning", 0);
    if (chdir("/") < 0)
        _exit(HR_EXIT_OSERR);
    char *argv[] = {path, NULL};
    (void)execv(path, argv);
    (void)fprintf(stderr, "cannot run %s: %s\n", path, strerror(errno));
    _exit(127);
}

static int spawn(const struct hr_target *t, const struct hr_run_options *o, struct hr_run *r)
{
    int settings = -1;
    int notify[2] = {-1, -1};
    int output[2] = {-1, -1};
    int err = open_listener(r);
    if (!err)
        err = make_settings(t, o, r, &settings);
    if (!err && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, notify) < 0)
        err = -errno;
    if (!err && !o->pass_log && pipe2(output, O_CLOEXEC) < 0)
        err = -errno;
    if (!err) {
        const int fds[3] = {settings, notify[1], r->listener};
        pid_t parent = getpid();
        (void)fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            become_toolhost(fds, output[1], parent);
        err = pid < 0 ? -errno : 0;
        r->pid = pid > 0 ? pid : 0;
    }
    r->notify = notify[0];
    r->output = output[0];
    if (r->output >= 0)
        (void)fcntl(r->output, F_SETFL, O_NONBLOCK);
    hr_close(&notify[1]);
    hr_close(&output[1]);
    hr_close(&settings);
    return err;
}

/* ---- its output and its end ---------------------------------------------------------------- */

void hr_run_drain(struct hr_run *r)
{
    char chunk[4096];
    ssize_t n = 0;
    while (r->output >= 0 && (n = read(r->output, chunk, sizeof(chunk))) > 0)
        (void)hr_buf_add(&r->log, chunk, (size_t)n); /* what is too much is left out */
    if (n == 0)
        hr_close(&r->output);
}

bool hr_run_has_ended(struct hr_run *r)
{
    if (r->pid && waitpid(r->pid, &r->status, WNOHANG) == r->pid)
        r->pid = 0;
    if (!r->pid)
        hr_run_drain(r);
    return !r->pid;
}

/* Wait until fd is readable, taking its output meanwhile.  1, 0: not by then, or -errno. */
static int wait_readable(struct hr_run *r, int fd, int64_t by_ms)
{
    for (;;) {
        struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = r->output, .events = POLLIN}};
        int64_t left = by_ms - hr_now_ms();
        int n = poll(p, 2, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && p[1].revents)
            hr_run_drain(r);
        if (n > 0 && p[0].revents)
            return 1;
        if (left <= 0) /* even if it writes without end */
            return 0;
    }
}

static void pause_ms(void)
{
    (void)poll(NULL, 0, 1);
}

void hr_run_ending(struct hr_run *r, char *text, size_t size)
{
    enum { END_MS = 5 * 1000 }; /* a core file takes a while */
    int64_t by = hr_now_ms() + END_MS;
    while (!hr_run_has_ended(r) && hr_now_ms() < by)
        pause_ms();
    if (r->pid)
        (void)snprintf(text, size, "closed its connection");
    else if (WIFSIGNALED(r->status))
        (void)snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(r->status),
                       strsignal(WTERMSIG(r->status)));
    else
        (void)snprintf(text, size, "ended with code %d", WEXITSTATUS(r->status));
}

/* Why it ended before it was ready: what it told, else how it ended. */
static int not_ready(struct hr_run *r, const char *told, struct hr_why *why)
{
    if (r->pid) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, &r->status, 0);
        r->pid = 0;
        return hr_refuse(why, "was not ready within %d s", HR_RUN_START_MS / 1000);
    }
    if (*told)
        return hr_refuse(why, "%s", told);
    char ending[HR_RUN_ENDING_MAX];
    hr_run_ending(r, ending, sizeof(ending));
    return hr_refuse(why, "its process %s while it was loaded", ending);
}

static int wait_ready(struct hr_run *r, struct hr_why *why)
{
    static const char status[] = "STATUS=";
    char told[HR_NOTIFICATION_MAX] = "";
    char text[HR_NOTIFICATION_MAX];
    int64_t by = hr_now_ms() + HR_RUN_START_MS;
    while (wait_readable(r, r->notify, by) > 0) {
        ssize_t n = read(r->notify, text, sizeof(text) - 1);
        if (n <= 0)
            break;
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        if (strcmp(text, "READY=1") == 0)
            return 0;
        if (strncmp(text, status, sizeof(status) - 1) == 0)
            (void)snprintf(told, sizeof(told), "%s", text + sizeof(status) - 1);
    }
    while (hr_now_ms() < by && !hr_run_has_ended(r))
        pause_ms();
    return not_ready(r, told, why);
}

/* ---- connections --------------------------------------------------------------------------- */

int hr_run_connect(struct hr_run *r, int number)
{
    struct hr_run_connection *c = &r->connection[number];
    struct sockaddr_un address;
    struct hr_run_event e;
    socklen_t size = abstract(r->address, &address);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, size) < 0)
        return -errno;
    struct hr_frame hello = {.len = (uint32_t)strlen(r->key), .type = HR_FRAME_HELLO};
    int err = hr_write_all(c->fd, &hello, sizeof(hello));
    if (!err)
        err = hr_write_all(c->fd, r->key, hello.len);
    if (!err && hr_run_next(r, number, hr_now_ms() + HR_RUN_START_MS, &e) != 1)
        err = -EPIPE;
    if (err || r->tools)
        return err;
    json_t *root = json_loadb(e.payload, e.frame.len, 0, NULL);
    r->tools = json_incref(json_object_get(root, "tools"));
    r->plugin = json_incref(json_object_get(root, "plugin"));
    json_decref(root);
    return json_is_array(r->tools) ? 0 : -EPROTO;
}

void hr_run_phase_event(const char *phase, const char *from, char *event, size_t size)
{
    char at[HR_LOG_STAMP + 1];
    hr_log_stamp(at);
    (void)snprintf(event, size,
                   "{\"phase\":\"%s\",\"from\":%s%s%s,\"at\":\"%s\",\"claim_uid\":null,"
                   "\"labels\":{},\"annotations\":{},\"left_out\":0}",
                   phase, from ? "\"" : "", from ? from : "null", from ? "\"" : "", at);
}

/* What the sidecar tells it in a pod that is in use. */
static int tell_phase(struct hr_run *r)
{
    static const char phase[] = "active";
    char payload[512];
    memcpy(payload, phase, sizeof(phase));
    hr_run_phase_event(phase, "claimed", payload + sizeof(phase), sizeof(payload) - sizeof(phase));
    struct hr_frame head = {.len = (uint32_t)(sizeof(phase) + strlen(payload + sizeof(phase))),
                            .type = HR_FRAME_PHASE};
    int err = hr_write_all(r->connection[0].fd, &head, sizeof(head));
    return err ? err : hr_write_all(r->connection[0].fd, payload, head.len);
}

void hr_run_disconnect(struct hr_run *r, int number)
{
    hr_close(&r->connection[number].fd);
    hr_buf_free(&r->connection[number].in);
    r->connection[number].used = 0;
}

int hr_run_start(const struct hr_target *t, const struct hr_run_options *o, struct hr_run *ret,
                 struct hr_why *why)
{
    struct hr_run *r = ret;
    memset(r, 0, sizeof(*r));
    r->listener = r->notify = r->output = -1;
    hr_buf_init(&r->log, HR_RUN_LOG_MAX);
    for (int i = 0; i < HR_RUN_CONNECTIONS; i++) {
        r->connection[i].fd = -1;
        hr_buf_init(&r->connection[i].in, HR_FRAME_MAX + sizeof(struct hr_frame) + 65536);
    }
    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    int err = spawn(t, o, r);
    if (err)
        err = hr_refuse(why, "its process cannot be started: %s", strerror(-err));
    if (!err)
        err = wait_ready(r, why);
    if (!err && (hr_run_connect(r, 0) || tell_phase(r)))
        err = hr_refuse(why, "its process does not take a connection");
    if (err)
        hr_run_free(r);
    return err;
}

/* ---- calls --------------------------------------------------------------------------------- */

int hr_run_tool(const struct hr_run *r, const char *name)
{
    for (size_t i = 0; i < json_array_size(r->tools); i++) {
        const char *its = json_string_value(json_object_get(json_array_get(r->tools, i), "name"));
        if (its && strcmp(its, name) == 0)
            return (int)i;
    }
    return -1;
}

int hr_run_call(struct hr_run *r, int number, int tool, const char *args, size_t len,
                uint32_t timeout_ms, uint64_t *ret_id)
{
    struct hr_frame_call call = {.tool = (uint32_t)tool, .timeout_ms = timeout_ms};
    struct hr_frame head = {
        .len = (uint32_t)(sizeof(call) + len), .type = HR_FRAME_CALL, .id = ++r->last_id};
    char both[sizeof(head) + sizeof(call)];
    memcpy(both, &head, sizeof(head));
    memcpy(both + sizeof(head), &call, sizeof(call));
    int err = hr_write_all(r->connection[number].fd, both, sizeof(both));
    if (!err)
        err = hr_write_all(r->connection[number].fd, args, len);
    *ret_id = head.id;
    return err;
}

int hr_run_cancel(struct hr_run *r, int number, uint64_t id)
{
    struct hr_frame head = {.type = HR_FRAME_CANCEL, .id = id};
    return hr_write_all(r->connection[number].fd, &head, sizeof(head));
}

int hr_run_next(struct hr_run *r, int number, int64_t by_ms, struct hr_run_event *ret)
{
    struct hr_run_connection *c = &r->connection[number];
    char chunk[65536];
    hr_buf_consume(&c->in, c->used);
    c->used = 0;
    for (;;) {
        int whole =
            hr_frame_peek(c->in.len ? c->in.data : "", c->in.len, &ret->frame, &ret->payload);
        if (whole < 0)
            return whole;
        if (whole) {
            c->used = sizeof(ret->frame) + ret->frame.len;
            return 1;
        }
        int ready = wait_readable(r, c->fd, by_ms);
        if (ready <= 0)
            return ready;
        ssize_t n = read(c->fd, chunk, sizeof(chunk));
        if (n <= 0)
            return n == 0 || errno == ECONNRESET ? -EPIPE : -errno;
        int err = hr_buf_add(&c->in, chunk, (size_t)n);
        if (err)
            return err;
    }
}

int hr_run_answer(struct hr_run *r, int number, uint64_t id, int64_t by_ms,
                  struct hr_run_event *ret)
{
    int rc = 0;
    while ((rc = hr_run_next(r, number, by_ms, ret)) == 1)
        if (ret->frame.type == HR_FRAME_RESULT && ret->frame.id == id)
            return ret->frame.len >= sizeof(int32_t) ? 0 : -EPROTO;
    return rc ? rc : -ETIMEDOUT;
}

/* ---- ending -------------------------------------------------------------------------------- */

int hr_run_stop(struct hr_run *r)
{
    int64_t by = hr_now_ms() + HR_RUN_STOP_MS;
    if (r->pid)
        (void)kill(r->pid, SIGTERM);
    while (!hr_run_has_ended(r) && hr_now_ms() < by)
        pause_ms();
    if (r->pid) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, &r->status, 0);
        r->pid = 0;
    }
    hr_run_drain(r);
    return r->status;
}

void hr_run_free(struct hr_run *r)
{
    if (r->pid) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, &r->status, 0);
        r->pid = 0;
    }
    for (int i = 0; i < HR_RUN_CONNECTIONS; i++)
        hr_run_disconnect(r, i);
    hr_close(&r->listener);
    hr_close(&r->notify);
    hr_close(&r->output);
    hr_buf_free(&r->log);
    json_decref(r->tools);
    json_decref(r->plugin);
    r->tools = r->plugin = NULL;
}

/* ---- what it holds ------------------------------------------------------------------------- */

long hr_run_count(const char *folder)
{
    long n = 0;
    DIR *d = opendir(folder);
    if (!d)
        return -1;
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static long count_of(const struct hr_run *r, const char *what)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)r->pid, what);
    return hr_run_count(path);
}

static long status_of(const struct hr_run *r, const char *name)
{
    char path[64];
    char line[256];
    size_t n = strlen(name);
    long value = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)r->pid);
    FILE *f = fopen(path, "re");
    while (f && value < 0 && fgets(line, sizeof(line), f))
        if (strncmp(line, name, n) == 0)
            value = strtol(line + n, NULL, 10);
    if (f)
        (void)fclose(f);
    return value;
}

long hr_run_descriptors(const struct hr_run *r)
{
    long n = count_of(r, "fd"); /* for root alone */
    return n < 0 ? status_of(r, "FDSize:") : n;
}

long hr_run_threads(const struct hr_run *r)
{
    return count_of(r, "task");
}

long hr_run_rss_kib(const struct hr_run *r)
{
    return status_of(r, "VmRSS:");
}
