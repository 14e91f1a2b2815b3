/* SPDX-License-Identifier: MIT
 * Comments that turn rules off: "# handrail-lint ignore=RULE,RULE why" for the instruction that
 * it stands in or before, "# handrail-lint ignore-file=RULE" for all.  See check.h. */
#include "check.h"

#include "common/nearest.h"
#include "lint.h"
#include "parse.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hr_suppression {
    enum hr_lint_rule rule;
    uint32_t line;
    const struct hr_instruction *instruction; /* NULL: the whole file */
    bool used;
};

static int find_rule(const char *id, size_t n, enum hr_lint_rule *ret)
{
    for (int i = 0; i < HR_LINT_NRULES; i++)
        if (strlen(hr_lint_rules[i].id) == n && memcmp(hr_lint_rules[i].id, id, n) == 0) {
            *ret = (enum hr_lint_rule)i;
            return 0;
        }
    return -ENOENT;
}

static void unknown(struct hr_lint *l, const struct hr_remark *remark, const char *why,
                    const char *what, size_t n)
{
    enum { SHOWN = 100 };
    hr_lint_found(l, HR_LINT_SUPPRESSION_UNKNOWN, NULL, remark->line, 0, NULL, "%s: %.*s", why,
                  (int)(n < SHOWN ? n : SHOWN), what);
}

/* A name that no rule has: which one was probably meant? */
static void no_rule(struct hr_lint *l, const struct hr_remark *remark, const char *name, size_t n)
{
    enum { NAME = 64, SUGGESTED = 100 /* warnings: behind so many nobody reads them */ };
    char word[NAME];
    char fix[NAME * 2];
    const char *meant = NULL;
    unsigned nearest = UINT_MAX;
    (void)snprintf(word, sizeof(word), "%.*s", (int)(n < NAME ? n : NAME), name);
    for (int i = 0; l->report->warnings < SUGGESTED && i < HR_LINT_NRULES; i++) {
        unsigned distance = hr_word_distance(word, hr_lint_rules[i].id);
        if (distance < nearest && hr_word_is_near(word, distance)) {
            nearest = distance;
            meant = hr_lint_rules[i].id;
        }
    }
    if (meant)
        (void)snprintf(fix, sizeof(fix), "Did you mean %s?", meant);
    hr_lint_found(l, HR_LINT_SUPPRESSION_UNKNOWN, NULL, remark->line, 0, meant ? fix : NULL,
                  "there is no such rule: %s", word);
}

static void add(struct hr_lint *l, const struct hr_suppression *s)
{
    if (l->nsuppressions < HR_LINT_SUPPRESSIONS) {
        l->suppressions[l->nsuppressions++] = *s;
        return;
    }
    if (!l->too_many_suppressions)
        hr_lint_found(l, HR_LINT_TOO_LARGE, NULL, s->line, 0, NULL,
                      "comments turn off more than %d rules", HR_LINT_SUPPRESSIONS);
    l->too_many_suppressions = true;
}

/* The rules of one comment: up to a blank; what comes then is for people. */
static void read_rules(struct hr_lint *l, const struct hr_remark *remark, const char *p,
                       const struct hr_instruction *instruction)
{
    while (*p && !hr_is_blank(*p)) {
        struct hr_suppression s = {.line = remark->line, .instruction = instruction};
        size_t n = strcspn(p, ", \t\v\f\r");
        if (n && find_rule(p, n, &s.rule))
            no_rule(l, remark, p, n);
        else if (n)
            add(l, &s);
        p += n + (p[n] == ',');
    }
}

static void read_remark(struct hr_lint *l, const struct hr_remark *remark)
{
    static const char here[] = "ignore=";
    static const char file[] = "ignore-file=";
    const struct hr_dockerfile *d = l->d;
    const char *p = hr_skip_blanks(remark->text);
    if (strncmp(p, file, sizeof(file) - 1) == 0) {
        if (remark->instruction)
            unknown(l, remark, "it does not stand before the first instruction", p, strlen(p));
        else
            read_rules(l, remark, p + sizeof(file) - 1, NULL);
    } else if (strncmp(p, here, sizeof(here) - 1) == 0) {
        if (remark->instruction == d->ninstructions)
            unknown(l, remark, "no instruction comes after it", p, strlen(p));
        else
            read_rules(l, remark, p + sizeof(here) - 1, &d->instructions[remark->instruction]);
    } else {
        unknown(l, remark, "it asks for nothing that is known", p, strlen(p));
    }
}

int hr_suppressions_read(struct hr_lint *l)
{
    l->suppressions = calloc(HR_LINT_SUPPRESSIONS, sizeof(*l->suppressions));
    if (!l->suppressions)
        return -ENOMEM;
    for (size_t i = 0; i < l->d->nremarks; i++)
        read_remark(l, &l->d->remarks[i]);
    return 0;
}

bool hr_suppressed(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                   uint32_t line)
{
    bool found = false;
    for (size_t k = 0; k < l->nsuppressions; k++) {
        struct hr_suppression *s = &l->suppressions[k];
        const struct hr_instruction *about = s->instruction;
        if (s->rule != rule ||
            (about && about != i && (i || line < about->line || line > about->last_line)))
            continue;
        s->used = true;
        found = true;
    }
    return found;
}

void hr_suppressions_unused(struct hr_lint *l)
{
    for (size_t k = 0; k < l->nsuppressions; k++)
        if (!l->suppressions[k].used && l->suppressions[k].rule != HR_LINT_SUPPRESSION_UNUSED)
            hr_lint_found(l, HR_LINT_SUPPRESSION_UNUSED, l->suppressions[k].instruction,
                          l->suppressions[k].line, 0, NULL, "%s is turned off, and finds nothing",
                          hr_lint_rules[l->suppressions[k].rule].id);
}
