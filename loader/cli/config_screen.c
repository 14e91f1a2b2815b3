/* SPDX-License-Identifier: MIT
 * The screen of `handrail config`.  See config_screen.h. */
#include "config_screen.h"

#include "text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 26, VALUE_WIDTH = 26 };

static void heading(FILE *out, const char *text, const char *rest)
{
    hr_text_cell(out, HR_BOLD, text, 0);
    (void)fprintf(out, "%s\n", rest);
}

static void line(FILE *out, const char *name, const char *value, const char *source)
{
    (void)fputs("  ", out);
    hr_text_cell(out, HR_PLAIN, name, NAME_WIDTH);
    (void)fputc(' ', out);
    hr_text_cell(out, HR_PLAIN, value, *source ? VALUE_WIDTH : 0);
    if (*source) {
        (void)fputs("  ", out);
        hr_text_cell(out, HR_DIM, source, 0);
    }
    (void)fputc('\n', out);
}

/* A member {"value": ..., "source": "..."}; a value that is no string as JSON has it. */
static void member(FILE *out, const char *name, const json_t *v)
{
    const json_t *value = json_object_get(v, "value");
    char *dumped = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    const char *text = json_is_string(value) ? json_string_value(value)
                       : json_is_null(value) ? "(none)"
                       : dumped              ? dumped
                                             : "?";
    line(out, name, text, hr_text_get(v, "source", ""));
    free(dumped);
}

static void members(FILE *out, const json_t *object)
{
    const char *name = NULL;
    json_t *v = NULL;
    /* jansson's iteration takes no const object, and changes nothing */
    json_object_foreach ((json_t *)(uintptr_t)object, name, v)
        member(out, name, v);
}

/* A word of a command, as a shell would have to be given it. */
static void word(FILE *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "_-+=./:,@%";
    if (*text && !text[strspn(text, plain)]) {
        (void)fputs(text, out);
        return;
    }
    (void)fputc('\'', out);
    hr_text_print_with(out, text, '\'', "'\\''");
    (void)fputc('\'', out);
}

static void command(FILE *out, const json_t *argv)
{
    heading(out, "Server", "");
    (void)fprintf(out, "  %-*s", NAME_WIDTH, "command");
    for (size_t i = 0; i < json_array_size(argv); i++) {
        (void)fputc(' ', out);
        word(out, json_string_value(json_array_get(argv, i)));
    }
    (void)fputs(json_is_array(argv) ? "\n" : " (none was named: handrail config -- CMD ARGS)\n",
                out);
}

static void plugins(FILE *out, const json_t *list)
{
    const json_t *p = NULL;
    size_t i = 0;
    if (json_array_size(list))
        heading(out, "Plugins", "");
    json_array_foreach (list, i, p) {
        char value[4200];
        (void)snprintf(value, sizeof(value), "%s%s", hr_text_get(p, "path", "?"),
                       json_is_true(json_object_get(p, "required")) ? ", required" : "");
        line(out, hr_text_get(p, "id", "?"), value, hr_text_get(p, "source", ""));
    }
}

static void tools(FILE *out, const json_t *list)
{
    const json_t *t = NULL;
    size_t i = 0;
    json_array_foreach (list, i, t) {
        char value[256];
        (void)snprintf(value, sizeof(value), "%s", hr_text_get(t, "module", "(no module)"));
        char name[160];
        (void)snprintf(name, sizeof(name), "tool %s", hr_text_get(t, "name", "?"));
        line(out, name, value, hr_text_get(t, "source", ""));
    }
}

void hr_config_screen(FILE *out, const json_t *config, int all)
{
    const json_t *settings = json_object_get(config, "settings");
    const json_t *environment = json_object_get(config, "environment");
    const json_t *agent = json_object_get(config, "agent");
    const json_t *of_tools = json_object_get(config, "tools");
    heading(out, "Files", "");
    members(out, json_object_get(config, "files"));
    heading(out, "Settings", all ? "" : ", but for those that are their default (--all)");
    members(out, settings);
    if (!json_object_size(settings))
        (void)fputs("  (all of them are)\n", out);
    command(out, json_object_get(json_object_get(config, "server"), "command"));
    if (json_object_size(agent) || json_array_size(of_tools))
        heading(out, "Agent", "");
    members(out, agent);
    tools(out, of_tools);
    if (json_object_size(environment))
        heading(out, "Environment", ", as handrail changes the server's");
    members(out, environment);
    plugins(out, json_object_get(config, "plugins"));
}
