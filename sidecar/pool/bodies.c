/* SPDX-License-Identifier: MIT
 * Answers of the server.  See bodies.h. */
#include "bodies.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define SECONDS_MAX 1e10 /* 300 years: what is more is not meant */

const char *hr_init_state_name(enum hr_init_state state)
{
    switch (state) {
    case HR_INIT_DORMANT: return "dormant";
    case HR_INIT_RUNNING: return "initializing";
    case HR_INIT_DONE: return "ready";
    default: return NULL;
    }
}

int hr_init_body(const char *body, size_t len, enum hr_init_state *ret)
{
    json_t *root = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(root, "state"));
    int err = -EPROTO;
    for (int s = HR_INIT_DORMANT; text && s <= HR_INIT_DONE; s++) {
        if (strcmp(text, hr_init_state_name((enum hr_init_state)s)) != 0)
            continue;
        *ret = (enum hr_init_state)s;
        err = 0;
    }
    json_decref(root);
    return err;
}

static double seconds(const json_t *root, const char *name)
{
    const json_t *number = json_object_get(root, name);
    double value = json_number_value(number);
    return json_is_number(number) && value >= 0 && value <= SECONDS_MAX ? value : -1;
}

/* Cut to what fits; a version is no place for anything but printable ASCII. */
static void take_version(const json_t *root, char out[HR_SERVER_VERSION_MAX])
{
    const char *text = json_string_value(json_object_get(root, "version"));
    size_t n = 0;
    for (; text && text[n] > ' ' && text[n] <= '~' && n < HR_SERVER_VERSION_MAX - 1; n++)
        out[n] = text[n];
    out[n] = '\0';
}

int hr_server_info_body(const char *body, size_t len, struct hr_server_info *ret)
{
    json_t *root = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return -EPROTO;
    }
    ret->uptime_s = seconds(root, "uptime");
    ret->idle_s = seconds(root, "idle_time");
    take_version(root, ret->version);
    json_decref(root);
    return 0;
}

int hr_count_body(const char *body, size_t len, int64_t *ret)
{
    json_t *root = json_loadb(body, len, JSON_DECODE_ANY, NULL);
    int64_t n = json_is_integer(root) ? (int64_t)json_integer_value(root) : -1;
    json_decref(root);
    if (n < 0)
        return -EPROTO;
    *ret = n;
    return 0;
}
