/* SPDX-License-Identifier: MIT
 * JSON Schema, draft 2020-12 (and draft-07 when "$schema" says so): the arguments of every tool
 * call are checked here before a plugin sees them.
 *
 * A schema is compiled once: every keyword's value is checked, every pattern is compiled, every
 * reference is resolved.  What is not understood is refused then, in words for the schema's author,
 * and never half-obeyed later.  A compiled schema is never written to again, so any number of
 * threads may validate with one; each validation has its own state.
 *
 * What it does:
 * - all keywords of the core, applicator, unevaluated and validation vocabularies; "format" and
 *   "content*" are annotations, as the draft has it by default, and assert nothing;
 * - "$ref" and "$dynamicRef" inside the document and to the 2020-12 metaschema.  Nothing is ever
 *   fetched: any other reference is refused;
 * - patterns by ECMAScript's rules, on PCRE2; what would mean something else there is refused;
 * - 1.0 is an integer, 1.0 equals 1, integers are compared exactly, "multipleOf" is decimal.
 * What it does not: "$vocabulary" has no effect, and "$schema" may name the two drafts only.
 *
 * Schema and instance may both come from people who mean harm.  Whatever they hold, validation ends
 * soon and within bounded memory: see the limits. */
#ifndef HR_COMMON_SCHEMA_SCHEMA_H
#define HR_COMMON_SCHEMA_SCHEMA_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct hr_buf;
struct hr_schema;

struct hr_schema_limits {
    size_t schema_values; /* JSON values in a schema, keywords' values included */
    size_t schema_depth;  /* levels of JSON nesting in a schema */
    size_t pattern_bytes; /* length of one regular expression */

    size_t depth;  /* schemas applied, or values compared, inside each other; each level costs about
                      1 KiB of the caller's stack */
    size_t steps;  /* schemas applied, members visited and values compared in one validation */
    size_t errors; /* lines of one validation's report */
    int hide_text; /* nonzero: the report does not quote the instance's strings, only its names */

    uint32_t regex_steps;    /* pattern items tried in one validation; also PCRE2's match limit */
    uint32_t regex_depth;    /* PCRE2's depth limit: backtracking points held at once */
    uint32_t regex_heap_kib; /* PCRE2's heap limit, KiB */
    size_t regex_subject;    /* bytes of a string that a pattern is tried on */
    int64_t regex_ms;        /* processor time of one validation, looked at in patterns; ms */
};

/* What is used where nothing else is given: refuses no schema that a person would write, and ends
 * within a second whatever comes. */
extern const struct hr_schema_limits hr_schema_default_limits;

/* Compile a schema.  It is copied: the caller keeps its own and may change it afterwards.
 * limits: NULL for the defaults; copied.  *ret: the caller's, for hr_schema_free().
 * 0; -EINVAL if the schema is refused, -ENOMEM.  On failure why (of size bytes, may be NULL when
 * size is 0) holds a sentence: the JSON pointer in the schema, what is wrong there, what to do. */
int hr_schema_compile(const json_t *schema, const struct hr_schema_limits *limits,
                      struct hr_schema **ret, char *why, size_t size);

/* NULL is fine. */
void hr_schema_free(struct hr_schema *s);

/* Validate an instance.  It is only read, but no other thread may change it meanwhile.
 * errors: NULL, or a buffer that lines are appended to when the result is not 0; what does not fit
 * into its maximum is left out.
 * 0       valid
 * -EINVAL invalid: up to limits.errors lines, each "POINTER: what was expected, what came", such as
 *             /limit: expected at most 100, got 250
 *             (top level): missing required property "path"
 * -E2BIG  a limit was reached before there was an answer: one line that says which
 * -ENOMEM */
int hr_schema_validate(const struct hr_schema *s, const json_t *instance, struct hr_buf *errors);

#endif
