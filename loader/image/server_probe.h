/* SPDX-License-Identifier: MIT
 * Which agent-server a program is that has no package beside it: it is asked for its help. */
#ifndef HR_IMAGE_SERVER_PROBE_H
#define HR_IMAGE_SERVER_PROBE_H

#include "loader/config/server_version.h"

enum { HR_SERVER_PROBE_MS = 60 * 1000 }; /* a bundled one unpacks itself first */

/* What the text of its help tells: the version if it is there, else the oldest that has its options
 * ("1.22.1+").  0, or -ENOENT: it is not an agent-server's. */
int hr_server_probe_read(const char *text, char version[HR_VERSION_TEXT]);

/* Run the program at `path` with --help, and read that.  0, -ENOENT, -ETIMEDOUT or -errno. */
int hr_server_probe(const char *path, char version[HR_VERSION_TEXT]);

#endif
