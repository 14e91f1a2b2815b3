/* SPDX-License-Identifier: MIT */
#include "effort.h"

#include <math.h>
#include <string.h>

static bool repeats(char c)
{
    return c == '*' || c == '+' || c == '?' || c == '{';
}

/* Groups that only group.  Others look around, recurse, or change what the text means. */
static bool plain_group(const char *after_parenthesis)
{
    return strncmp(after_parenthesis, "?:", 2) == 0 || strncmp(after_parenthesis, "?i)", 3) == 0 ||
           !repeats(after_parenthesis[0]);
}

/* References and \X cost much each time; \Q and \c change what the next characters mean. */
static bool plain_escape(char c)
{
    return c != '\0' && !strchr("0123456789gkXQEc", c);
}

/* Classes are not told apart from the rest, so "[+|]" counts as a loop and a choice: the bound may
 * be too high, never too low. */
struct ws_effort ws_effort_of(const char *pattern)
{
    struct ws_effort e = {.bounded = true, .choices = 1};
    bool opened = false; /* the character before was a group's parenthesis */

    for (const char *p = pattern; e.bounded && *p; p++) {
        bool after_opening = opened;
        opened = *p == '(';
        if (*p == '\\')
            e.bounded = plain_escape(*++p);
        else if (*p == '(')
            e.bounded = plain_group(p + 1);
        else if (*p == ')')
            e.bounded = !repeats(p[1]); /* a loop in a loop is exponential */
        else if (*p == '|')
            e.choices *= 2;
        else if (repeats(*p) && !after_opening)
            e.loops++;
    }
    return e;
}

double ws_effort_tries(const struct ws_effort *e, size_t len)
{
    double tries = e->choices;

    if (!e->bounded)
        return HUGE_VAL;
    for (unsigned i = 0; i <= e->loops; i++) /* one for where the match starts */
        tries *= (double)len + 1;
    return tries;
}
