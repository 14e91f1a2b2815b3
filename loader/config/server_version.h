/* SPDX-License-Identifier: MIT
 * Which agent-server a program is, told without running it.  Start-up only. */
#ifndef HR_CONFIG_SERVER_VERSION_H
#define HR_CONFIG_SERVER_VERSION_H

#include <stddef.h>

enum { HR_VERSION_TEXT = 64 };

/* The first agent-server with --import-modules, without which there is no custom agent. */
#define HR_SERVER_IMPORTS_SINCE "1.20"

/* Compare two versions as Python packages have them: "1.9" < "1.22.1rc1" < "1.22.1" = "1.22.1.0".
 * Negative, zero or positive.  Text that follows the numbers counts only if it says that this is
 * something before the release (a, b, rc, dev). */
int hr_version_compare(const char *a, const char *b);

/* The version of the agent-server installed beside the program at `path`: that of
 * <prefix>/lib/python3.N/site-packages/openhands_agent_server-<version>.dist-info, where the
 * program lies in <prefix>/bin.  The path is taken as it is first (a virtual environment's python
 * is a link to elsewhere), then with its links followed.  The newest, if there are several. 0, or
 * -ENOENT: not known, as with a bundled binary. */
int hr_server_version(const char *path, char out[HR_VERSION_TEXT]);

#endif
