/* SPDX-License-Identifier: MIT
 * The ports of a sandbox that have an owner, so that nothing else in the image can have them. */
#ifndef HR_IMAGE_PORT_OWNER_H
#define HR_IMAGE_PORT_OWNER_H

#include <stdint.h>

enum { HR_PORT_OWNER_VARIABLES = 2 };

struct hr_port_owner {
    uint16_t port; /* unless its own configuration moves it */
    const char *whose;
    const char *name; /* names of ports that begin so are its own; "": it is not to be reached */
    const char
        *variables[HR_PORT_OWNER_VARIABLES + 1]; /* which tell it its port; NULL at the end */
};

/* Whose port it is, or NULL. */
const struct hr_port_owner *hr_port_owner(int64_t port);

#endif
