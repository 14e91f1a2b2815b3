/* SPDX-License-Identifier: MIT
 * What the files of this folder share: the list of checks, and how one of them is asked. */
#ifndef HR_SIDECAR_CHECKS_REGISTRY_H
#define HR_SIDECAR_CHECKS_REGISTRY_H

#include "checks.h"
#include "connect.h"
#include "folders.h"
#include "lag.h"
#include "memory.h"
#include "probe.h"

enum {
    HR_CHECKS_BUILTIN = 13,
    HR_CHECKS_MAX = HR_CHECKS_BUILTIN + HR_CHECK_PORTS_MAX + HR_MAX_PLUGINS,
    HR_CHECK_NAME_MAX = HR_PLUGIN_ID_MAX + 8, /* "plugin/<id>", bytes */
    HR_HOST_MAX = 64,                         /* a numeric address, bytes */
};

struct hr_check {
    /* 0, or a negative number and one sentence in reason.  gate: the endpoint that asks, or 0 for
     * the plain state, which is what people and metrics see. */
    int (*ask)(struct hr_checks *c, const struct hr_check *check, unsigned gate, char *reason,
               size_t size);
    struct hr_measure *m; /* NULL: it looks at what is known anyway */
    int64_t since_ms;     /* when `ok` last changed */
    unsigned gates;       /* bits of enum hr_gate; 0: shown, but part of no endpoint */
    bool ok;              /* the plain state when it was last looked at */
    char name[HR_CHECK_NAME_MAX];
};

struct hr_checks {
    struct hr_checks_config cfg;
    char host[HR_HOST_MAX];
    struct hr_probe ready;
    struct hr_probe alive;
    struct hr_probe api;
    struct hr_lag lag;
    struct hr_folders workspace;
    struct hr_folders disk;
    struct hr_memory memory;
    struct hr_connect ports[HR_CHECK_PORTS_MAX];
    int nports;
    struct hr_measure *measures[HR_CHECKS_BUILTIN + HR_CHECK_PORTS_MAX]; /* all of these */
    int nmeasures;
    struct hr_check list[HR_CHECKS_MAX];
    int count;
    int nfixed; /* those come first, then the plugins' */
    int64_t hang_limit_ms;
    char key[HR_CHECK_KEY_MAX + 1]; /* the session key; "": none is known */
    uint32_t announced;             /* the life that has answered /ready already */
    bool was_ready;
    bool was_live;
};

/* Ask one check; the reason is one line of UTF-8, "" if it is fine. */
int hr_check_ask(struct hr_checks *c, const struct hr_check *check, unsigned gate, char *reason,
                 size_t size);
/* Look at every check: keep `ok` and `since_ms` true, log what has changed. */
void hr_checks_refresh(struct hr_checks *c);

/* board_checks.c: those that every server has and that are not measured, or judged by themselves.
 */
void hr_checks_add_builtin(struct hr_checks *c);
/* measured.c: make all that is measured, with the policies of the settings, and append it.  0 or
 * -errno; what was made is freed by hr_checks_free_measured() either way. */
int hr_checks_add_measured(struct hr_checks *c);
void hr_checks_free_measured(struct hr_checks *c);
/* Begin to measure. */
void hr_checks_start_measured(struct hr_checks *c);
/* The answer of a check that is what its measurement says. */
int hr_check_ask_measure(struct hr_checks *c, const struct hr_measure *m, unsigned gate,
                         char *reason, size_t size);

#endif
