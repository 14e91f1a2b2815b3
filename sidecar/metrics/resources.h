/* SPDX-License-Identifier: MIT
 * What the pod uses of what it may use: its cgroup and its processes, for /metrics and /status.
 *
 * Both show the same numbers, which are taken when somebody asks and those that there are have
 * become old; nobody asks, nothing is done but for one look at the start.  Nothing here waits:
 * files of the cgroup are answered from counters, and processes are looked at in small steps
 * (processes.h) that go on in the loop if one is not enough.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_METRICS_RESOURCES_H
#define HR_SIDECAR_METRICS_RESOURCES_H

#include "common/board.h"
#include "common/expo.h"

#include <ev.h>
#include <jansson.h>

enum {
    HR_RESOURCES_AGE_MS = 1000, /* numbers that are younger are good enough */
    HR_RESOURCES_STEP_MS = 10,  /* between two steps of a look at the processes */
};

struct hr_resources;

struct hr_resources_config {
    struct ev_loop *loop;
    const struct hr_board *board; /* whose processes they are, and which ones are told apart */
    const char *root;             /* "", or in tests the folder that stands for / */
};

/* 0 or -errno; a container without a cgroup or a /proc is neither. */
int hr_resources_new(const struct hr_resources_config *cfg, struct hr_resources **ret);
void hr_resources_free(struct hr_resources *r); /* NULL is fine */

/* Begin the first look at the processes, so that whoever asks first finds them, however many there
 * are. */
void hr_resources_start(struct hr_resources *r);

hr_collector hr_resources_collect; /* arg is the struct hr_resources */

/* "resources" of /status; what is not known is null.  disks: an array, which is stolen; NULL for
 * none.  New reference, or NULL without memory. */
json_t *hr_resources_status(struct hr_resources *r, json_t *disks);

#endif
