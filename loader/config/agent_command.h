/* SPDX-License-Identifier: MIT
 * The agent-server's command line and environment as handrail starts it: with its Python helper and
 * the modules of the custom agent and of its tools imported, all found, and reachable while it
 * waits to be initialised. Any other command stays as it is; a plain init changes none, nor
 * is a server changed that only answers.
 *
 * Called by the supervisor before the first start, and by a nested handrail before it becomes the
 * command; what one has added the other leaves alone.  Start-up only: it allocates. */
#ifndef HR_CONFIG_AGENT_COMMAND_H
#define HR_CONFIG_AGENT_COMMAND_H

#include "config.h"

/* NULL-ended lists of strings that are borrowed from what was given, but for those in `owned`. */
struct hr_agent_command {
    char **argv;
    char **env;
    char *owned[2];
};

/* Where to look; for tests.  The default is beside our own program, /app, and the current folder.
 */
struct hr_agent_places {
    const char *helper; /* the folder of handrail_agent.py, NULL: there is none */
    const char *app;
    const char *cwd;
};

/* The names of its programs, NULL-ended. */
extern const char *const hr_agent_server_names[];

/* One of these names, also as NAME.real, in any folder; or a python with
 * -m openhands.agent_server. */
bool hr_is_agent_server(char *const *argv);

/* Does it only want an answer from the agent-server, which then ends by itself: --help? */
bool hr_agent_server_answers(char *const *argv);

/* Does this command line import our helper? */
bool hr_imports_helper(char *const *argv);

/* 0; 78 when CUSTOM_AGENT_MODULE is wrong, 71 without memory, after one line that says why. */
int hr_agent_command(const struct hr_config *config, char *const *argv, char *const *env,
                     struct hr_agent_command *ret);
int hr_agent_command_in(const struct hr_agent_places *places, const struct hr_config *config,
                        char *const *argv, char *const *env, struct hr_agent_command *ret);

/* Harmless on one that is all zero. */
void hr_agent_command_free(struct hr_agent_command *c);

#endif
