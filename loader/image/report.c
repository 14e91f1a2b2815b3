/* SPDX-License-Identifier: MIT
 * Findings.  See report.h. */
#include "report.h"

#include "common/buf.h"
#include "common/utf8.h"
#include "loader/cli/text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const severities[] = {
    [HR_FOUND_NOTE] = "note", [HR_FOUND_WARNING] = "warning", [HR_FOUND_ERROR] = "error"};

void hr_report_init(struct hr_report *r, const char *command)
{
    *r = (struct hr_report){.command = command, .findings = json_array()};
}

void hr_report_rules(struct hr_report *r, const struct hr_rule *rules, size_t n)
{
    assert(r->ntables < HR_RULE_TABLES);
    r->tables[r->ntables++] = (struct hr_rule_table){.rules = rules, .n = n};
}

void hr_report_free(struct hr_report *r)
{
    json_decref(r->findings);
    r->findings = NULL;
}

int hr_report_option(struct hr_report *r, const char *arg)
{
    static const char *const formats[] = {"text", "json", "sarif"};
    static const char option[] = "--format=";
    if (strcmp(arg, "--strict") == 0) {
        r->strict = true;
        return 1;
    }
    if (strncmp(arg, option, sizeof(option) - 1) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(arg + sizeof(option) - 1, formats[i]) == 0) {
            r->format = (enum hr_report_format)i;
            return 1;
        }
    (void)fprintf(stderr, "handrail %s: %s: expected text, json or sarif\n", r->command, arg);
    return -EINVAL;
}

const char *hr_report_value(const char *arg, const char *option)
{
    size_t n = strlen(option);
    return strncmp(arg, option, n) == 0 && arg[n] ? arg + n : NULL;
}

/* ---- collecting ------------------------------------------------------------------------------ */

static json_t *clean_string(const char *s)
{
    struct hr_buf clean;
    hr_buf_init(&clean, (size_t)3 * HR_FINDING_TEXT); /* a bad byte becomes three */
    size_t n = strnlen(s, HR_FINDING_TEXT);
    json_t *string = hr_utf8_clean(&clean, s, n) ? NULL : json_string(hr_buf_str(&clean));
    hr_buf_free(&clean);
    return string;
}

static json_t *make_finding(const struct hr_rule *rule, const struct hr_place *place,
                            const char *fix, const char *message)
{
    json_t *f =
        json_pack("{s:s, s:s, s:o, s:o}", "rule", rule->id, "severity", severities[rule->severity],
                  "message", clean_string(message), "fix", clean_string(fix ? fix : rule->fix));
    int bad = !f;
    if (f && place->file)
        bad |= json_object_set_new(f, "file", clean_string(place->file));
    if (f && place->line)
        bad |= json_object_set_new(f, "line", json_integer(place->line));
    if (f && place->line && place->column)
        bad |= json_object_set_new(f, "column", json_integer(place->column));
    if (f && place->pointer)
        bad |= json_object_set_new(f, "pointer", clean_string(place->pointer));
    if (!bad)
        return f;
    json_decref(f);
    return NULL;
}

void hr_report_add(struct hr_report *r, const struct hr_rule *rule, const struct hr_place *place,
                   const char *fix, const char *fmt, ...)
{
    static const struct hr_place nowhere;
    char message[HR_FINDING_TEXT];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (rule->severity == HR_FOUND_ERROR)
        r->errors++;
    else if (rule->severity == HR_FOUND_WARNING)
        r->warnings++;
    else
        r->notes++;
    if (json_array_size(r->findings) >= HR_FINDINGS_MAX ||
        json_array_append_new(r->findings,
                              make_finding(rule, place ? place : &nowhere, fix, message)))
        r->lost++;
}

void hr_report_take(struct hr_report *r, json_t *findings)
{
    size_t i;
    json_t *f;
    json_array_foreach (findings, i, f) {
        const char *severity = hr_text_get(f, "severity", "");
        if (strcmp(severity, severities[HR_FOUND_ERROR]) == 0)
            r->errors++;
        else if (strcmp(severity, severities[HR_FOUND_WARNING]) == 0)
            r->warnings++;
        else
            r->notes++;
        if (json_array_size(r->findings) >= HR_FINDINGS_MAX || json_array_append(r->findings, f))
            r->lost++;
    }
}

/* ---- order ----------------------------------------------------------------------------------- */

struct placed {
    json_t *finding;
    json_int_t line, column;
    size_t index;
};

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a;
    const struct placed *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

