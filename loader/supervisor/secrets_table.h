/* SPDX-License-Identifier: MIT
 * What secrets.c, which knows the values, and secrets_mask.c, which finds them, share. */
#ifndef HR_SUPERVISOR_SECRETS_TABLE_H
#define HR_SUPERVISOR_SECRETS_TABLE_H

#include "secrets.h"

struct hr_secret {
    const char *p;
    size_t n;
    bool escaped; /* it is kept as JSON has it: with escapes */
    bool special; /* it has bytes that JSON or Python may write as escapes */
};

struct hr_secrets {
    struct hr_secret all[HR_SECRETS_MAX];
    size_t n;
    bool full;    /* one did not fit */
    bool changed; /* since secrets_mask.c last looked */
};

extern struct hr_secrets hr_secrets_table;

/* A walk over the bytes that a text stands for. */
struct hr_unescape {
    const char *at;
    const char *end;
    bool escaped; /* a backslash begins an escape; else it is a byte like others */
    unsigned char part[4];
    unsigned nparts; /* of the last escape, not yet given */
};

/* The next byte; -1 at the end, and for ever at an escape that is none or is cut. */
int hr_unescape_next(struct hr_unescape *u);

/* May JSON or Python write this byte as an escape? */
bool hr_secret_special(unsigned char c);

#endif
