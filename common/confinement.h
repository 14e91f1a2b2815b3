/* SPDX-License-Identifier: MIT
 * What a plugin may do: the object "confinement" of its entry in the tool registry.  The registry's
 * reader refuses what is wrong with it; the toolhost reads the same object, handed down as it is.
 * Every key, its unit and its default: loader/toolhost/CONFINEMENT.md. */
#ifndef HR_COMMON_CONFINEMENT_H
#define HR_COMMON_CONFINEMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    HR_CONFINEMENT_LIST_MAX = 64, /* items of each list */
    HR_CONFINEMENT_FILES_MIN = 64 /* open files: fewer, and the toolhost itself could not work */
};

/* Lists are arrays, borrowed from the object; NULL: not given. */
struct hr_confinement {
    bool required; /* a kernel that cannot enforce all of it is a reason not to start */
    bool network;  /* sockets of IPv4 and IPv6 */
    bool exec;     /* starting programs */
    const json_t *read, *write;           /* absolute paths */
    const json_t *tcp_connect, *tcp_bind; /* ports */
    const json_t *syscalls, *environment; /* names */
    const char *working_directory;        /* absolute; borrowed */
    json_int_t memory_mib;                /* beyond what the toolhost has itself; 0: no limit */
    json_int_t file_mib;                  /* of one file that is written; 0: no limit */
    json_int_t open_files;
    json_int_t cpu_seconds; /* of one life of the process; 0: no limit */
    json_int_t nice;
};

/* One thing that is wrong.  pointer: JSON pointer within the object.  came: borrowed; NULL: the key
 * itself, which pointer has as it is, without escapes, is not known. */
typedef void hr_confinement_problem(void *arg, const char *pointer, const char *expected,
                                    const json_t *came);

/* Read the object, saying everything that is wrong with it.  0, or -EINVAL after at least one
 * problem.  *ret borrows from o. */
int hr_confinement_read(const json_t *o, hr_confinement_problem *problem, void *arg,
                        struct hr_confinement *ret);

#endif
