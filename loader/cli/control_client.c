/* SPDX-License-Identifier: MIT
 * The other end of the control socket.  See control_client.h. */
#include "control_client.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "loader/config/setting_value.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 4 * 1024 * 1024, /* bytes; a crash with its output, all of it escaped, fits */
    PATIENCE_MS = 10 * 1000,      /* PID 1 answers at once, or is not there */
    TIMEOUT_MAX_MS = 3600 * 1000, /* of --timeout and --watch */
    WATCH_MS = 2000,              /* of --watch alone */
    WATCH_MIN_MS = 100,
    PROC_LISTENING = 0x10000, /* in the flags of /proc/net/unix */
};

static const struct hr_client_place control_place = {"HANDRAIL_CONTROL", HR_CONTROL_PREFIX, false};

int hr_client_fail(const struct hr_client_options *o, int code, const char *fmt, ...)
{
    char own[HR_CLIENT_WHY_MAX];
    char *text = o->why ? o->why : own;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, HR_CLIENT_WHY_MAX, fmt, ap);
    va_end(ap);
    if (o->why)
        return code;
    (void)fprintf(stderr, "handrail %s: ", o->command);
    hr_text_print(stderr, text);
    (void)fputc('\n', stderr);
    return code;
}

/* ---- arguments ----------------------------------------------------------------------------- */

/* If *argv is "--name=value" or "--name" and a value, the value, and *argv at the last argument
 * used; "" if the value is missing; NULL for another option. */
static const char *option_value(char ***argv, const char *name)
{
    size_t n = strlen(name);
    const char *arg = **argv;
    if (strncmp(arg, name, n) != 0 || (arg[n] != '=' && arg[n] != '\0'))
        return NULL;
    if (arg[n] == '=')
        return arg + n + 1;
    if (!(*argv)[1])
        return "";
    (*argv)++;
    return **argv;
}

/* "--watch", "--watch=2", "--watch 2": its value may be missing.  NULL, or what is wrong with it.
 */
static const char *parse_watch(char ***argv, int64_t *ret)
{
    const char *value = (**argv)[strlen("--watch")] ? **argv + strlen("--watch=") : NULL;
    if (!value && (*argv)[1] && isdigit((unsigned char)(*argv)[1][0]))
        value = *++*argv;
    *ret = WATCH_MS;
    return value && hr_seconds_parse(value, WATCH_MIN_MS, TIMEOUT_MAX_MS, ret)
               ? "expected seconds, from 0.1 to 3600"
               : NULL;
}

/* One option.  NULL, or what is wrong with it. */
static const char *parse_option(char ***argv, int takes, struct hr_client_options *o)
{
    const char *value = NULL;
    if (!(takes & HR_TAKES_PROBE) && strcmp(**argv, "--json") == 0) {
        o->json = true;
    } else if (strcmp(**argv, "--help") == 0 || strcmp(**argv, "-h") == 0) {
        o->help = true;
    } else if ((takes & HR_TAKES_UNDO) && strcmp(**argv, "--undo") == 0) {
        o->undo = true;
    } else if ((takes & HR_TAKES_PROBE) && strcmp(**argv, "--verbose") == 0) {
        o->verbose = true;
    } else if ((takes & HR_TAKES_PROBE) && (value = option_value(argv, "--timeout"))) {
        if (hr_seconds_parse(value, 1, TIMEOUT_MAX_MS, &o->timeout_ms))
            return "expected seconds, from 0.001 to 3600";
    } else if ((takes & HR_TAKES_WATCH) &&
               (strcmp(**argv, "--watch") == 0 || strncmp(**argv, "--watch=", 8) == 0)) {
        return parse_watch(argv, &o->watch_ms);
    } else if ((value = option_value(argv, "--pid"))) {
        if (hr_parse_int(value, 1, INT32_MAX, &o->pid))
            return "expected the process number of a supervisor";
    } else if ((value = option_value(argv, "--socket"))) {
        struct sockaddr_un sa;
        socklen_t len = 0;
        if (hr_control_address(value, &sa, &len))
            return "expected @NAME or an absolute path, of at most 107 bytes";
        o->socket = value;
    } else {
        return "unknown option";
    }
    return NULL;
}

