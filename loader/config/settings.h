/* SPDX-License-Identifier: MIT
 * The table of settings: each one's names, kind, limits, default, place in struct hr_config, and
 * its line of help.  The command line, the environment, the file and the help text are all driven
 * from it, so a setting is added by one row here and one member there (and the test of the schema
 * and of README.md says what to add to them).
 *
 * The variable of --some-name is HANDRAIL_SOME_NAME, always, and its key "some-name". */
#ifndef HR_CONFIG_SETTINGS_H
#define HR_CONFIG_SETTINGS_H

#include "config.h"

#include <stdio.h>

/* The parts of the help. */
enum hr_setting_group {
    HR_GROUP_MODE,
    HR_GROUP_RESTART,
    HR_GROUP_STOP,
    HR_GROUP_WATCH,
    HR_GROUP_OUTPUT,
    HR_GROUP_FAMILY, /* not listed one by one: the same as the server's, for others */
};

enum hr_setting_type {
    HR_SETTING_SWITCH,   /* off or on; "--name" is on, "--no-name" is off */
    HR_SETTING_CHOICE,   /* one of the words of `value`, stored as its place among them */
    HR_SETTING_SECONDS,  /* with at most three decimals; stored and limited in milliseconds */
    HR_SETTING_COUNT,    /* a whole number */
    HR_SETTING_PATH,     /* not empty; borrowed */
    HR_SETTING_ABSOLUTE, /* a path from the root, UTF-8; borrowed */
    HR_SETTING_ADDRESS,  /* see address.h; the default host is that of the default */
    HR_SETTING_URL,      /* see web_url.h; borrowed */
    HR_SETTING_REWRITE,  /* see rewrite.h; each use of the option adds to the table */
    HR_SETTING_CHECKS,   /* see check_setting.h; likewise */
    HR_SETTING_CODES,    /* exit codes with commas between, a bool of each; likewise */
};

struct hr_setting {
    const char *option; /* without its dashes */
    const char *variable;
    char letter; /* of its short form; 0: none */
    enum hr_setting_group group;
    bool live; /* a reload changes it; else it takes a restart of handrail */
    enum hr_setting_type type;
    const char *value; /* in the help: "SECONDS"; of a switch or choice its words: "exit|stay" */
    int64_t min;
    int64_t max;
    int64_t fallback;          /* the default; of a switch or choice its place */
    const char *fallback_text; /* the same for paths, addresses and URLs; NULL: none */
    size_t offset;             /* in struct hr_config */
    size_t size;
    const char *help;
};

enum {
    HR_SETTING_TEXT = 4096,        /* bytes that hold any value as text but an overlong path */
    HR_SETTING_SOURCE = 4096 + 64, /* bytes that hold the name of any source */
};

extern const struct hr_setting hr_settings[];
extern const size_t hr_nsettings;

/* The row whose option has this name of n bytes, or NULL. */
const struct hr_setting *hr_setting_find(const char *option, size_t n);

/* The option that was probably meant by a word that is none (common/nearest.h), or NULL. */
const char *hr_setting_nearest(const char *word);

/* Every setting to its default; to those of `handrail mcp`, where only some of them mean anything.
 */
void hr_settings_default(struct hr_config *c);
void hr_settings_default_mcp(struct hr_config *c);
bool hr_setting_is_for_mcp(const struct hr_setting *s);

/* Those that were not set by an option, from their variables; an empty one counts as unset, and one
 * that means nothing to this configuration is not looked at.
 * 0, or 78 after a line for each wrong one. */
int hr_settings_environment(struct hr_config *c);

/* Those that nobody has set, from `other`, if it has them from a file; of `handrail mcp`, those
 * that mean anything. */
void hr_settings_merge(struct hr_config *c, const struct hr_config *other);

/* Copy one setting's value and origin. */
void hr_setting_copy(struct hr_config *to, const struct hr_config *from,
                     const struct hr_setting *s);

/* Set one.  0, 64 (from an option) or 78 (from the environment), after one line that says why; the
 * configuration is untouched then. */
int hr_setting_set(struct hr_config *c, const struct hr_setting *s, enum hr_origin origin,
                   const char *text);

/* Its value as text that hr_setting_set() takes, empty if it has none; and where it came from. */
void hr_setting_format(const struct hr_config *c, const struct hr_setting *s,
                       char out[HR_SETTING_TEXT]);
enum hr_origin hr_setting_origin(const struct hr_config *c, const char *option);

/* How a message names it, so that whoever has set it finds the place: "--grace", "HANDRAIL_GRACE",
 * "/app/config/agent_config.json#/handrail/grace", or the option for a default. */
void hr_setting_source(const struct hr_config *c, const struct hr_setting *s,
                       char out[HR_SETTING_SOURCE]);

/* The list for `handrail run --help`, or for that of `handrail mcp`. */
void hr_settings_help(FILE *to);
void hr_settings_help_mcp(FILE *to);

#endif
