/* SPDX-License-Identifier: MIT
 * Getting hold of a plugin's file: these bytes and no others are judged and loaded.
 *
 * The file is copied, hashed on the way, into memory that is then sealed, so that what was judged
 * is what is loaded, whatever becomes of the file meanwhile.  Whose bytes they are is vouched for
 * either by their SHA-256, if the registry gives it, or by the file's owner and mode: root or this
 * user, and writable by nobody else.  (The folders above it add nothing to that: what others can
 * put in its place is their own, or it was root's or this user's before, such as an older version.)
 *
 * Where sealed memory cannot be had, or cannot be loaded from (no /proc), the file itself is
 * loaded; then its owner and mode have to vouch for it, for the time between the look at it and the
 * load.  It is the file that was looked at, whatever has been put in its place, except without
 * /proc, where it is looked for by its path once more.
 *
 * Blocks on the disk.  No state, any thread. */
#ifndef HR_PLUGIN_FILE_FILE_H
#define HR_PLUGIN_FILE_FILE_H

#include "elf_file.h"
#include "why.h"

enum {
    HR_PLUGIN_FILE_MAX = 256 * 1024 * 1024, /* bytes */
    HR_PLUGIN_FILE_SHA256 = 65,             /* bytes of it in hexadecimal, with its NUL */
};

struct hr_plugin_file {
    const unsigned char *bytes; /* all of it, read-only */
    size_t len;
    int fd;      /* of the copy, or of the file */
    bool sealed; /* it is the copy */
    char sha256[HR_PLUGIN_FILE_SHA256];
    /* Of fd, for dlopen() in this process while it is open; "": load it by its own path.  The
     * dynamic linker takes equal paths for the same object: one load in a process. */
    char load_path[64];
};

/* path: absolute.  sha256: 64 hexadecimal digits, or NULL.  0; -EINVAL, or an error that
 * passes, with *why set; or -ENOMEM.  Close with hr_plugin_file_close(). */
int hr_plugin_file_open(const char *path, const char *sha256, struct hr_plugin_file *ret,
                        struct hr_why *why);

void hr_plugin_file_close(struct hr_plugin_file *f);

#endif
