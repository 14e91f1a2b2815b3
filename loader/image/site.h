/* SPDX-License-Identifier: MIT
 * Where an image has an agent-server, and how handrail stands there.
 *
 * There are two kinds of places.  A program, NAME: installed, NAME is a link to handrail and the
 * server is NAME.real beside it.  And a Python with the server's package, which is started as
 * `python -m openhands.agent_server`: no file could be replaced for that, since that python runs
 * everything else too, so a file handrail.pth in its site-packages, which every Python reads as it
 * starts, has just that command started by handrail.
 *
 * What is in a place is told by looking, nothing is remembered elsewhere; so an image that was
 * changed by hand, or an install that was killed, is seen as what it is.
 *
 * Allocates nothing that outlives a call.  Paths are those of the root that the process has. */
#ifndef HR_IMAGE_SITE_H
#define HR_IMAGE_SITE_H

#include "loader/config/server_version.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Behind a program's name; and behind that of what is made beside a file to take its place. */
#define HR_REAL_SUFFIX   ".real"
#define HR_MAKING_SUFFIX ".handrail-new"

enum {
    HR_SITES_MAX = 32,
    /* Bytes of a program's name: the longest name that is made from it can be one, too. */
    HR_SITE_NAME = NAME_MAX - sizeof(HR_REAL_SUFFIX HR_VERSION_SUFFIX HR_MAKING_SUFFIX) + 1,
};

enum hr_site_kind { HR_SITE_PROGRAM, HR_SITE_PYTHON };

enum hr_site_state {
    HR_SITE_PLAIN,     /* a server without handrail */
    HR_SITE_INSTALLED, /* handrail is in its place */
    HR_SITE_OTHER,     /* likewise, but it leads to a handrail elsewhere, or is an older file */
    HR_SITE_HALF,      /* as plain, with something of ours, or the same server once more, aside */
    HR_SITE_EMPTY,     /* the server is aside, and nothing is in its place */
    HR_SITE_TWICE,     /* a server in its place, and another program aside */
    HR_SITE_LOST,      /* handrail is in its place, and there is no server aside */
    HR_SITE_ABSENT,    /* there is nothing */
    HR_SITE_UNUSABLE,  /* what is there cannot be a server */
    HR_SITE_STRANGER,  /* a program of that name, and nothing shows that it is an agent-server */
    HR_NSITE_STATES
};

struct hr_site {
    enum hr_site_kind kind;
    enum hr_site_state state;
    char path[PATH_MAX];           /* NAME, or that of handrail.pth */
    char version[HR_VERSION_TEXT]; /* of the server; "": not known */
    char what[2 * PATH_MAX];       /* HR_SITE_UNUSABLE: what is wrong, completing "it ..." */
};

/* The handrail that is to be in the places: absolute. */
struct hr_site_search {
    const char *handrail;
    const char *const *given; /* paths of servers or pythons, NULL-ended; empty: look everywhere */
};

/* Find them all; each once, however many names lead to it.  The number. */
size_t hr_site_find(const struct hr_site_search *s, struct hr_site sites[HR_SITES_MAX]);

/* Look again at what is in the place. */
void hr_site_look(const struct hr_site_search *s, struct hr_site *site);

/* "<path>.real"; the server, where it is installed.  false: too long. */
bool hr_site_real(const struct hr_site *site, char real[PATH_MAX]);

/* What handrail.pth says, for that handrail.  false: its path cannot be written in Python. */
bool hr_site_hook(const char *handrail, char *text, size_t size);

#endif
