/* SPDX-License-Identifier: MIT
 * MCP servers of the user's, looked at because of what they can do to our tools: a conversation
 * connects all of its MCP servers within one limit of 30 s, so a single one that accepts and says
 * nothing takes every tool from it, ours included.  One that refuses does no such harm.
 *
 * Made by main when there are native tools, started when the sidecar is ready.  The files are read
 * once, in a child process.  Each server whose address needs no looking up gets a POST
 * `initialize`; whatever HTTP answer comes will do.  One that did not answer is tried again after
 * 10 s, since it may be starting along with us, and only then there is a warning; after that once a
 * minute until it answers.  Those that have answered are left alone: each try can leave a session
 * with them.
 *
 * Owns its list, the child and its requests.  Loop's thread only. */
#ifndef HR_SIDECAR_PREFLIGHT_FOREIGN_H
#define HR_SIDECAR_PREFLIGHT_FOREIGN_H

#include "common/expo.h"
#include "plugin_files.h"
#include "sidecar/http/client.h"

#include <ev.h>

enum { HR_FOREIGN_SERVERS = 64 }; /* tried at most */

struct hr_foreign_config {
    struct ev_loop *loop;
    struct hr_client *client;
    const char *home;    /* borrowed; NULL: $HOME */
    unsigned timeout_ms; /* of one try; 0: 1000 */
    unsigned first_ms;   /* until the second try; 0: 10 s */
    unsigned again_ms;   /* between later ones; 0: 60 s */
    unsigned files_ms;   /* for reading the files; 0: 5 s */
    /* Called in the child; NULL: hr_plugin_files_read(). */
    void (*read)(const char *home, hr_plugin_server *found, void *arg);
};

struct hr_foreign;

/* 0 or -ENOMEM. */
int hr_foreign_new(const struct hr_foreign_config *cfg, struct hr_foreign **ret);
/* Read and try.  What goes wrong is said in the log, and then there is nothing to count. */
void hr_foreign_start(struct hr_foreign *f);
/* To be called before the client's end.  NULL is fine. */
void hr_foreign_free(struct hr_foreign *f);

/* handrail_foreign_mcp_unreachable; arg is the struct hr_foreign. */
hr_collector hr_foreign_collect;

#endif
