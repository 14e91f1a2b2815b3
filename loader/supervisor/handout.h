/* SPDX-License-Identifier: MIT
 * Everything that is made once at start and handed to the programs we run: sockets, keys, settings.
 * It lives as long as the supervisor. */
#ifndef HR_SUPERVISOR_HANDOUT_H
#define HR_SUPERVISOR_HANDOUT_H

#include "listen.h"
#include "loader/config/config.h"

enum {
    HR_KEY_BYTES = 32,
    HR_KEY_TEXT = 2 * HR_KEY_BYTES + 1,
    HR_URL_TEXT = HR_ADDRESS_TEXT + 16,
};

struct hr_handout {
    struct hr_address
        health; /* as bound; of `handrail mcp` nothing is, and there is no session key */
    struct hr_address mcp;
    int health_fd; /* -1: none, likewise */
    int mcp_fd;
    int probe_fd; /* -1 also if its name was taken */
    int sidecar_settings_fd;
    int null_fd; /* /dev/null, standard input of our own programs */
    char mcp_token[HR_KEY_TEXT];
    char ipc_key[HR_KEY_TEXT]; /* first frame to every toolhost */
    char *session_key;         /* the server's, of our environment; NULL: none */
    uint16_t vscode_port;      /* where the editor will listen, to be looked at; 0: nowhere */
    struct {
        char name[HR_ABSTRACT_NAME_MAX]; /* of the socket */
        int calls_fd;                    /* -1 until the first plugin of this place */
        int settings_fd;
    } toolhosts[HR_MAX_PLUGINS];
};

/* Service indexes on the board. */
enum { HR_INDEX_SERVER = 0, HR_INDEX_SIDECAR = 1, HR_INDEX_HOOK = 2, HR_INDEX_TOOLHOST = 3 };

/* All but the settings.  0, or the exit code after having said what is wrong. */
int hr_handout_make(const struct hr_config *c, struct hr_handout *ret);

/* Socket (if this place has none yet) and settings for the plugin in place i.  0 or -errno. */
int hr_handout_toolhost(struct hr_handout *h, const struct hr_config *c, uint32_t i);

/* The sidecar's settings, with the plugins there are now; a place whose path is NULL is empty.
 * 0 or -errno. */
int hr_handout_sidecar(struct hr_handout *h, const struct hr_config *c);

/* Of the MCP endpoint, for those who are to use it. */
void hr_handout_url(const struct hr_handout *h, char out[HR_URL_TEXT]);

#endif
