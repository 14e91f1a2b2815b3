/* SPDX-License-Identifier: MIT
 * Our other programs: where they lie, and the environment they get. */
#ifndef HR_SUPERVISOR_PROGRAMS_H
#define HR_SUPERVISOR_PROGRAMS_H

enum { HR_PROGRAM_PATH = 4096, HR_PROGRAM_ENV = 64 };

struct hr_programs {
    char handrail[HR_PROGRAM_PATH]; /* ourselves, by the name that is not the server's */
    char sidecar[HR_PROGRAM_PATH];
    char toolhost[HR_PROGRAM_PATH];
    const char *sidecar_argv[2];
    const char *toolhost_argv[2];
    char *env[HR_PROGRAM_ENV + 1]; /* borrowed from environ */
};

/* They lie beside this program's own file, wherever that is.  The environment is a short list of
 * harmless variables: no LD_*, and none of the server's secrets. */
void hr_programs_find(struct hr_programs *p);

#endif
