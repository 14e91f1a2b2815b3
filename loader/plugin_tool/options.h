/* SPDX-License-Identifier: MIT
 * The command line of the commands about plugins.  All options in one table; each command says
 * which of them it takes. */
#ifndef HR_PLUGIN_TOOL_OPTIONS_H
#define HR_PLUGIN_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HR_WORDS_MAX = 3, /* arguments that are not options */
    HR_GIVEN_ARGUMENTS_MAX = 64,
};

enum hr_option_bit {
    HR_OPT_TARGET = 1u << 0, /* --registry --config --confinement --id */
    HR_OPT_PLUGIN = 1u << 1, /* --plugin */
    HR_OPT_JSON = 1u << 2,
    HR_OPT_TIMEOUT = 1u << 3,
    HR_OPT_LOAD = 1u << 4,  /* --calls --connections */
    HR_OPT_CHECK = 1u << 5, /* --args --only --list */
    HR_OPT_NEW = 1u << 6,   /* --lang --dir */
};

struct hr_plugin_options {
    const char *command;
    const char *words[HR_WORDS_MAX + 1]; /* NULL-ended */
    const char *registry;                /* or NULL; the same for what follows */
    const char *config;
    const char *confinement;
    const char *id;
    const char *plugin;
    const char *only;
    const char *lang;
    const char *dir;
    const char *given[HR_GIVEN_ARGUMENTS_MAX + 1]; /* "TOOL=JSON" */
    int64_t timeout_ms;
    int64_t calls;
    int64_t connections;
    bool json;
    bool list;
    bool help; /* has been answered */
};

/* usage: for --help, which is answered here, and for errors.  takes: enum hr_option_bit.  nwords:
 * at most.  0 or 64, and why on standard error. */
int hr_plugin_options_parse(char **argv, unsigned takes, unsigned nwords, const char *usage,
                            struct hr_plugin_options *ret);

/* Say on standard error what is wrong: "handrail plugin <command>: ...".  64. */
int hr_plugin_usage(const struct hr_plugin_options *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
