/* SPDX-License-Identifier: MIT
 * What the supervisor hands down.  See handoff.h. */
#include "handoff.h"

#include "buf.h"
#include "fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int hr_settings_read(int fd, json_t **ret)
{
    struct hr_buf text;
    hr_buf_init(&text, HR_SETTINGS_MAX);
    int err = hr_read_fd(fd, &text);
    if (!err) {
        json_t *root = json_loadb(hr_buf_str(&text), text.len, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(root)) {
            *ret = root;
        } else {
            json_decref(root);
            err = -EPROTO;
        }
    }
    hr_buf_free(&text);
    return err;
}

void hr_notify(const char *line)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "%s\n", line);
    if (n > 0 && (size_t)n < sizeof(text))
        (void)hr_write_all(HR_FD_NOTIFY, text, (size_t)n);
}

void hr_notify_server_ready(uint32_t starts)
{
    char line[32];
    (void)snprintf(line, sizeof(line), "SERVER=%u", starts);
    hr_notify(line);
}
