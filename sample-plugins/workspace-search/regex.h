/* SPDX-License-Identifier: MIT
 * A compiled pattern, matched against one line at a time, that cannot run away: a pattern like
 * (a+)+$ needs exponential time on some lines, and this is code that a model writes.
 *
 * PCRE2's own match limit does not count everything (compiled just-in-time, the steps of a.*b are
 * free), so the pattern is compiled with a callout before every item.  The callout counts steps,
 * and asks the budget whether the call was cancelled or is out of time.  That makes a step some
 * ten times dearer, so a pattern that is plainly harmless on a line goes without. */
#ifndef WS_REGEX_H
#define WS_REGEX_H

#include "args.h"
#include "budget.h"
#include <stddef.h>

struct ws_regex;

/* Compile a->pattern.  *b must outlive *ret.  HANDRAIL_OK, or a negative status with the reason. */
handrail_status ws_regex_new(const struct kit_call *c, const struct ws_args *a, struct ws_budget *b,
                             struct ws_regex **ret);

/* Search one line, without its '\n'.  1 and where the first match lies; 0 for none; -EINTR if the
 * budget is spent; -ERANGE if the line is too expensive for this pattern; -ENOMEM. */
int ws_regex_match(struct ws_regex *r, const char *line, size_t len, size_t *ret_start,
                   size_t *ret_end);

/* Does the pattern ask for a line break, which no line contains? */
bool ws_regex_wants_line_break(const struct ws_regex *r);

void ws_regex_free(struct ws_regex *r);

#endif
