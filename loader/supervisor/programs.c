/* SPDX-License-Identifier: MIT
 * Our other programs.  See programs.h. */
#include "programs.h"

#include "loader/config/program.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Names, or with a trailing '*' the beginnings of names, of what is passed on. */
static const char *const passed[] = {
    "PATH",   "HOME",       "USER",         "LANG",          "LC_*",         "TZ",          "TERM",
    "TMPDIR", "HANDRAIL_*", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"};

/* What is for the sidecar alone, which has it in its settings. */
static const char secret[] = "HANDRAIL_WEBHOOK";

static int is_passed(const char *variable)
{
    size_t n = strcspn(variable, "=");
    if (strncmp(variable, secret, sizeof(secret) - 1) == 0)
        return 0;
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        size_t len = strlen(passed[i]);
        int open = passed[i][len - 1] == '*';
        len -= (size_t)open;
        if (strncmp(variable, passed[i], len) == 0 && (open ? n >= len : n == len))
            return 1;
    }
    return 0;
}

void hr_programs_find(struct hr_programs *p)
{
    char dir[HR_PROGRAM_PATH - 32];
    size_t n = 0;
    hr_program_own_folder(dir, sizeof(dir));
    (void)snprintf(p->handrail, sizeof(p->handrail), "%s/handrail", dir);
    (void)snprintf(p->sidecar, sizeof(p->sidecar), "%s/handrail-sidecar", dir);
    (void)snprintf(p->toolhost, sizeof(p->toolhost), "%s/handrail-toolhost", dir);
    p->sidecar_argv[0] = p->sidecar;
    p->toolhost_argv[0] = p->toolhost;
    for (char **e = environ; *e && n < HR_PROGRAM_ENV; e++)
        if (is_passed(*e))
            p->env[n++] = *e;
    p->env[n] = NULL;
}
