/* SPDX-License-Identifier: MIT
 * handrail explain: the rules of the commands for images. */
#include "commands.h"
#include "common/handoff.h"
#include "lint/rules.h"
#include "report.h"
#include "rules.h"
#include "spec/rules.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every table of rules there is. */
static const struct table {
    const char *command;
    const struct hr_rule *rules;
    size_t n;
} tables[] = {
    {"check", hr_check_rules, HR_NCHECK_RULES},
    {"lint", hr_lint_rules, HR_LINT_NRULES},
    {"check --spec", hr_spec_rules, HR_SPEC_NRULES},
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]), ID_MAX = 100 };

static void help(void)
{
    (void)printf("usage: handrail explain RULE ... | --all\n"
                 "\n"
                 "Why a rule is one, and what to do about a finding of it.  --all: every rule;\n"
                 "without a name: a list of them.\n"
                 "\n"
                 "Exit code: 0 said, 64 there is no such rule.\n");
}

static void list(void)
{
    for (size_t t = 0; t < TABLES; t++) {
        (void)printf("%shandrail %s:\n", t ? "\n" : "", tables[t].command);
        for (size_t i = 0; i < tables[t].n; i++)
            (void)printf("  %-26s %s\n", tables[t].rules[i].id, tables[t].rules[i].title);
    }
}

static void explain_all(void)
{
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            if (t || i)
                (void)printf("\n\n");
            hr_rule_print(stdout, &tables[t].rules[i]);
        }
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many letters must be changed, added or removed to make b of a. */
static size_t distance(const char *a, const char *b)
{
    size_t row[ID_MAX + 1];
    size_t an = strlen(a);
    size_t bn = strlen(b);
    if (an > ID_MAX || bn > ID_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= bn; j++)
        row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(row[j] + 1, row[j - 1] + 1, changed);
        }
    }
    return row[bn];
}

/* The rule of that name, or NULL; *ret_nearest then has the most similar name. */
static const struct hr_rule *find(const char *id, const char **ret_nearest)
{
    size_t nearest = SIZE_MAX;
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            const struct hr_rule *rule = &tables[t].rules[i];
            size_t far = distance(id, rule->id);
            if (!far)
                return rule;
            /* A part of a name is what people remember. */
            if (strlen(id) > 2 && strstr(rule->id, id))
                far = 1;
            if (far < nearest) {
                nearest = far;
                *ret_nearest = rule->id;
            }
        }
    return NULL;
}

int hr_image_explain(char **argv)
{
    int code = 0;
    if (!argv[1])
        list();
    for (char **arg = argv + 1; *arg; arg++) {
        const char *nearest = "";
        const struct hr_rule *rule = find(*arg, &nearest);
        if (strcmp(*arg, "--help") == 0 || strcmp(*arg, "-h") == 0) {
            help();
        } else if (strcmp(*arg, "--all") == 0) {
            explain_all();
        } else if (rule) {
            if (arg > argv + 1)
                (void)printf("\n\n");
            hr_rule_print(stdout, rule);
        } else {
            (void)fprintf(stderr, "handrail explain: no rule is called %s: did you mean %s?\n",
                          *arg, nearest);
            code = HR_EXIT_USAGE;
        }
    }
    return code;
}