int hr_client_parse(char **argv, int takes, const char *usage, struct hr_client_options *ret)
{
    struct hr_client_options o = {.command = argv[0]};
    for (argv++; *argv; argv++) {
        const char *arg = *argv;
        const char *wrong = NULL;
        if (arg[0] == '-')
            wrong = parse_option(&argv, takes, &o);
        else if (!(takes & HR_TAKES_WORD) || o.word)
            wrong = "one argument too many";
        else
            o.word = arg;
        if (wrong)
            return hr_client_fail(&o, HR_EXIT_USAGE, "%s: %s; usage: %s", arg, wrong, usage);
    }
    if (o.help)
        (void)printf("usage: %s\n", usage);
    *ret = o;
    return 0;
}

/* ---- finding the socket -------------------------------------------------------------------- */

/* One line of /proc/net/unix: "<number>: <refs> <protocol> <flags> <type> <state> <inode> <name>",
 * in hexadecimal but for the inode; NULs of an abstract name are shown as '@'. */
static void scan_line(char *line, const char *prefix, uint64_t space, struct hr_client_found *found)
{
    char ours[HR_CONTROL_NAME_MAX];
    int64_t pid = 0;
    char *name = strstr(line, prefix);
    char *at = strchr(line, ' ');
    for (int i = 0; i < 2 && at; i++) /* over refs and protocol */
        at = strchr(at + 1, ' ');
    if (!name || name == line || name[-1] != ' ' || !at ||
        !(strtoul(at, NULL, 16) & PROC_LISTENING))
        return;
    name[strcspn(name, "\n")] = '\0';
    (void)snprintf(ours, sizeof(ours), "%s%llu/", prefix, (unsigned long long)space);
    if (strncmp(name, ours, strlen(ours)) != 0)
        found->elsewhere = true;
    else if (found->npids < HR_CLIENT_FOUND_MAX &&
             hr_parse_int(name + strlen(ours), 1, INT32_MAX, &pid) == 0)
        found->pids[found->npids++] = pid;
}

void hr_client_scan(FILE *list, const char *prefix, uint64_t space, struct hr_client_found *ret)
{
    char *line = NULL;
    size_t size = 0;
    *ret = (struct hr_client_found){.npids = 0};
    while (getline(&line, &size, list) >= 0)
        scan_line(line, prefix, space, ret);
    free(line);
}

static int several(const struct hr_client_options *o, const struct hr_client_found *found)
{
    char pids[HR_CLIENT_FOUND_MAX * 16];
    size_t n = 0;
    for (size_t i = 0; i < found->npids; i++)
        n += (size_t)snprintf(pids + n, sizeof(pids) - n, "%s%lld", i ? ", " : "",
                              (long long)found->pids[i]);
    return hr_client_fail(o, HR_EXIT_UNAVAILABLE,
                          "several supervisors run here, pids %s: choose one with "
                          "--pid=N",
                          pids);
}

/* The supervisor of this container. */
static int find_socket(const struct hr_client_options *o, const struct hr_client_place *place,
                       char name[HR_CONTROL_NAME_MAX])
{
    struct hr_client_found found = {.npids = 0};
    uint64_t space = hr_control_namespace();
    FILE *list = fopen("/proc/net/unix", "re");
    if (!list) {
        hr_control_name(name, place->prefix, space, 1); /* no /proc: the one place left to look */
        return 0;
    }
    hr_client_scan(list, place->prefix, space, &found);
    (void)fclose(list);
    if (found.npids > 1)
        return several(o, &found);
    if (found.npids == 0)
        return hr_client_fail(
            o, HR_EXIT_UNAVAILABLE,
            "cannot find its socket: is handrail running in this container, and was "
            "it started without --no-sidecar? %s--socket=NAME names another socket",
            found.elsewhere ? "(Another container of this pod has one.) " : "");
    hr_control_name(name, place->prefix, space, found.pids[0]);
    return 0;
}

