/* SPDX-License-Identifier: MIT
 * The environment variables whose names begin with HANDRAIL_.  See variables.h. */
#include "variables.h"

#include "common/log.h"
#include "config_file.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 128 }; /* bytes; what is longer is near to none */

static const char prefix[] = "HANDRAIL_";

/* Those that are no settings. */
static const char *const others[] = {
    "AGENT_DEFAULT", "AGENT_TOOLS", "CONTROL",    "LOG_LEVEL",
    "PROBE",         "SERVER",      "SUPERVISED", "WEBHOOK_AUTHORIZATION"};

enum { NOTHERS = sizeof(others) / sizeof(others[0]) };

/* The known one that is the nearest to name, both without the prefix, or NULL. */
static const char *nearest(const char *name)
{
    const char *known[HR_MAX_SETTINGS + NOTHERS];
    memcpy(known, others, sizeof(others));
    for (size_t i = 0; i < hr_nsettings; i++)
        known[NOTHERS + i] = hr_settings[i].variable + sizeof(prefix) - 1;
    return hr_config_nearest(name, known, NOTHERS + hr_nsettings);
}

void hr_variables_check(char *const *environment)
{
    for (char *const *e = environment; *e; e++) {
        char name[NAME_SIZE];
        const char *value = strchr(*e, '=');
        if (!value || !value[1] || strncmp(*e, prefix, sizeof(prefix) - 1) != 0)
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)(value - *e), *e);
        const char *near = nearest(name + sizeof(prefix) - 1);
        if (near && strcmp(near, name + sizeof(prefix) - 1) != 0)
            hr_warn("%s is set, but handrail reads no such variable: did you mean %s%s?", name,
                    prefix, near);
    }
}
