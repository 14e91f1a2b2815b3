/* SPDX-License-Identifier: MIT
 * handrail check: the steps.  Each is run in a child of its own, with a limit, as the user for whom
 * the image is checked: a file system that does not answer, a plugin that hangs or a parser that
 * crashes is a finding, and the next step goes on.
 *
 * What a step finds it adds to its report; what is good it says in a line for people; what later
 * steps need it leaves in `facts`.  All three travel to the parent as JSON. */
#ifndef HR_IMAGE_CHECK_H
#define HR_IMAGE_CHECK_H

#include "common/buf.h"
#include "loader/config/config.h"
#include "root.h"
#include "rules.h"
#include "site.h"

#include <jansson.h>
#include <stdbool.h>

/* For the import of the agent's modules: the real server takes 6 s, on a busy builder more than
 * 60 s. */
enum { HR_CHECK_IMPORT_S = 180 };

struct hr_check_options {
    const char *root; /* NULL: the image we run in */
    const char *user; /* name or number, perhaps ":" and a group's number; NULL: ours */
    const char *given[HR_SITES_MAX + 1];
    bool at_build;         /* nothing is known of the container: not its ports, keys and volumes */
    char **command;        /* of the server; NULL: what is found */
    const char *spec;      /* file of a sandbox specification; NULL: none */
    const char *spec_only; /* the same, and no image is looked at */
    struct hr_buf spec_text; /* of either: another root does not have the file */
};

struct hr_image_check {
    const struct hr_check_options *options;
    const struct hr_config *config; /* NULL until it has been read */
    size_t plugin;                  /* which one of it */
    struct hr_report *report;
    json_t *facts; /* an object; see below */
};

/* In `facts`:
 *   "server": "/usr/local/bin/openhands-agent-server"   one of its programs
 *   "tools": ["echo", ...]                              of the plugin
 *   "python": "/agent-server/.venv/bin/python3"         one that has its package
 */

/* The steps. */
void hr_check_server(struct hr_image_check *c);
void hr_check_configuration(struct hr_image_check *c);
void hr_check_spec(struct hr_image_check *c);

/* Read the specification that the options name, if they do.  0, or an exit code after having said
 * why. */
int hr_check_spec_read(struct hr_check_options *o);

/* Check it by itself.  0 or an exit code, as above. */
int hr_check_spec_alone(const struct hr_check_options *o, struct hr_report *report);
void hr_check_plugin(struct hr_image_check *c);
void hr_check_agent(struct hr_image_check *c);
void hr_check_container(struct hr_image_check *c);

/* A line for people: what was looked at and is good. */
void hr_check_good(struct hr_image_check *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Does a handrail supervise in this container?  Then its ports are its own. */
bool hr_check_is_running(const struct hr_image_check *c);

/* The server's command as the options or the first step have it, NULL-ended: an array of two at
 * least.  Borrowed. */
char **hr_check_command(const struct hr_image_check *c, char *two[2]);

/* Say what keeps this site from being what it should be after an install.  Used by install as well,
 * which says only what it cannot mend. */
void hr_check_site(struct hr_report *r, const struct hr_site *site, bool installing);

/* Check all of it into the report, which is the caller's to print; lines for people are printed as
 * they come. */
void hr_check_image(const struct hr_check_options *o, struct hr_report *report);

#endif