static int choose_socket(const struct hr_client_options *o, const struct hr_client_place *place,
                         char name[HR_CONTROL_NAME_MAX])
{
    struct sockaddr_un sa;
    socklen_t len = 0;
    const char *given = o->socket;
    if (!given && o->pid) {
        hr_control_name(name, place->prefix, hr_control_namespace(), o->pid);
        return 0;
    }
    if (!given)
        given = getenv(place->variable);
    if (!given || !*given)
        return find_socket(o, place, name);
    if (hr_control_address(given, &sa, &len))
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE,
                              "%s is \"%s\": expected @NAME or an absolute path, of at most "
                              "107 bytes",
                              place->variable, given);
    (void)snprintf(name, HR_CONTROL_NAME_MAX, "%s", given);
    return 0;
}

/* ---- talking ------------------------------------------------------------------------------- */

/* Is it handrail that listens there?  Whose it is goes into the link. */
static int check_listener(const struct hr_client_options *o, const struct hr_client_place *place,
                          struct hr_client_link *link)
{
    const char *name = link->name;
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);
    char prefix[HR_CONTROL_NAME_MAX];
    int64_t pid = 0;
    if (getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "cannot tell who listens on %s: %s", name,
                              strerror(errno));
    (void)snprintf(prefix, sizeof(prefix), "%s%llu/", place->prefix,
                   (unsigned long long)hr_control_namespace());
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) == 0 && hr_parse_int(name + n, 1, INT32_MAX, &pid) == 0 &&
        pid != peer.pid)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE,
                              "%s is held by pid %d, which is not that supervisor", name,
                              (int)peer.pid);
    if (peer.uid != 0 && peer.uid != geteuid() && geteuid() != 0)
        return hr_client_fail(
            o, HR_EXIT_UNAVAILABLE,
            "%s is held by pid %d of uid %u, which is neither root nor you: not trusted", name,
            (int)peer.pid, (unsigned)peer.uid);
    link->supervisor = peer.pid;
    return 0;
}

/* 0 or -errno. */
static int open_socket(const char *name, unsigned timeout_ms, int *ret_fd)
{
    const struct timeval patience = {.tv_sec = timeout_ms / 1000,
                                     .tv_usec = (long)(timeout_ms % 1000) * 1000};
    struct sockaddr_un sa;
    socklen_t len = 0;
    int err = hr_control_address(name, &sa, &len);
    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
        err = -errno;
    while (!err && connect(fd, (const struct sockaddr *)&sa, len) < 0)
        err = errno == EINTR ? 0 : -errno; /* Ctrl-Z, or a window of another size */
    if (err)
        hr_close(&fd);
    else
        *ret_fd = fd;
    return err;
}

/* Most supervisors are process 1; the list of all sockets may be long.  0 or -errno. */
static int connect_first(const struct hr_client_options *o, const struct hr_client_place *place,
                         unsigned timeout_ms, char name[HR_CONTROL_NAME_MAX], int *ret_fd)
{
    const char *given = getenv(place->variable);
    if (!place->first || o->socket || o->pid || (given && *given))
        return -ECONNREFUSED;
    hr_control_name(name, place->prefix, hr_control_namespace(), 1);
    return open_socket(name, timeout_ms, ret_fd);
}

int hr_client_connect(const struct hr_client_options *o, const struct hr_client_place *place,
                      unsigned timeout_ms, struct hr_client_link *ret)
{
    struct hr_client_link link = {.fd = -1};
    int code = 0;
    int err = connect_first(o, place, timeout_ms, link.name, &link.fd);
    if (err == -ECONNREFUSED) {
        code = choose_socket(o, place, link.name);
        if (code)
            return code;
        err = open_socket(link.name, timeout_ms, &link.fd);
    }
    if (err)
        return hr_client_fail(
            o, HR_EXIT_UNAVAILABLE, "cannot connect to %s: %s%s", link.name, strerror(-err),
            err == -ECONNREFUSED || err == -ENOENT ? ": is handrail running in this container?"
            : err == -EAGAIN                       ? ": too many are waiting there already"
                                                   : "");
    code = check_listener(o, place, &link);
    if (code)
        hr_close(&link.fd);
    else
        *ret = link;
    return code;
}

