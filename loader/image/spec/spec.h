/* SPDX-License-Identifier: MIT
 * `handrail check --spec=FILE`: a sandbox specification, read, held against itself and against the
 * image it is for, or the container that runs it. */
#ifndef HR_IMAGE_SPEC_SPEC_H
#define HR_IMAGE_SPEC_SPEC_H

#include "loader/config/config.h"
#include "loader/image/report.h"

struct hr_buf;

enum {
    HR_SPEC_LISTENING_MAX = 512,   /* sockets */
    HR_SPEC_TEXT_MAX = 260 * 1024, /* bytes: more than HR_YAML_BYTES_MAX by a block of a read */
};

/* What is known of the image or the container.  It is gathered first; but for the working folder of
 * a container that runs, the comparison looks at nothing else. */
struct hr_spec_place {
    bool running;        /* a container; else an image, of which there are files and nothing more */
    char *const *env;    /* of the server, NULL-ended; NULL: not known */
    const char *version; /* of the agent-server; NULL: not known */
    /* See hr_spec_offered(); NULL: not known. */
    const json_t *offered;
    /* Of a container; -1: not known. */
    int64_t memory;                            /* bytes it may use */
    int64_t millicores;                        /* processor time it may use */
    int64_t uid;                               /* its user */
    uint16_t listening[HR_SPEC_LISTENING_MAX]; /* ports */
    int nlistening;                            /* -1: not known */
};

/* Nothing is known but that it runs, or not. */
void hr_spec_place_init(struct hr_spec_place *p, bool running);

/* Fill in what the container that we run in is like: memory, millicores, uid, ports. */
void hr_spec_look(struct hr_spec_place *p);

/* The plugins of a configuration and their tools, whose files are read; none of them is run.  An
 * object whose keys are their names in lower case with "_" for "-" and "."; a plugin's also without
 * what is before its last ".".  The caller's; NULL without memory. */
json_t *hr_spec_offered(const struct hr_config *c);

/* Read a file, or standard input for "-".  Of one that is too large, enough to see that.  text:
 * empty, with room for HR_SPEC_TEXT_MAX.  0 or -errno. */
int hr_spec_read(const char *file, struct hr_buf *text);

/* Check a specification; what is found goes to the report.  file: the name of where it came from.
 * place: NULL: it is held against itself alone.  0 or -ENOMEM. */
int hr_spec_check(const char *file, const char *text, size_t n, const struct hr_spec_place *place,
                  struct hr_report *r);

#endif