void hr_report_sort(struct hr_report *r, size_t first)
{
    size_t n = json_array_size(r->findings);
    struct placed *all = n > first ? calloc(n - first, sizeof(*all)) : NULL;
    if (!all)
        return; /* in the order in which they were found */
    for (size_t i = first; i < n; i++) {
        json_t *f = json_incref(json_array_get(r->findings, i));
        all[i - first] = (struct placed){.finding = f,
                                         .line = json_integer_value(json_object_get(f, "line")),
                                         .column = json_integer_value(json_object_get(f, "column")),
                                         .index = i};
    }
    qsort(all, n - first, sizeof(*all), by_place);
    for (size_t i = first; i < n; i++)
        (void)json_array_set_new(r->findings, i, all[i - first].finding);
    free(all);
}

/* ---- text ------------------------------------------------------------------------------------ */

static enum hr_paint paint_of(const char *severity)
{
    if (strcmp(severity, severities[HR_FOUND_ERROR]) == 0)
        return HR_RED;
    return strcmp(severity, severities[HR_FOUND_WARNING]) == 0 ? HR_YELLOW : HR_DIM;
}

/* "FILE:LINE:COLUMN: ", as far as it is known; a pointer stands in for a line. */
static void print_place(FILE *out, const json_t *f)
{
    const char *file = hr_text_get(f, "file", "");
    if (!*file)
        return;
    hr_text_print(out, file);
    json_int_t line = json_integer_value(json_object_get(f, "line"));
    json_int_t column = json_integer_value(json_object_get(f, "column"));
    if (line)
        (void)fprintf(out, ":%" JSON_INTEGER_FORMAT, line);
    if (column)
        (void)fprintf(out, ":%" JSON_INTEGER_FORMAT, column);
    (void)fprintf(out, ": ");
}

static void print_finding(FILE *out, const json_t *f)
{
    const char *severity = hr_text_get(f, "severity", "");
    const char *pointer = hr_text_get(f, "pointer", "");
    print_place(out, f);
    hr_text_cell(out, paint_of(severity), severity, 0);
    (void)fprintf(out, ": ");
    if (*pointer) {
        hr_text_print(out, pointer);
        (void)fprintf(out, ": ");
    }
    hr_text_print(out, hr_text_get(f, "message", ""));
    (void)fprintf(out, " [%s]\n    fix: ", hr_text_get(f, "rule", ""));
    hr_text_print(out, hr_text_get(f, "fix", ""));
    (void)fprintf(out, "\n");
}

static void print_count(FILE *out, size_t n, const char *word)
{
    (void)fprintf(out, "%zu %s%s", n, word, n == 1 ? "" : "s");
}

static void print_text(FILE *out, const struct hr_report *r)
{
    size_t i;
    json_t *f;
    hr_text_set_colours(hr_text_wants_colours(fileno(out)));
    json_array_foreach (r->findings, i, f)
        print_finding(out, f);
    (void)fprintf(out, "handrail %s: ", r->command);
    print_count(out, r->errors, "error");
    (void)fprintf(out, ", ");
    print_count(out, r->warnings, "warning");
    if (r->notes) {
        (void)fprintf(out, ", ");
        print_count(out, r->notes, "note");
    }
    if (r->lost)
        (void)fprintf(out, " (%zu of them not shown)", r->lost);
    (void)fprintf(out, "\n");
}

/* ---- JSON and SARIF -------------------------------------------------------------------------- */

static int print_json(FILE *out, const struct hr_report *r)
{
    json_t *all =
        json_pack("{s:s, s:O, s:I, s:I, s:I, s:I}", "command", r->command, "findings", r->findings,
                  "errors", (json_int_t)r->errors, "warnings", (json_int_t)r->warnings, "notes",
                  (json_int_t)r->notes, "not_shown", (json_int_t)r->lost);
    int bad = !all || json_dumpf(all, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(all);
    (void)fprintf(out, "\n");
    return bad;
}

/* A file name as a URI reference: what a URI does not hold is percent-encoded. */
static json_t *sarif_uri(const char *file)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~/";
    struct hr_buf uri;
    hr_buf_init(&uri, (size_t)3 * 3 * HR_FINDING_TEXT + 8);
    int bad = *file == '/' ? hr_buf_adds(&uri, "file://") : 0;
    for (const char *p = file; *p; p++)
        bad |= strchr(plain, *p) ? hr_buf_addc(&uri, *p)
                                 : hr_buf_addf(&uri, "%%%02X", (unsigned)(unsigned char)*p);
    json_t *string = bad ? NULL : json_string(hr_buf_str(&uri));
    hr_buf_free(&uri);
    return string;
}

