/* SPDX-License-Identifier: MIT
 * What a specification says, looked at by itself and held against a place.  Called by spec.c and
 * nobody else. */
#ifndef HR_IMAGE_SPEC_JUDGE_H
#define HR_IMAGE_SPEC_JUDGE_H

#include "model.h"
#include "spec.h"

#define HR_SPEC_SERVER_NAME "agent-server" /* of its port */

enum { HR_SPEC_NAME_BYTES = 128 /* of a capability, tool or plugin, compared; the NUL included */ };

/* The port number of one of the ports; 0: there is none. */
uint16_t hr_spec_port(const struct hr_yaml_node *port);

/* fields.c: names, people, image, agent, quantities. */
void hr_spec_judge_fields(const struct hr_spec *s);

/* ports.c */
void hr_spec_judge_ports(const struct hr_spec *s);

/* environment.c.  0 or -ENOMEM. */
int hr_spec_judge_environment(const struct hr_spec *s);
/* Is something else filled in for this value later? "", ${NAME}, $(NAME), <name>. */
bool hr_spec_is_placeholder(const char *value);

/* hold.c */
void hr_spec_hold(const struct hr_spec *s, const struct hr_spec_place *p);

/* place.c: capabilities, tools and plugins are compared in lower case, with "_" for "-" and ".". */
void hr_spec_plain_name(char *name);
/* Can we work in a folder?  0, or the errno that says why not.  *ret_bytes: the size of its file
 * system, -1: not known. */
int hr_spec_look_at_folder(const char *folder, int64_t *ret_bytes);

#endif
