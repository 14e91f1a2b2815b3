/* SPDX-License-Identifier: MIT
 * One validation.  Private to this folder.
 *
 * It runs twice if need be: first silently, ending at the first fault; then, if there was one and
 * somebody wants to know, once more to collect words.  So what is valid costs nothing for reports,
 * and branches that fail inside what holds are never described. */
#ifndef HR_COMMON_SCHEMA_RUN_H
#define HR_COMMON_SCHEMA_RUN_H

#include "common/buf.h"
#include "model.h"

/* The way to a value in the instance; on the stack, innermost first. */
struct hr_schema_at {
    const struct hr_schema_at *up; /* NULL: the top */
    const char *key;               /* NULL: index counts */
    size_t index;
    bool name; /* the value is the property's name itself */
};

/* The resources that were entered on the way here, innermost first. */
struct hr_schema_scope {
    const struct hr_schema_scope *up;
    const struct hr_schema_resource *resource;
};

/* Which members or items of one value some keyword has described; by ordinal. */
struct hr_schema_seen {
    uint64_t *bits; /* NULL: nobody asks */
    size_t n;
};

/* A value and all that goes with it. */
struct hr_schema_frame {
    const json_t *value;
    const struct hr_schema_at *at;
    const struct hr_schema_scope *scope;
    struct hr_schema_seen *seen; /* NULL: nobody asks */
};

/* Where lines go. */
struct hr_schema_sink {
    struct hr_buf *out;
    size_t lines;
    size_t most;
};

struct hr_schema_run {
    const struct hr_schema *s;
    size_t steps;                /* left */
    size_t depth;                /* left */
    struct hr_schema_sink *sink; /* NULL: silent */
    char why[160];               /* which limit was reached */

    uint32_t regex_steps; /* left */
    size_t regex_callouts;
    int64_t regex_end;   /* of the time for patterns, microseconds of this thread; 0: not begun */
    size_t regex_last;   /* offset of the last callout in this match */
    void *regex_data;    /* pcre2_match_data */
    void *regex_context; /* pcre2_match_context */
};

/* Apply a schema to a value.  0: valid; 1: not; -E2BIG, -ENOMEM. */
int hr_schema_apply(struct hr_schema_run *r, const struct hr_schema_node *n,
                    const struct hr_schema_frame *f);
/* The same, for a member (key) or an item (key NULL) of the frame's value. */
int hr_schema_apply_below(struct hr_schema_run *r, const struct hr_schema_node *n,
                          const struct hr_schema_frame *f, const json_t *value, const char *key,
                          size_t index);
/* The same as hr_schema_apply(), without a report. */
int hr_schema_apply_silently(struct hr_schema_run *r, const struct hr_schema_node *n,
                             const struct hr_schema_frame *f);

/* Count n steps.  0, or -E2BIG when there are none left. */
int hr_schema_spend(struct hr_schema_run *r, size_t n);
/* A limit was reached; note which.  -E2BIG. */
int hr_schema_too_much(struct hr_schema_run *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Note a fault at the frame's value.  Always 1. */
int hr_schema_fault(struct hr_schema_run *r, const struct hr_schema_at *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* After a fault: is there no point in looking for more? */
bool hr_schema_enough(const struct hr_schema_run *r);
/* Add rc, a result of the above, to *failed.  True: go no further, and return hr_schema_outcome().
 */
bool hr_schema_stop(const struct hr_schema_run *r, int rc, int *failed);

/* Values in words, as much of them as a line has room for. */
void hr_schema_say_value(struct hr_buf *out,
                         const json_t *value);                    /* string "x"; array of 3 items */
void hr_schema_say_json(struct hr_buf *out, const json_t *value); /* "x"; {"type":"null"} */
void hr_schema_say_types(struct hr_buf *out, unsigned types);     /* string or null */
void hr_schema_say_text(struct hr_buf *out, const char *text, size_t len); /* "x" */

int hr_schema_seen_init(struct hr_schema_run *r, struct hr_schema_seen *seen, const json_t *value);
void hr_schema_seen_free(struct hr_schema_seen *seen);
void hr_schema_seen_mark(struct hr_schema_seen *seen, size_t i);
bool hr_schema_seen_has(const struct hr_schema_seen *seen, size_t i);
void hr_schema_seen_merge(struct hr_schema_seen *into, const struct hr_schema_seen *from);

/* Equality as JSON Schema has it.  0: equal; 1: not; -E2BIG. */
int hr_schema_equal(struct hr_schema_run *r, const json_t *a, const json_t *b);
/* Two items that are equal.  0: there are none; 1: *first and *second; -E2BIG, -ENOMEM. */
int hr_schema_find_twins(struct hr_schema_run *r, const json_t *array, size_t *first,
                         size_t *second);

/* Numbers.  <0, 0, >0, exactly, integers and reals alike. */
int hr_schema_number_cmp(const json_t *a, const json_t *b);
bool hr_schema_number_integral(const json_t *v);
/* Is the value a whole multiple, both read as the shortest decimals that give the same number? */
bool hr_schema_number_multiple(const json_t *value, const json_t *divisor);

#endif
