/* SPDX-License-Identifier: MIT
 * The parser of agent_config.json, on any bytes.  What it takes can be read once more, by a reload,
 * and comes to the same. */
#include "common/log.h"
#include "loader/config/agent_config.h"
#include "loader/config/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reread(const struct hr_config *c, const char *data, size_t size)
{
    static struct hr_config again;
    static char before[HR_SETTING_TEXT];
    static char after[HR_SETTING_TEXT];
    const struct hr_config_text agent_config = {data, (ssize_t)size};
    const struct hr_config_text registry = {"", -1};
    if (hr_config_reread(c, &agent_config, &registry, &again))
        return; /* settings that do not go together, or a plugin that is nowhere */
    for (size_t i = 0; i < hr_nsettings; i++) {
        hr_setting_format(c, &hr_settings[i], before);
        hr_setting_format(&again, &hr_settings[i], after);
        /* Others may have been made to follow. */
        if (c->origins[i] == HR_FROM_FILE && strcmp(before, after) != 0)
            abort();
    }
    hr_config_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char server[] = "agent-server";
    static char *command[] = {server, NULL};
    static struct hr_config c;
    hr_log_init("fuzz", HR_LOG_NONE); /* its messages are not the point */
    c = (struct hr_config){.command = command};
    hr_settings_default(&c);
    if (hr_agent_config_parse("fuzz", (const char *)data, size, &c) == 0)
        reread(&c, (const char *)data, size);
    hr_config_free(&c);
    return 0;
}
