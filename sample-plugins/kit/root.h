/* SPDX-License-Identifier: MIT
 * The folder nobody gets out of: paths are made relative to it by their text, and opened below it
 * by the kernel, so that a link that is swapped in at the last moment leads nowhere. */
#ifndef KIT_ROOT_H
#define KIT_ROOT_H

#include <stdbool.h>
#include <stddef.h>

enum { KIT_PATH_MAX = 4096 }; /* bytes with the NUL, as the kernel's PATH_MAX */

bool kit_root_has_dotdot(const char *path);

/* Write into ret what path is called below root: "." for root itself, else "a/b" with neither
 * "." nor doubled slashes.  path is relative to root, or absolute and starts with it.
 * 0, -EXDEV (a ".." in it, or absolute and elsewhere) or -ENAMETOOLONG. */
int kit_root_relative(const char *root, const char *path, char ret[KIT_PATH_MAX]);

/* Open the root.  The caller closes *ret_fd.  0 or -errno. */
int kit_root_open(const char *root, int *ret_fd);

/* Open what lies at rel (as kit_root_relative writes it), with O_PATH, or to read: then it never
 * blocks on a FIFO.  Symbolic links are not followed in any place.  flags: O_PATH, O_DIRECTORY.
 * 0, -ELOOP for a link, or another -errno. */
int kit_root_open_below(int root_fd, const char *rel, int flags, int *ret_fd);

#endif
