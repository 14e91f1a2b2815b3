/* SPDX-License-Identifier: MIT
 * The options of `handrail run`.  See options.h. */
#include "options.h"

#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>

enum { GRACE_MAX_S = 24 * 60 * 60 };

const char hr_options_help[] =
    "  --no-sidecar          a plain init: only the command, no health port, no tools\n"
    "  --restart=POLICY      never, on-failure or always (default: on-failure; with\n"
    "                        --no-sidecar: never)\n"
    "  --grace=SECONDS       budget of a whole stop (default: 25; with --no-sidecar: no limit)\n"
    "  --config-dir=DIR      where tool_registry.json is looked for (default: /app/config)\n"
    "  --registry=FILE       the tool registry itself\n";

int hr_restart_parse(const char *text, int *ret)
{
    static const char *const names[] = {"never", "on-failure", "always"};
    for (int i = 0; i <= HR_RESTART_ALWAYS; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = i;
            return 0;
        }
    }
    return -EINVAL;
}

int hr_grace_parse(const char *text, int64_t *ret_ms)
{
    int64_t seconds = 0;
    if (hr_parse_int(text, 0, GRACE_MAX_S, &seconds))
        return -EINVAL;
    *ret_ms = seconds * 1000;
    return 0;
}

/* If *argv is "--name=value" or "--name" followed by a value, point *ret_value at the value and
 * *argv at the last argument used.  1: yes, 0: another option, -EINVAL: the value is missing. */
static int option_value(char ***argv, const char *name, const char **ret_value)
{
    size_t n = strlen(name);
    const char *arg = **argv;
    if (strncmp(arg, name, n) != 0)
        return 0;
    if (arg[n] == '=') {
        *ret_value = arg + n + 1;
        return 1;
    }
    if (arg[n] != '\0')
        return 0;
    if (!(*argv)[1]) {
        hr_error("%s needs a value; see handrail run --help", name);
        return -EINVAL;
    }
    (*argv)++;
    *ret_value = **argv;
    return 1;
}

/* One option at *argv into o.  0 or 64. */
static int parse_one(char ***argv, struct hr_options *o)
{
    const char *value = NULL;
    int r = 0;
    if (strcmp(**argv, "--no-sidecar") == 0) {
        o->sidecar = 0;
        return 0;
    }
    if ((r = option_value(argv, "--restart", &value)) > 0) {
        if (hr_restart_parse(value, &o->restart) == 0)
            return 0;
        hr_error("--restart=%s: expected never, on-failure or always", value);
        return HR_EXIT_USAGE;
    }
    if (r == 0 && (r = option_value(argv, "--grace", &value)) > 0) {
        if (hr_grace_parse(value, &o->grace_ms) == 0)
            return 0;
        hr_error("--grace=%s: expected whole seconds from 0 (no limit) to %d", value, GRACE_MAX_S);
        return HR_EXIT_USAGE;
    }
    if (r == 0 && (r = option_value(argv, "--config-dir", &o->config_dir)) > 0)
        return 0;
    if (r == 0 && (r = option_value(argv, "--registry", &o->registry)) > 0)
        return 0;
    if (r == 0)
        hr_error("unknown option %s; see handrail run --help (a command that begins with a dash "
                 "goes behind \"--\")",
                 **argv);
    return HR_EXIT_USAGE;
}

int hr_options_parse(char **argv, struct hr_options *ret)
{
    struct hr_options o = {.sidecar = -1, .restart = -1, .grace_ms = -1};
    for (; *argv && (*argv)[0] == '-'; argv++) {
        if (strcmp(*argv, "--") == 0) {
            argv++;
            break;
        }
        int code = parse_one(&argv, &o);
        if (code)
            return code;
    }
    o.command = argv;
    *ret = o;
    return 0;
}
