/* SPDX-License-Identifier: MIT
 * What is known to go wrong is said before the server's first start, one warning each, in words
 * that say what will happen and how to mend it.
 *
 * Called once by the supervisor before the first start of an agent-server.  Nothing here fails the
 * start, and nothing has side effects.  The looking is done in a child process, because a folder on
 * a file system that does not answer would otherwise hold PID 1 for ever; it is given two seconds.
 *
 * The rules are those of the agent-server 1.58, checked against it by tests/e2e/test_preflight.py.
 *
 *   secret-key-unset      no OH_SECRET_KEY, and no session key in its place: after a restart the
 *                         conversations on disk have lost their secrets, their LLM key among them
 *   session-key-empty     a session key that is set but empty is dropped: no authentication, and
 *                         only 127.0.0.1 is listened on
 *   init-refused          deferred init with a blank OH_SECRET_KEY: /api/init answers 401, always
 *   init-open             deferred init without OH_SECRET_KEY, listening on the network: the first
 *                         POST /api/init wins, whoever it is from
 *   init-unreachable      deferred init without any key and without --host: 127.0.0.1 only
 *   env-number            not a number, or out of range: exit code 1.  The usual one: a Kubernetes
 *                         Service named oh-vscode sets OH_VSCODE_PORT=tcp://...
 *   env-boolean           meant as true and read as false ("yes", "on"), or not to be guessed
 *   env-json              a list or object that is no JSON: exit code 1
 *   config-file           the same for the server's configuration file
 *   folder-unwritable     the server, as this user, can neither write to a folder nor create it
 *   home-unknown          no HOME, and no entry in the password file either: exit code 1
 *   tmux-dir-long         TMUX_TMPDIR is too long for tmux's sockets in it
 *   tmux-dir-unwritable   tmux cannot make its sockets in TMUX_TMPDIR: no terminal
 *   agent-port-taken      the server cannot listen there: exit code 3
 *   agent-port-differs    HANDRAIL_AGENT_PORT is not the port the server is told
 *   vscode-port-taken     something listens there: no VSCode
 *   vscode-port-same      VSCode is started first and takes the agent-server's own port
 *   name-oh-handrail      OH_HANDRAIL_...: handrail's variables have no OH_ in front
 *   agent-class-alone     CUSTOM_AGENT_CLASS without CUSTOM_AGENT_MODULE: nothing is imported
 *   preflight-slow        the looking took too long; says at which folder
 *   preflight-failed      it could not be done
 */
#ifndef HR_SUPERVISOR_PREFLIGHT_H
#define HR_SUPERVISOR_PREFLIGHT_H

#include "loader/config/config.h"

#include <stdbool.h>

/* id: one of those above.  text: one line without control characters. */
typedef void hr_preflight_say(void *arg, const char *id, const char *text);

/* c->command and c->agent_port are looked at.  agent_server: the command is an agent-server; if
 * not, nothing is said, since nothing is known.  env: the environment the server will have.  say:
 * called for each finding, in this process; NULL for a warning in the log. */
void hr_preflight(const struct hr_config *c, bool agent_server, char *const *env,
                  hr_preflight_say *say, void *arg);

/* What can be said from the variables of an agent-server alone: env-number, env-boolean, env-json,
 * name-oh-handrail, agent-class-alone.  Looks at nothing else, in this process. */
void hr_preflight_environment(const struct hr_config *c, char *const *env, hr_preflight_say *say,
                              void *arg);

#endif
