/* SPDX-License-Identifier: MIT
 * What the supervisor hands down.  See handoff.h. */
#include "handoff.h"

#include "buf.h"
#include "fd.h"
#include "packet.h"
#include "passing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { ORDERS_AT_ONCE = 8 };

int hr_settings_read(int fd, json_t **ret)
{
    struct hr_buf text;
    struct stat st;
    hr_buf_init(&text, HR_SETTINGS_MAX);
    /* At once, so that no smaller buffer is left behind with the keys that are in it. */
    int err = fstat(fd, &st) < 0 ? -errno : 0;
    if (!err && st.st_size > 0 && st.st_size <= HR_SETTINGS_MAX)
        err = hr_buf_reserve(&text, (size_t)st.st_size);
    if (!err)
        err = hr_read_fd(fd, &text);
    if (!err) {
        json_t *root = json_loadb(hr_buf_str(&text), text.len, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(root)) {
            *ret = root;
        } else {
            json_decref(root);
            err = -EPROTO;
        }
    }
    if (text.data)
        explicit_bzero(text.data, text.cap);
    hr_buf_free(&text);
    return err;
}

void hr_notify(const char *line)
{
    char text[HR_NOTIFICATION_MAX];
    int n = snprintf(text, sizeof(text) - 1, "%s", line); /* cut if need be */
    if (n < 0)
        return;
    size_t len = strlen(text);
    text[len++] = '\n';
    (void)hr_write_all(HR_FD_NOTIFY, text, len);
}

int hr_order_send(int socket, const char *order, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec text = {.iov_base = (void *)(uintptr_t)order, .iov_len = strlen(order)};
    struct msghdr msg = {.msg_iov = &text, .msg_iovlen = 1};
    if (fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int hr_packet_receive(int socket, char *text, size_t size, int *ret_fd)
{
    struct hr_packet p;
    int err = hr_packet_read(socket, text, size, &p);
    for (size_t i = err ? 0 : 1; i < p.nfds; i++)
        hr_close(&p.fds[i]);
    if (err)
        return err;
    if (text[p.len - 1] == '\n')
        text[p.len - 1] = '\0';
    *ret_fd = p.nfds ? p.fds[0] : -1;
    return 0;
}

int hr_order_place(int socket)
{
    return fcntl(socket, F_DUPFD_CLOEXEC, 0);
}

int hr_orders_take(int socket, int *place, hr_order_obey *obey, void *arg)
{
    char text[HR_NOTIFICATION_MAX];
    int err = 0;
    for (int i = 0; i < ORDERS_AT_ONCE && (!err || err == -EMSGSIZE); i++) {
        int fd = -1;
        hr_close(place);
        err = hr_packet_receive(socket, text, sizeof(text), &fd);
        if (!err)
            obey(text, &fd, arg);
        hr_close(&fd);
        *place = hr_order_place(socket);
    }
    /* Nothing is there, or it cannot be had now. */
    return err == -EMSGSIZE || hr_error_passes(-err) ? 0 : err;
}
