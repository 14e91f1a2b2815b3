/* SPDX-License-Identifier: MIT
 * The MCP servers that the user's own plugins name in their .mcp.json files.
 *
 * Read from <home>/.agents/plugins and <home>/.openhands/plugins, as the agent-server does (from
 * $OH_PERSISTENCE_DIR/plugins too, which is not known here), bounded: files, bytes, servers.
 * Called by foreign.c in a child process, because home may be on a file system that does not
 * answer.  Owns nothing. */
#ifndef HR_SIDECAR_PREFLIGHT_PLUGIN_FILES_H
#define HR_SIDECAR_PREFLIGHT_PLUGIN_FILES_H

#include <stddef.h>

enum {
    HR_PLUGIN_FILES = 32,            /* read at most */
    HR_PLUGIN_FILE_MAX = 64 * 1024,  /* bytes of one */
    HR_PLUGIN_FOLDERS = 256,         /* looked into, in each of the two places */
    HR_PLUGIN_SERVERS_PER_FILE = 32, /* told */
};

/* One server with a URL; those that are started as a command have none.  All borrowed. */
typedef void hr_plugin_server(void *arg, const char *file, const char *name, const char *url);

/* Tell every server of every file.  A file that is ours, or no JSON, or too large, is passed over.
 */
void hr_plugin_files_read(const char *home, hr_plugin_server *found, void *arg);

/* The same for one file's text. */
void hr_plugin_file_parse(const char *file, const char *text, size_t n, hr_plugin_server *found,
                          void *arg);

/* What is asked and what is shown of a URL.  "http://user:pw@127.0.0.1:80/mcp?key=1#x" gives
 *   request  "http://127.0.0.1:80/mcp?key=1"
 *   shown    "http://127.0.0.1:80"    (a path can be a secret as well)
 * 0; -EPROTONOSUPPORT if it is not http; -EHOSTUNREACH for a name that would have to be looked up
 * (localhost need not); -EINVAL if it is no URL, or one with ${VARIABLES}; -E2BIG. */
int hr_plugin_url(const char *url, char *request, size_t request_size, char *shown,
                  size_t shown_size);

#endif
