/* SPDX-License-Identifier: MIT
 * What a specification says, looked at by itself.  Called by spec.c and nobody else. */
#ifndef HR_IMAGE_SPEC_JUDGE_H
#define HR_IMAGE_SPEC_JUDGE_H

#include "model.h"

/* The port number of one of the ports; 0: there is none. */
uint16_t hr_spec_port(const struct hr_yaml_node *port);

/* fields.c: names, people, image, agent, quantities. */
void hr_spec_judge_fields(const struct hr_spec *s);

/* ports.c */
void hr_spec_judge_ports(const struct hr_spec *s);

/* environment.c */
void hr_spec_judge_environment(const struct hr_spec *s);

#endif