/* Send all of it.  Whoever is refused is so before all that he says was read, and then cannot send;
 * the reason waits to be read. */
static int send_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
        data += sent;
        n -= (size_t)sent;
    }
    return 0;
}

/* One line, without its newline.  0, -EPIPE if the other side has ended before it, or -errno. */
static int receive_line(int fd, struct hr_buf *line)
{
    for (;;) {
        char chunk[16 * 1024];
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        const char *end = memchr(chunk, '\n', (size_t)n);
        int err = hr_buf_add(line, chunk, end ? (size_t)(end - chunk) : (size_t)n);
        if (err || end)
            return err;
    }
}

static unsigned patience_ms(const struct hr_client_options *o)
{
    return (unsigned)(o->timeout_ms ? o->timeout_ms : PATIENCE_MS);
}

static int exchange(const struct hr_client_options *o, const char *order, struct hr_buf *line,
                    int64_t *ret_supervisor)
{
    struct hr_client_link link = {.fd = -1};
    int code = hr_client_connect(o, &control_place, patience_ms(o), &link);
    if (code)
        return code;
    *ret_supervisor = link.supervisor;
    int err = send_all(link.fd, order, strlen(order));
    if (!err)
        err = send_all(link.fd, "\n", 1);
    if (!err)
        err = receive_line(link.fd, line);
    hr_close(&link.fd);
    if (err == -EPIPE || err == -ECONNRESET)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "%s was closed before there was an answer",
                              link.name);
    if (err == -EAGAIN)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "no answer on %s within %u ms", link.name,
                              patience_ms(o));
    if (err == -E2BIG)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "the answer on %s is longer than %d bytes",
                              link.name, ANSWER_MAX);
    if (err)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "cannot talk to handrail on %s: %s",
                              link.name, strerror(-err));
    return 0;
}

int hr_client_supervisor(const struct hr_client_options *o, int64_t *ret_supervisor)
{
    struct hr_client_link link = {.fd = -1};
    int code = hr_client_connect(o, &control_place, patience_ms(o), &link);
    hr_close(&link.fd);
    if (!code)
        *ret_supervisor = link.supervisor;
    return code;
}

/* What came back.  0 with *ret, 1 for a refusal, 69 for what is no answer. */
static int read_answer(const struct hr_client_options *o, const struct hr_buf *line, json_t **ret)
{
    json_t *answer =
        json_loadb(hr_buf_str(line), line->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!answer)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "the answer is not JSON: %.200s",
                              hr_buf_str(line));
    if (o->json)
        (void)printf("%s\n", hr_buf_str(line));
    if (!json_is_false(json_object_get(answer, "ok"))) {
        *ret = answer;
        return 0;
    }
    if (!o->json)
        (void)hr_client_fail(o, HR_EXIT_REFUSED, "%s", hr_text_get(answer, "error", "refused"));
    json_decref(answer);
    return HR_EXIT_REFUSED;
}

int hr_client_ask(const struct hr_client_options *o, json_t *order, int64_t *ret_supervisor,
                  json_t **ret)
{
    struct hr_buf line;
    int64_t supervisor = 0;
    char *text = json_dumps(order, JSON_COMPACT);
    json_decref(order);
    if (!text)
        return hr_client_fail(o, HR_EXIT_USAGE, "an argument is not UTF-8");
    hr_buf_init(&line, ANSWER_MAX);
    int code = exchange(o, text, &line, &supervisor);
    if (ret_supervisor)
        *ret_supervisor = supervisor;
    if (!code)
        code = read_answer(o, &line, ret);
    free(text);
    hr_buf_free(&line);
    return code;
}
