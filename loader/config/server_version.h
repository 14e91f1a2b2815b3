/* SPDX-License-Identifier: MIT
 * Which agent-server a program is, told without running it.  Start-up only. */
#ifndef HR_CONFIG_SERVER_VERSION_H
#define HR_CONFIG_SERVER_VERSION_H

#include <stddef.h>

enum { HR_VERSION_TEXT = 64 };

/* The first agent-server with --import-modules, without which there is no custom agent; the first
 * that reads OH_EXTRA_PYTHON_PATH, without which there is no helper; and the first that finds
 * plugins by itself, without which no conversation has the native tools. */
#define HR_SERVER_IMPORTS_SINCE "1.20"
#define HR_SERVER_PATH_SINCE    "1.22.1"
#define HR_SERVER_TOOLS_SINCE   "1.29.3"

/* Compare two versions as Python packages have them: "1.9" < "1.22.1rc1" < "1.22.1" = "1.22.1.0".
 * Negative, zero or positive.  Text that follows the numbers counts only if it says that this is
 * something before the release (a, b, rc, dev). */
int hr_version_compare(const char *a, const char *b);

/* One agent-server that was found.  folder: the site-packages it is in, borrowed. */
typedef void hr_server_package(void *arg, const char *folder, const char *version);

/* Call found() for each <prefix>/lib/python3.N/site-packages (or Debian's dist-packages) that has
 * openhands_agent_server-<version>.dist-info in it, where the program at `path` lies in
 * <prefix>/bin.  The path is taken as it is first (a virtual environment's python is a link to
 * elsewhere), and if nothing is there, with its links followed. */
void hr_server_packages(const char *path, hr_server_package *found, void *arg);

/* Behind a program's name: the file, one line, in which `handrail install` notes the version of one
 * that does not tell.  "1.22.1+" is at least that. */
#define HR_VERSION_SUFFIX ".version"

/* The version of the agent-server at `path`: the newest of its packages, else what was noted when
 * handrail was installed.  0, or -ENOENT: not known, as with a bundled binary. */
int hr_server_version(const char *path, char out[HR_VERSION_TEXT]);

#endif
