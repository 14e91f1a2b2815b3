/* SPDX-License-Identifier: MIT
 * Everything that is made once at start and handed to the programs we run: sockets, keys, settings.
 * It lives as long as the supervisor. */
#ifndef HR_SUPERVISOR_HANDOUT_H
#define HR_SUPERVISOR_HANDOUT_H

#include "loader/config/config.h"

enum {
    HR_KEY_BYTES = 32,
    HR_KEY_TEXT = 2 * HR_KEY_BYTES + 1,
};

struct hr_handout {
    struct hr_address health; /* as bound */
    struct hr_address mcp;
    int health_fd;
    int mcp_fd;
    int sidecar_settings_fd;
    int null_fd; /* /dev/null, standard input of our own programs */
    char mcp_token[HR_KEY_TEXT];
    struct {
        int calls_fd;
        int settings_fd;
    } toolhosts[HR_MAX_PLUGINS];
};

/* Service indexes on the board. */
enum { HR_INDEX_SERVER = 0, HR_INDEX_SIDECAR = 1, HR_INDEX_TOOLHOST = 2 };

/* 0, or the exit code after having said what is wrong. */
int hr_handout_make(const struct hr_config *c, struct hr_handout *ret);

#endif
