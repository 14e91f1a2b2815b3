/* SPDX-License-Identifier: MIT
 * The command line of the commands about plugins.  See options.h. */
#include "options.h"

#include "common/fd.h"
#include "common/handoff.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* An option's value goes to the member at that place; a number is in [min, max]. */
static const struct option {
    const char *name;
    unsigned bit;
    enum { FLAG, TEXT, NUMBER, SECONDS, LIST } kind;
    size_t at;
    int64_t min, max;
    const char *help;
} options[] = {
#define AT(m) offsetof(struct hr_plugin_options, m)
    {"plugin", HR_OPT_PLUGIN, TEXT, AT(plugin), 0, 0,
     "PLUGIN      a .so file, or a plugin of the registry"},
    {"registry", HR_OPT_TARGET, TEXT, AT(registry), 0, 0,
     "FILE      the tool registry [/app/config/tool_registry.json]"},
    {"config", HR_OPT_TARGET, TEXT, AT(config), 0, 0, "JSON        the plugin's configuration"},
    {"confinement", HR_OPT_TARGET, TEXT, AT(confinement), 0, 0, "JSON   what it may do"},
    {"id", HR_OPT_TARGET, TEXT, AT(id), 0, 0,
     "ID              of a plugin whose file does not tell it"},
    {"args", HR_OPT_CHECK, LIST, AT(given), 0, 0, "TOOL=JSON     arguments to call a tool with"},
    {"only", HR_OPT_CHECK, TEXT, AT(only), 0, 0, "NAME          cases whose name has that in it"},
    {"list", HR_OPT_CHECK, FLAG, AT(list), 0, 0, "               the cases, without a plugin"},
    {"timeout", HR_OPT_TIMEOUT, SECONDS, AT(timeout_ms), 1, 3600,
     "SECONDS    of a call [the tool's own, else 60]"},
    {"calls", HR_OPT_LOAD, NUMBER, AT(calls), 1, 100000000, "N            calls to make [10000]"},
    {"connections", HR_OPT_LOAD, NUMBER, AT(connections), 1, 256,
     "N      calls at the same time [1]"},
    {"lang", HR_OPT_NEW, TEXT, AT(lang), 0, 0, "c|cpp|rust    the language [c]"},
    {"dir", HR_OPT_NEW, TEXT, AT(dir), 0, 0, "DIR            where to make its folder [.]"},
    {"json", HR_OPT_JSON, FLAG, AT(json), 0, 0, "               for programs"},
#undef AT
};

int hr_plugin_usage(const struct hr_plugin_options *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fprintf(stderr, "handrail plugin %s: ", o->command);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    return HR_EXIT_USAGE;
}

static void help(unsigned takes, const char *usage)
{
    (void)printf("usage: handrail plugin %s\n\n", usage);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (options[i].bit & takes)
            (void)printf("  --%s%s%s\n", options[i].name, options[i].kind == FLAG ? "" : "=",
                         options[i].help);
}

static const struct option *find(const char *arg, unsigned takes)
{
    size_t n = strcspn(arg, "=");
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if ((options[i].bit & takes) && strlen(options[i].name) == n &&
            strncmp(options[i].name, arg, n) == 0)
            return &options[i];
    return NULL;
}

/* text: NULL for a flag. */
static int set(const struct option *option, const char *text, struct hr_plugin_options *o)
{
    char *place = (char *)o + option->at;
    const char **list = (const char **)(void *)place;
    int64_t number = 0;
    size_t n = 0;
    switch (option->kind) {
    case FLAG: *(bool *)place = true; return 0;
    case TEXT: *list = text; return 0;
    case LIST:
        while (list[n])
            n++;
        if (n == HR_GIVEN_ARGUMENTS_MAX)
            return hr_plugin_usage(o, "--%s is given too often", option->name);
        list[n] = text;
        return 0;
    case NUMBER:
    case SECONDS: break;
    }
    if (hr_parse_int(text, option->min, option->max, &number))
        return hr_plugin_usage(o, "--%s=%s: expected a number from %lld to %lld", option->name,
                               text, (long long)option->min, (long long)option->max);
    *(int64_t *)(void *)place = option->kind == SECONDS ? number * 1000 : number;
    return 0;
}

/* The option at argv[*at], with its value, which may be the next argument. */
static int take_option(char **argv, size_t *at, unsigned takes, struct hr_plugin_options *o)
{
    const char *arg = argv[*at] + 2;
    const struct option *option = find(arg, takes);
    const char *value = strchr(arg, '=');
    if (!option)
        return hr_plugin_usage(o, "unknown option %s: see handrail plugin %s --help", argv[*at],
                               o->command);
    if (option->kind == FLAG)
        return value ? hr_plugin_usage(o, "--%s takes no value", option->name)
                     : set(option, NULL, o);
    if (!value && !argv[*at + 1])
        return hr_plugin_usage(o, "--%s needs a value", option->name);
    return set(option, value ? value + 1 : argv[++*at], o);
}

int hr_plugin_options_parse(char **argv, unsigned takes, unsigned nwords, const char *usage,
                            struct hr_plugin_options *ret)
{
    struct hr_plugin_options o = {.command = argv[0], .calls = 10000, .connections = 1};
    unsigned n = 0;
    bool only_words = false;
    for (size_t i = 1; argv[i]; i++) {
        int code = 0;
        if (!only_words && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            help(takes, usage);
            o.help = true;
            break;
        }
        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (!only_words && strncmp(argv[i], "--", 2) == 0)
            code = take_option(argv, &i, takes, &o);
        else if (n < nwords)
            o.words[n++] = argv[i];
        else
            code = hr_plugin_usage(&o, "%s is one argument too many: see handrail plugin %s --help",
                                   argv[i], o.command);
        if (code)
            return code;
    }
    *ret = o;
    return 0;
}
