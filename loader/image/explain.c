/* SPDX-License-Identifier: MIT
 * handrail explain: the rules of the commands for images. */
#include "commands.h"
#include "common/handoff.h"
#include "common/nearest.h"
#include "lint/rules.h"
#include "report.h"
#include "rules.h"
#include "spec/rules.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
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

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

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

/* The rule of that name, or NULL; *ret_nearest then has the name that was probably meant, or NULL.
 */
static const struct hr_rule *find(const char *id, const char **ret_nearest)
{
    unsigned nearest = UINT_MAX;
    *ret_nearest = NULL;
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            const struct hr_rule *rule = &tables[t].rules[i];
            /* A part of a name is what people remember. */
            bool part = strlen(id) > 2 && strstr(rule->id, id);
            unsigned far = part ? 1 : hr_word_distance(id, rule->id);
            if (strcmp(id, rule->id) == 0)
                return rule;
            if (far < nearest && (part || hr_word_is_near(id, far))) {
                nearest = far;
                *ret_nearest = rule->id;
            }
        }
    return NULL;
}

/* There is no such rule. */
static int unknown(const char *id, const char *nearest)
{
    if (nearest)
        (void)fprintf(stderr, "handrail explain: no rule is called %s: did you mean %s?\n", id,
                      nearest);
    else
        (void)fprintf(stderr,
                      "handrail explain: no rule is called %s: handrail explain lists them\n", id);
    return HR_EXIT_USAGE;
}

int hr_image_explain(char **argv)
{
    int code = 0;
    if (!argv[1])
        list();
    for (char **arg = argv + 1; *arg; arg++) {
        const char *nearest = NULL;
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
            code = unknown(*arg, nearest);
        }
    }
    return code;
}
