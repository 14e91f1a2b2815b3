/* SPDX-License-Identifier: MIT
 * Listening sockets.  See sockets.h. */
#include "sockets.h"

#include "fd.h"
#include "file_lines.h"
#include "sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { STATE_LISTEN = 0x0a }; /* of the kernel's list in tcp_states.h */

/* Where we are in a line. */
struct text {
    const char *at;
    size_t n;
};

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return 16;
}

/* A number of `min` to `max` digits and, unless it is NUL, the character that must follow. */
static bool number(struct text *t, unsigned base, size_t min, size_t max, char follows,
                   uint64_t *ret)
{
    uint64_t v = 0;
    size_t n = 0;
    while (n < max && n < t->n && (unsigned)digit(t->at[n]) < base)
        v = v * base + (unsigned)digit(t->at[n++]);
    if (n < min || (follows && (n == t->n || t->at[n] != follows)))
        return false;
    n += follows != '\0';
    t->at += n;
    t->n -= n;
    *ret = v;
    return true;
}

static void skip_spaces(struct text *t)
{
    while (t->n && *t->at == ' ') {
        t->at++;
        t->n--;
    }
}

static bool skip_word(struct text *t)
{
    skip_spaces(t);
    size_t before = t->n;
    while (t->n && *t->at != ' ') {
        t->at++;
        t->n--;
    }
    return t->n != before;
}

/* "0100007F:EA60": the address as 32-bit words of the network's order, each printed as a number of
 * this machine's. */
static bool endpoint(struct text *t, bool v6, char address[HR_SOCKET_ADDRESS], uint16_t *ret_port)
{
    uint32_t words[4] = {0};
    uint64_t v = 0;
    skip_spaces(t);
    for (size_t i = 0; i < (v6 ? 4U : 1U); i++) {
        if (!number(t, 16, 8, 8, '\0', &v))
            return false;
        words[i] = (uint32_t)v;
    }
    if (!t->n || *t->at != ':')
        return false;
    t->at++;
    t->n--;
    if (!number(t, 16, 4, 4, ' ', &v))
        return false;
    *ret_port = (uint16_t)v;
    return inet_ntop(v6 ? AF_INET6 : AF_INET, words, address, HR_SOCKET_ADDRESS) != NULL;
}

/* "  0: local remote state queues timer retransmits uid timeout inode ...".  The state, or -EPROTO;
 * *ret is filled either way. */
static int parse(const char *line, size_t n, bool v6, struct hr_socket *ret)
{
    struct text t = {line, n};
    char remote[HR_SOCKET_ADDRESS];
    uint16_t remote_port = 0;
    uint64_t state = 0;
    uint64_t uid = 0;
    skip_spaces(&t);
    if (!number(&t, 10, 1, 10, ':', &state) || !endpoint(&t, v6, ret->address, &ret->port) ||
        !endpoint(&t, v6, remote, &remote_port))
        return -EPROTO;
    skip_spaces(&t);
    if (!number(&t, 16, 2, 2, ' ', &state) || !skip_word(&t) || !skip_word(&t) || !skip_word(&t))
        return -EPROTO;
    skip_spaces(&t);
    if (!number(&t, 10, 1, 10, ' ', &uid) || !skip_word(&t))
        return -EPROTO;
    skip_spaces(&t);
    if (!number(&t, 10, 1, 19, '\0', &ret->inode) || (t.n && *t.at != ' '))
        return -EPROTO;
    ret->uid = (uint32_t)uid;
    return (int)state;
}

int hr_sockets_parse(const char *line, size_t n, bool v6, struct hr_socket *ret)
{
    struct hr_socket s = {0};
    int state = parse(line, n, v6, &s);
    if (state < 0)
        return state;
    if (state != STATE_LISTEN)
        return 0;
    *ret = s;
    return 1;
}

/* Append those of one file to `out`, which holds *n.  0 or -ENOENT. */
static int read_file(const char *path, bool v6, struct hr_socket *out, size_t max, size_t *n)
{
    struct hr_file_lines lines;
    const char *line = NULL;
    size_t len = 0;
    int err = hr_file_lines_open(&lines, path, HR_SOCKETS_BYTES);
    if (err)
        return err;
    while (*n < max && (line = hr_file_lines_next(&lines, &len)))
        if (hr_sockets_parse(line, len, v6, &out[*n]) == 1)
            ++*n;
    hr_file_lines_close(&lines);
    return 0;
}

/* ---- both ways ----------------------------------------------------------------------------- */

static const struct {
    int family;
    bool v6;
    const char *path;
} families[HR_SOCKETS_FAMILIES] = {
    {AF_INET, false, "/proc/net/tcp"},
    {AF_INET6, true, "/proc/net/tcp6"},
};

/* Append those of one family, as the kernel answers.  0 or -errno. */
static int ask(struct hr_sockets *s, size_t i, struct hr_socket *out, size_t max, size_t *n)
{
    int err = 0;
    if (!s->answers[i])
        return -EOPNOTSUPP;
    if (s->fd < 0 && (err = hr_sock_diag_open(&s->fd)))
        return err;
    int r = hr_sock_diag_listening(s->fd, families[i].family, out, max, n);
    if (r != 1) {
        hr_close(&s->fd);
        (void)hr_sock_diag_open(&s->fd); /* or the next time */
    }
    return r < 0 ? r : 0;
}

int hr_sockets_open(struct hr_sockets *ret)
{
    int first = 0;
    *ret = (struct hr_sockets){.fd = -1};
    /* An attempt tells whether it answers.  It also makes the kernel load its modules, which may
     * take some time, now and not at a crash. */
    for (size_t i = 0; i < HR_SOCKETS_FAMILIES; i++) {
        size_t n = 0;
        ret->answers[i] = true;
        int err = ask(ret, i, NULL, 0, &n);
        ret->answers[i] = !err;
        first = i ? first : err;
    }
    if (!ret->answers[0] && !ret->answers[1])
        hr_close(&ret->fd);
    return first;
}

void hr_sockets_close(struct hr_sockets *s)
{
    hr_close(&s->fd);
    *s = (struct hr_sockets){.fd = -1};
}

int hr_sockets_listening(struct hr_sockets *s, struct hr_socket *out, size_t max)
{
    size_t n = 0;
    bool known = false;
    for (size_t i = 0; i < HR_SOCKETS_FAMILIES && (n < max || !known); i++)
        if (!ask(s, i, out, max, &n) || !read_file(families[i].path, families[i].v6, out, max, &n))
            known = true;
    return known ? (int)n : -ENOENT;
}
