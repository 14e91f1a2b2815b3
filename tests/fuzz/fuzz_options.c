/* SPDX-License-Identifier: MIT
 * The command line, on any arguments: the input is a list of strings with a NUL behind each. */
#include "common/log.h"
#include "loader/config/agent_command.h"
#include "loader/config/options.h"
#include "loader/config/settings.h"

#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted can be written out and is accepted again, with the same result. */
static void check_round_trip(const struct hr_config *c)
{
    char text[HR_SETTING_TEXT];
    char again[HR_SETTING_TEXT];
    struct hr_config copy;
    for (size_t i = 0; i < hr_nsettings; i++) {
        const struct hr_setting *s = &hr_settings[i];
        if (c->origins[i] == HR_FROM_DEFAULT)
            continue;
        hr_setting_format(c, s, text);
        if (!*text) /* a table that rewrites nothing */
            continue;
        copy = *c;
        if (hr_setting_set(&copy, s, HR_FROM_OPTION, text))
            abort();
        hr_setting_format(&copy, s, again);
        if (strcmp(text, again) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argv[ARGS_MAX + 1];
    size_t n = 0;
    struct hr_config c;
    char **command = NULL;
    hr_log_init("fuzz", HR_LOG_NONE); /* its messages are not the point */
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    for (char *p = text; p < text + size && n < ARGS_MAX; p += strlen(p) + 1)
        argv[n++] = p;
    argv[n] = NULL;

    memset(&c, 0, sizeof(c));
    hr_settings_default(&c);
    (void)hr_is_agent_server(argv);
    if (hr_options_parse(argv, NULL, &c, &command) == 0) {
        if (command < argv || command > argv + n)
            abort();
        (void)hr_is_agent_server(command);
        check_round_trip(&c);
    }
    free(text);
    return 0;
}
