/* SPDX-License-Identifier: MIT
 * Command line, environment and the registry file, merged into one read-only configuration.
 *
 * Precedence: command line, then environment, then file, then default.  Everything is checked here,
 * before anything is started: each problem is one line on standard error that says where it is,
 * what was expected and what came, and hr_config_load() then gives the code to exit with.
 *
 * Start-up only: it allocates.  The strings of argv and the environment are borrowed for ever.
 */
#ifndef HR_CONFIG_CONFIG_H
#define HR_CONFIG_CONFIG_H

#include "address.h"
#include "common/board.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum hr_restart { HR_RESTART_NEVER, HR_RESTART_ON_FAILURE, HR_RESTART_ALWAYS };

struct hr_plugin_config {
    char id[HR_PLUGIN_ID_MAX + 1];
    char *path;     /* absolute */
    bool required;  /* readiness waits for it */
    json_t *config; /* an object, never NULL */
};

struct hr_config {
    char **command; /* the server's argv, NULL-ended */
    bool sidecar;   /* false: a plain init and nothing else */
    enum hr_restart restart;
    int64_t grace_ms; /* whole budget of a stop; 0: no limit */

    char agent_host[64]; /* numeric address at which the agent-server is probed */
    uint16_t agent_port;
    struct hr_address health;
    struct hr_address mcp;

    struct hr_plugin_config plugins[HR_MAX_PLUGINS];
    uint32_t nplugins;
};

/* argv: the arguments after `run` or `--`, options first.  Returns 0, or the exit code (64 for
 * usage, 78 for configuration) after having said why.  On success free with hr_config_free(). */
int hr_config_load(char **argv, struct hr_config *ret);

/* The same for a call by the server's own name: argv[0] is that name, the rest are its flags. */
int hr_config_load_as_server(char **argv, struct hr_config *ret);

void hr_config_free(struct hr_config *c);

#endif
