/* SPDX-License-Identifier: MIT
 * The options of `handrail run`.  See options.h. */
#include "options.h"

#include "common/handoff.h"
#include "common/log.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>

/* What an argument says: which setting, and its value if that is in the same argument. */
struct option {
    const struct hr_setting *setting; /* NULL: none of ours */
    const char *value;                /* NULL: not here */
};

static struct option read_long(const char *name)
{
    struct option o = {0};
    size_t n = strcspn(name, "=");
    o.setting = hr_setting_find(name, n);
    o.value = name[n] ? name + n + 1 : NULL;
    if (!o.setting && strncmp(name, "no-", 3) == 0 && !o.value) {
        o.setting = hr_setting_find(name + 3, n - 3);
        o.value = "off";
        if (o.setting && o.setting->type != HR_SETTING_SWITCH)
            o.setting = NULL;
    }
    return o;
}

/* The letter at *word, which is moved on to the next one: those without a value may be run together
 * with others, as getopt() has it. */
static struct option read_short(const char **word)
{
    struct option o = {0};
    for (size_t i = 0; i < hr_nsettings; i++)
        if (**word && hr_settings[i].letter == **word)
            o.setting = &hr_settings[i];
    *word += **word != '\0';
    if (o.setting && o.setting->type != HR_SETTING_SWITCH && **word) {
        o.value = *word;
        *word = "";
    }
    return o;
}

/* ---- as other inits call it ------------------------------------------------------------------ */

static void be_verbose(struct hr_config *c)
{
    c->verbose = true;
}

static void signal_one_child(struct hr_config *c)
{
    const struct hr_setting *group = hr_setting_find("group", strlen("group"));
    (void)hr_setting_set(c, group, HR_FROM_OPTION, "off");
}

/* Who replaces only the word in an ENTRYPOINT keeps what stands behind it. */
static const struct {
    char letter;
    const char *option;                /* NULL: none */
    void (*take)(struct hr_config *c); /* NULL: there is nothing to do */
} habits[] = {
    {'s', NULL, NULL},                       /* tini: be a subreaper, as we always are */
    {'w', NULL, NULL},                       /* tini: tell what is reaped, which says nothing */
    {'v', "verbose", be_verbose},            /* both */
    {'c', "single-child", signal_one_child}, /* dumb-init */
};

static bool take_habit(char letter, const char *option, struct hr_config *c)
{
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]) && !c->stdio; i++) {
        if (letter ? letter != habits[i].letter
                   : !habits[i].option || strcmp(option, habits[i].option) != 0)
            continue;
        if (habits[i].take)
            habits[i].take(c);
        return true;
    }
    return false;
}

/* ---- the command line ------------------------------------------------------------------------ */

/* "--graze=4" is "--grace". */
static int unknown(const char *arg)
{
    char word[64];
    const char *name = arg + strspn(arg, "-");
    (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, "="), name);
    const char *nearest = arg[1] == '-' ? hr_setting_nearest(word) : NULL;
    hr_error("unknown option %s%s%s; see handrail run --help (a command that begins with a dash "
             "goes behind \"--\")",
             arg, nearest ? ": did you mean --" : "", nearest ? nearest : "");
    return HR_EXIT_USAGE;
}

/* One option; what it still needs is the next argument, to which *argv is moved then.  0 or 64. */
static int set_one(char ***argv, struct option o, struct hr_config *c)
{
    const char *arg = **argv;
    if (c->stdio && (!o.setting || !hr_setting_is_for_mcp(o.setting))) {
        hr_error("unknown option %s; see handrail mcp --help", arg);
        return HR_EXIT_USAGE;
    }
    if (!o.setting)
        return unknown(arg);
    if (!o.value && o.setting->type == HR_SETTING_SWITCH)
        o.value = "on";
    if (!o.value) {
        if (!(*argv)[1]) {
            hr_error("%s needs a value, %s; see handrail %s --help", arg, o.setting->value,
                     c->stdio ? "mcp" : "run");
            return HR_EXIT_USAGE;
        }
        (*argv)++;
        o.value = **argv;
    }
    return hr_setting_set(c, o.setting, HR_FROM_OPTION, o.value);
}

/* The options in the argument at *argv, which is moved to the last argument used.  0 or 64. */
static int parse_one(char ***argv, struct hr_config *c)
{
    const char *letter = **argv + 1;
    int code = 0;
    if (*letter == '-')
        return take_habit('\0', letter + 1, c) ? 0 : set_one(argv, read_long(letter + 1), c);
    do {
        if (*letter && take_habit(*letter, NULL, c))
            letter++;
        else
            code = set_one(argv, read_short(&letter), c);
    } while (!code && *letter);
    return code;
}

static bool take_flag(const struct hr_flag *flags, const char *arg)
{
    for (; flags && flags->option; flags++) {
        if (strcmp(flags->option, arg) == 0) {
            *flags->set = true;
            return true;
        }
    }
    return false;
}

int hr_options_parse(char **argv, const struct hr_flag *flags, struct hr_config *c,
                     char ***ret_command)
{
    for (; *argv && (*argv)[0] == '-'; argv++) {
        if (strcmp(*argv, "--") == 0) {
            argv++;
            break;
        }
        if (take_flag(flags, *argv))
            continue;
        int code = parse_one(&argv, c);
        if (code)
            return code;
    }
    *ret_command = argv;
    return 0;
}
