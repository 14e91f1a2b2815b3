/* SPDX-License-Identifier: MIT
 * Regular expressions.  See expression.h. */
#include "expression.h"

#include <errno.h>
#include <regex.h>
#include <stddef.h>

#define EXP    "([eE][-+][0-9]+)?"
#define SEXAGE "(:[0-5]?[0-9])+"
#define ALNUM  "[a-zA-Z0-9]"
#define HOST   ALNUM "([a-zA-Z0-9-]*" ALNUM ")?"
#define PART   "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
#define PRE    "(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
#define DNS    "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
#define DIGEST "(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})"
#define DOMAIN "(" HOST "(\\." HOST ")+(:[0-9]+)?|" HOST ":[0-9]+|localhost)/"
#define REPO   "(" DOMAIN ")?" PART "(/" PART ")*"
#define TAG    "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"

static const char *const expressions[HR_SPEC_REGEXES] = {
    [HR_RE_YAML_NULL] = "^(~|null|Null|NULL)?$",
    [HR_RE_YAML_TRUE] = "^(yes|Yes|YES|true|True|TRUE|on|On|ON|y|Y)$",
    [HR_RE_YAML_FALSE] = "^(no|No|NO|false|False|FALSE|off|Off|OFF|n|N)$",
    [HR_RE_YAML_DECIMAL] = "^-?(0|[1-9][0-9]*)$",
    [HR_RE_YAML_OCTAL] = "^([-+]?0[0-7_]+|0o[0-7]+)$",
    [HR_RE_YAML_INTEGER] = "^([-+]?0b[0-1_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*|[-+]?[0-9]+)$",
    [HR_RE_YAML_BASE60] = "^[-+]?[0-9][0-9_]*" SEXAGE "(\\.[0-9_]*)?$",
    [HR_RE_YAML_FLOAT11] = "^([-+]?[0-9][0-9_]*\\.[0-9_]*" EXP "|[-+]?\\.[0-9][0-9_]*" EXP
                           "|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN))$",
    [HR_RE_YAML_FLOAT12] = "^[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?$",
    [HR_RE_YAML_DATE] =
        "^[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(([Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(\\.[0-9]*)?"
        "([ \t]*(Z|[-+][0-9][0-9]?(:[0-9]{2})?))?)?$",
    [HR_RE_YAML_OTHER] = "^(<<|=)$",

    [HR_RE_NAME] = "^" DNS "(\\." DNS ")*$",
    [HR_RE_LABEL] = "^[^: \t\r\n/]([^:\t\r\n/]*[^: \t\r\n/])?$",
    [HR_RE_SEMVER] = "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)(-" PRE "(\\." PRE
                     ")*)?(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$",
    [HR_RE_MAIL] = "^[^@ \t\r\n]+@[^@ \t\r\n.]+(\\.[^@ \t\r\n.]+)*$",
    [HR_RE_WORD] = "^[^ \t\r\n]([^\t\r\n]*[^ \t\r\n])?$",
    [HR_RE_IMAGE] = "^" REPO "(:" TAG ")?(@" DIGEST ")?$",
    [HR_RE_FLOATING] = "^" REPO "(:latest)?$",
    [HR_RE_CAPABILITY] = "^[a-z][a-z0-9]*([_-][a-z0-9]+)*$",
    [HR_RE_VARIABLE] = "^[A-Za-z_][A-Za-z0-9_.-]*$",
    [HR_RE_PORT_NAME] = "^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    [HR_RE_PATH] = "^/[^\t\r\n]*$",
};

const char *hr_spec_regex_text(enum hr_spec_regex p)
{
    return expressions[p];
}

static regex_t compiled[HR_SPEC_REGEXES];
static size_t ncompiled;

int hr_spec_compile(void)
{
    for (; ncompiled < HR_SPEC_REGEXES; ncompiled++)
        if (regcomp(&compiled[ncompiled], expressions[ncompiled], REG_EXTENDED | REG_NOSUB))
            return -ENOMEM;
    return 0;
}

bool hr_spec_matches(enum hr_spec_regex p, const char *text)
{
    return hr_spec_compile() == 0 && regexec(&compiled[p], text, 0, NULL, 0) == 0;
}
