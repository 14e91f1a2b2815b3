/* SPDX-License-Identifier: MIT
 * What the commands for images have to say: findings, collected in the order they are found, then
 * printed as text for people, or as JSON or SARIF 2.1.0 for programs.
 *
 * What can be found is a table of rules; a finding names its rule, and `handrail explain` prints
 * one.  A rule's id is for ever: people suppress it by that name.
 *
 * One thread.  It allocates; without memory the findings that do not fit are counted, no more.
 */
#ifndef HR_IMAGE_REPORT_H
#define HR_IMAGE_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    HR_FINDINGS_MAX = 1000,       /* kept; the rest is counted */
    HR_FINDING_TEXT = 2 * 1024,   /* bytes of one message or fix, at most */
    HR_RULE_TABLES = 4,           /* of one report */
    HR_REPORT_EXIT_FOUND = 1,     /* exit code: an error was found */
    HR_REPORT_EXIT_NO_INPUT = 66, /* exit code: what was to be looked at cannot be read */
};

enum hr_severity { HR_FOUND_NOTE, HR_FOUND_WARNING, HR_FOUND_ERROR };

/* Static, all members set. */
struct hr_rule {
    const char *id; /* kebab-case */
    enum hr_severity severity;
    const char *title; /* one line, without a full stop */
    const char *why;   /* what goes wrong otherwise: sentences */
    const char *fix;   /* what to do: sentences */
};

/* Where.  What does not apply is NULL or 0. */
struct hr_place {
    const char *file;
    uint32_t line, column; /* from 1; a column counts characters */
    const char *pointer;   /* RFC 6901, into a JSON or YAML file */
};

enum hr_report_format { HR_REPORT_TEXT, HR_REPORT_JSON, HR_REPORT_SARIF };

struct hr_rule_table {
    const struct hr_rule *rules;
    size_t n;
};

struct hr_report {
    const char *command; /* "lint": borrowed */
    enum hr_report_format format;
    bool strict;      /* warnings are errors, for the exit code */
    json_t *findings; /* an array of objects, as --format=json prints them */
    size_t errors, warnings, notes;
    size_t lost; /* findings that are counted above, but not kept */
    struct hr_rule_table tables[HR_RULE_TABLES];
    size_t ntables;
};

void hr_report_init(struct hr_report *r, const char *command);
void hr_report_free(struct hr_report *r);

/* Whose rules the findings can be of, so that SARIF describes them.  Static; HR_RULE_TABLES at
 * most.
 */
void hr_report_rules(struct hr_report *r, const struct hr_rule *rules, size_t n);

/* --format=text|json|sarif and --strict, which each of the commands has.  1: it was one of them;
 * 0: it is another; -EINVAL: it is one with a wrong value, and this has been said. */
int hr_report_option(struct hr_report *r, const char *arg);

/* The value of an option "--name=value" in `option` "--name="; NULL: it is another one, or empty.
 */
const char *hr_report_value(const char *arg, const char *option);

/* Add a finding of a rule.  All text is copied, and cleaned of what is not UTF-8.  fix: what to do
 * here; NULL: what the rule says. */
void hr_report_add(struct hr_report *r, const struct hr_rule *rule, const struct hr_place *place,
                   const char *fix, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Add findings that were collected elsewhere, as another report has them.  Borrowed. */
void hr_report_take(struct hr_report *r, json_t *findings);

/* Put the findings from index `first` on in the order of their lines and columns. */
void hr_report_sort(struct hr_report *r, size_t first);

/* Print everything.  The exit code: 0, or HR_REPORT_EXIT_FOUND.  Whether it could be written is
 * for the caller to ask of `out`. */
int hr_report_end(const struct hr_report *r, FILE *out);

/* Print a rule: id, severity, title, why, fix. */
void hr_rule_print(FILE *out, const struct hr_rule *rule);

#endif
