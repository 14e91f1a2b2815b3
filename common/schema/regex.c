/* SPDX-License-Identifier: MIT
 * Patterns: compiled once, matched within limits.  See regex.h.
 *
 * PCRE2's own match limit starts anew at each place of the string where a match could begin, so it
 * does not bound the time of a search.  Instead every item of a pattern calls back (auto-callout):
 * there the work is counted, by items tried and by characters passed over, and the clock is read.
 */
#include "regex.h"

#include "common/buf.h"
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    CHARS_PER_STEP = 16,    /* scanning is that much cheaper than trying an item */
    STEPS_PER_CLOCK = 64,   /* callouts between two looks at the clock */
    BYTES_PER_STEP = 256,   /* of a subject, for looking at it at all */
    TRANSLATED_FACTOR = 64, /* a translated pattern is at most that much longer */
};

struct hr_schema_regex {
    pcre2_code *code;
    struct hr_schema_regex *next;
};

int hr_schema_regex_new(struct hr_schema *s, const char *pattern, size_t len,
                        const struct hr_schema_regex **ret, char *why, size_t size)
{
    if (len > s->limits.pattern_bytes) {
        (void)snprintf(why, size, "is longer than %zu bytes: shorten it", s->limits.pattern_bytes);
        return -EINVAL;
    }
    struct hr_buf text;
    hr_buf_init(&text, TRANSLATED_FACTOR * (len + 1));
    int err = hr_schema_regex_translate(&text, pattern, len, why, size);
    struct hr_schema_regex *x = err ? NULL : hr_schema_alloc(s, sizeof(*x));
    if (!err && !x)
        err = -ENOMEM;
    if (!err) {
        int code = 0;
        PCRE2_SIZE at = 0;
        x->code = pcre2_compile((PCRE2_SPTR)hr_buf_str(&text), text.len,
                                PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                                    PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C |
                                    PCRE2_AUTO_CALLOUT,
                                &code, &at, NULL);
        if (!x->code) {
            char message[128] = "";
            (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof(message));
            (void)snprintf(why, size, "does not compile: %s: correct it", message);
            err = code == PCRE2_ERROR_HEAP_FAILED ? -ENOMEM : -EINVAL;
        }
    }
    if (!err) {
        x->next = s->regexes;
        s->regexes = x;
        *ret = x;
    }
    hr_buf_free(&text);
    return err;
}

void hr_schema_regex_free_all(struct hr_schema_regex *first)
{
    for (struct hr_schema_regex *x = first; x; x = x->next)
        pcre2_code_free(x->code); /* the rest is the schema's */
}

/* --- matching ------------------------------------------------------------------------------------
 */

/* Processor time, so that a busy machine gives the same answers as an idle one. */
static int64_t cpu_us(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int on_callout(pcre2_callout_block *block, void *user)
{
    struct hr_schema_run *r = user;
    size_t at = block->current_position;
    size_t work = 1 + (at > r->regex_last ? (at - r->regex_last) / CHARS_PER_STEP : 0);
    r->regex_last = at;
    if (work > r->regex_steps) {
        r->regex_steps = 0;
        return PCRE2_ERROR_CALLOUT;
    }
    r->regex_steps -= (uint32_t)work;
    if (++r->regex_callouts % STEPS_PER_CLOCK)
        return 0;
    int64_t now = cpu_us();
    if (!r->regex_end)
        r->regex_end = now + 1000 * r->s->limits.regex_ms;
    return now > r->regex_end ? PCRE2_ERROR_CALLOUT : 0;
}

static int prepare(struct hr_schema_run *r)
{
    const struct hr_schema_limits *l = &r->s->limits;
    if (r->regex_data)
        return 0;
    r->regex_data = pcre2_match_data_create(1, NULL);
    r->regex_context = pcre2_match_context_create(NULL);
    if (!r->regex_data || !r->regex_context)
        return -ENOMEM;
    (void)pcre2_set_callout(r->regex_context, on_callout, r);
    (void)pcre2_set_match_limit(r->regex_context, l->regex_steps);
    (void)pcre2_set_depth_limit(r->regex_context, l->regex_depth);
    (void)pcre2_set_heap_limit(r->regex_context, l->regex_heap_kib);
    return 0;
}

void hr_schema_regex_end(struct hr_schema_run *r)
{
    pcre2_match_data_free(r->regex_data);
    pcre2_match_context_free(r->regex_context);
    r->regex_data = NULL;
    r->regex_context = NULL;
}

int hr_schema_regex_search(struct hr_schema_run *r, const struct hr_schema_regex *x,
                           const char *subject, size_t len)
{
    const struct hr_schema_limits *l = &r->s->limits;
    int err = hr_schema_spend(r, 1 + len / BYTES_PER_STEP);
    if (err)
        return err;
    if (len > l->regex_subject)
        return hr_schema_too_much(r,
                                  "a string that must match a pattern is longer than %zu bytes: "
                                  "send a shorter one",
                                  l->regex_subject);
    if ((err = prepare(r)))
        return err;
    r->regex_last = 0;
    int rc = pcre2_match(x->code, (PCRE2_SPTR)subject, len, 0, 0, r->regex_data, r->regex_context);
    if (rc >= 0)
        return 0;
    if (rc == PCRE2_ERROR_NOMATCH)
        return 1;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return -ENOMEM;
    if (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21)
        return 1; /* no characters, no match */
    if (rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT)
        return hr_schema_too_much(r,
                                  "matching a string of %zu bytes against its pattern takes more "
                                  "than %" PRIu32 " KiB: send a shorter one",
                                  len, l->regex_heap_kib);
    return hr_schema_too_much(r,
                              "matching strings against patterns takes more than %" PRIu32
                              " steps or %" PRId64 " ms: send shorter ones",
                              l->regex_steps, l->regex_ms);
}
