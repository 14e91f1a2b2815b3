/* SPDX-License-Identifier: MIT
 * SQLite's way to files, without what leads out of a folder.
 *
 * SQLite opens by name, and more than the file it is given: beside it lie -journal, -wal and -shm.
 * To check a path and then hand it over would leave time to swap a folder on it for a link.  So the
 * folder is opened below the root by the kernel (kit/root.h), and SQLite is given
 * /proc/self/fd/N/name, where N is that folder, wherever it is moved meanwhile; the names of the
 * other files are made from this one, so they lie in the same folder.  The last part of a name is
 * no link, since SQLite opens with O_NOFOLLOW.
 *
 * SQLite's own VFS would resolve the links in that name first, and open what it finds by its path.
 * Ours does not, and refuses names of any other form: a journal that a writer left can name a file
 * that SQLite is to look at and to delete, and who writes a journal can write that. */
#ifndef SQ_VFS_H
#define SQ_VFS_H

extern const char sq_vfs_name[];

/* Make the name known to SQLite, or take it away.  0 or -errno. */
int sq_vfs_register(void);
void sq_vfs_unregister(void);

#endif
