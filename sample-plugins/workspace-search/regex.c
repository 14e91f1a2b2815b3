/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"

#include "effort.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Per starting point, and only of what PCRE2 counts: the second line of defence. */
    MATCH_LIMIT = 1000 * 1000,
    DEPTH_LIMIT = 100 * 1000,
    HEAP_LIMIT_KIB = 16 * 1024,
    JIT_STACK_START = 32 * 1024, /* bytes */
    JIT_STACK_MAX = 1024 * 1024, /* bytes */
    /* Callouts per line: about 20 ms, and more for a long line, where many starts are honest. */
    STEPS_PER_LINE = 1000 * 1000,
    STEPS_PER_BYTE = 64,
    /* One step may scan the whole line, so the budget is asked after so many bytes' worth. */
    BYTES_PER_POLL = 4 * 1024 * 1024,
    STEPS_PER_POLL = 4096
};

/* Tries on one line: so many take some 30 ms at worst, and are not worth counting. */
static const double tries_uncounted = 4e6;
/* From here on, the budget is asked before the line. */
static const double tries_cheap = 1e5;

struct ws_regex {
    pcre2_code *code;  /* with callouts, unless the pattern is literal text */
    pcre2_code *quick; /* without; NULL if it is not compiled just-in-time */
    struct ws_effort effort;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    struct ws_budget *budget;
    size_t steps, steps_max, poll_every; /* of the current line */
};

static int on_callout(pcre2_callout_block *block, void *user)
{
    struct ws_regex *r = user;

    (void)block;
    if (++r->steps > r->steps_max)
        return PCRE2_ERROR_MATCHLIMIT;
    if (r->steps % r->poll_every == 0 && ws_budget_spent(r->budget))
        return PCRE2_ERROR_CALLOUT;
    return 0;
}

static pcre2_code *compile(const struct kit_call *c, const struct ws_args *a, uint32_t callouts)
{
    /* MATCH_INVALID_UTF: a file in another encoding is searched as far as it goes. */
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_UCHAR message[256] = "";
    pcre2_code *code = NULL;
    PCRE2_SIZE at = 0;
    int error = 0;

    options |= a->fixed ? PCRE2_LITERAL : callouts | PCRE2_NEVER_BACKSLASH_C;
    options |= a->case_sensitive ? 0 : PCRE2_CASELESS;
    if (!context)
        return NULL;
    /* So that "$" matches before the "\r" of a file with "\r\n". */
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    code = pcre2_compile((PCRE2_SPTR)a->pattern, strlen(a->pattern), options, &error, &at, context);
    if (!code) {
        pcre2_get_error_message(error, message, sizeof(message));
        kit_fail(c, HANDRAIL_E_INVALID,
                 "pattern is no valid regular expression: %s, at byte %zu of \"%.200s\": mend it, "
                 "or set fixed to true to search for it as literal text",
                 (const char *)message, (size_t)at, a->pattern);
    }
    pcre2_compile_context_free(context);
    return code;
}

/* A sandbox may forbid memory that is both written and run: then the interpreter does it. */
static void speed_up(struct ws_regex *r, const struct kit_call *c, const struct ws_args *a)
{
    if (pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) != 0)
        return;
    r->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
    if (r->stack)
        pcre2_jit_stack_assign(r->context, NULL, r->stack);
    r->effort = ws_effort_of(a->pattern);
    if (a->fixed || !r->effort.bounded)
        return;
    r->quick = compile(c, a, 0);
    if (r->quick && pcre2_jit_compile(r->quick, PCRE2_JIT_COMPLETE) != 0) {
        pcre2_code_free(r->quick);
        r->quick = NULL;
    }
}

handrail_status ws_regex_new(const struct kit_call *c, const struct ws_args *a, struct ws_budget *b,
                             struct ws_regex **ret)
{
    struct ws_regex *r = calloc(1, sizeof(*r));

    if (!r)
        return HANDRAIL_E_NOMEM;
    r->budget = b;
    r->code = compile(c, a, PCRE2_AUTO_CALLOUT);
    if (!r->code) {
        ws_regex_free(r);
        return HANDRAIL_E_INVALID;
    }
    r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
    r->context = pcre2_match_context_create(NULL);
    if (!r->data || !r->context) {
        ws_regex_free(r);
        return HANDRAIL_E_NOMEM;
    }
    pcre2_set_match_limit(r->context, MATCH_LIMIT);
    pcre2_set_depth_limit(r->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(r->context, HEAP_LIMIT_KIB);
    pcre2_set_callout(r->context, on_callout, r);
    speed_up(r, c, a);
    *ret = r;
    return HANDRAIL_OK;
}

static int failure(int rc)
{
    switch (rc) {
    case PCRE2_ERROR_CALLOUT: return -EINTR;
    case PCRE2_ERROR_NOMEMORY: return -ENOMEM;
    default: return -ERANGE; /* one of the limits, the just-in-time stack among them */
    }
}

/* The code to search a line of that length with, or NULL if the budget is spent. */
static const pcre2_code *code_for(struct ws_regex *r, size_t len)
{
    double tries = r->quick ? ws_effort_tries(&r->effort, len) : 0;

    if (!r->quick || tries > tries_uncounted)
        return r->code;
    return tries > tries_cheap && ws_budget_spent(r->budget) ? NULL : r->quick;
}

int ws_regex_match(struct ws_regex *r, const char *line, size_t len, size_t *ret_start,
                   size_t *ret_end)
{
    size_t polls = BYTES_PER_POLL / (len + 1);

    r->steps = 0;
    r->steps_max = STEPS_PER_LINE + STEPS_PER_BYTE * len;
    r->poll_every = polls > STEPS_PER_POLL ? STEPS_PER_POLL : polls ? polls : 1;
    const pcre2_code *code = code_for(r, len);
    if (!code)
        return -EINTR;
    int rc = pcre2_match(code, (PCRE2_SPTR)line, len, 0, 0, r->data, r->context);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return failure(rc);
    const PCRE2_SIZE *where = pcre2_get_ovector_pointer(r->data);
    /* \K in a lookahead can put the start behind the end. */
    *ret_start = where[0] < where[1] ? where[0] : where[1];
    *ret_end = where[1];
    return 1;
}

bool ws_regex_wants_line_break(const struct ws_regex *r)
{
    uint32_t wants = 0;

    return pcre2_pattern_info(r->code, PCRE2_INFO_HASCRORLF, &wants) == 0 && wants;
}

void ws_regex_free(struct ws_regex *r)
{
    if (!r)
        return;
    pcre2_jit_stack_free(r->stack);
    pcre2_match_context_free(r->context);
    pcre2_match_data_free(r->data);
    pcre2_code_free(r->quick);
    pcre2_code_free(r->code);
    free(r);
}