static json_t *sarif_location(const json_t *f)
{
    const char *file = hr_text_get(f, "file", "");
    const char *pointer = hr_text_get(f, "pointer", "");
    json_t *region = json_object();
    json_t *line = json_object_get(f, "line");
    json_t *column = json_object_get(f, "column");
    if (line)
        (void)json_object_set(region, "startLine", line);
    if (column)
        (void)json_object_set(region, "startColumn", column);
    json_t *physical = json_pack("{s:{s:o}}", "artifactLocation", "uri", sarif_uri(file));
    if (line && physical)
        (void)json_object_set(physical, "region", region);
    json_decref(region);
    json_t *location = json_pack("{s:o}", "physicalLocation", physical);
    if (location && *pointer)
        (void)json_object_set_new(location, "logicalLocations",
                                  json_pack("[{s:s}]", "fullyQualifiedName", pointer));
    return location;
}

static const struct hr_rule *find_rule(const struct hr_report *r, const char *id)
{
    for (size_t t = 0; t < r->ntables; t++)
        for (size_t i = 0; i < r->tables[t].n; i++)
            if (strcmp(r->tables[t].rules[i].id, id) == 0)
                return &r->tables[t].rules[i];
    return NULL;
}

static json_t *sarif_rule(const struct hr_rule *rule)
{
    struct hr_buf help;
    hr_buf_init(&help, (size_t)8 * HR_FINDING_TEXT);
    (void)hr_buf_addf(&help, "%s\n\nFix: %s", rule->why, rule->fix);
    json_t *o =
        json_pack("{s:s, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}", "id", rule->id, "shortDescription",
                  "text", rule->title, "fullDescription", "text", rule->why, "help", "text",
                  hr_buf_str(&help), "defaultConfiguration", "level", severities[rule->severity]);
    hr_buf_free(&help);
    return o;
}

static json_t *sarif_result(const json_t *f)
{
    struct hr_buf text;
    hr_buf_init(&text, (size_t)8 * HR_FINDING_TEXT);
    (void)hr_buf_addf(&text, "%s. Fix: %s", hr_text_get(f, "message", ""),
                      hr_text_get(f, "fix", ""));
    json_t *result =
        json_pack("{s:s, s:s, s:{s:s}}", "ruleId", hr_text_get(f, "rule", ""), "level",
                  hr_text_get(f, "severity", ""), "message", "text", hr_buf_str(&text));
    hr_buf_free(&text);
    if (result && json_object_get(f, "file"))
        (void)json_object_set_new(result, "locations", json_pack("[o]", sarif_location(f)));
    return result;
}

/* The rules that something was found of, in the order of their first finding, by id. */
static json_t *sarif_rules(const struct hr_report *r)
{
    size_t i;
    json_t *f;
    json_t *rules = json_object();
    json_array_foreach (r->findings, i, f) {
        const char *id = hr_text_get(f, "rule", "");
        const struct hr_rule *rule = json_object_get(rules, id) ? NULL : find_rule(r, id);
        if (rule)
            (void)json_object_set_new(rules, id, sarif_rule(rule));
    }
    json_t *list = json_array();
    const char *id;
    json_object_foreach (rules, id, f)
        (void)json_array_append(list, f);
    json_decref(rules);
    return list;
}

static int print_sarif(FILE *out, const struct hr_report *r)
{
    size_t i;
    json_t *f;
    json_t *results = json_array();
    json_t *rules = sarif_rules(r);
    int bad = 0;
    json_array_foreach (r->findings, i, f)
        bad |= json_array_append_new(results, sarif_result(f));
    json_t *all = json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:s, s:o}}, s:s, s:o}]}", "$schema",
                            "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0",
                            "runs", "tool", "driver", "name", "handrail", "version", HR_VERSION,
                            "semanticVersion", HR_VERSION, "rules", rules, "columnKind",
                            "unicodeCodePoints", "results", results);
    bad |= !all || json_dumpf(all, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(all);
    (void)fprintf(out, "\n");
    return bad;
}

int hr_report_end(const struct hr_report *r, FILE *out)
{
    if (r->format == HR_REPORT_TEXT)
        print_text(out, r);
    else if (r->format == HR_REPORT_JSON ? print_json(out, r) : print_sarif(out, r))
        (void)fprintf(stderr, "handrail %s: out of memory for the report\n", r->command);
    return r->errors || (r->strict && r->warnings) ? HR_REPORT_EXIT_FOUND : 0;
}

void hr_rule_print(FILE *out, const struct hr_rule *rule)
{
    (void)fprintf(out, "%s (%s)\n%s\n\nWhy: %s\n\nFix: %s\n", rule->id, severities[rule->severity],
                  rule->title, rule->why, rule->fix);
}
