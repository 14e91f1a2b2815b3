/* SPDX-License-Identifier: MIT
 * The regular expressions of the specification, in one place: POSIX extended ones that mean the
 * same to ECMAScript, for those in sandbox-spec.schema.json are the same.
 *
 * They are compiled once, and kept.  One thread. */
#ifndef HR_IMAGE_SPEC_EXPRESSION_H
#define HR_IMAGE_SPEC_EXPRESSION_H

#include <stdbool.h>

enum hr_spec_regex {
    HR_RE_YAML_NULL,
    HR_RE_YAML_TRUE,
    HR_RE_YAML_FALSE,
    HR_RE_YAML_DECIMAL,
    HR_RE_YAML_OCTAL,
    HR_RE_YAML_INTEGER,
    HR_RE_YAML_BASE60,
    HR_RE_YAML_FLOAT11,
    HR_RE_YAML_FLOAT12,
    HR_RE_YAML_DATE,
    HR_RE_YAML_OTHER,

    HR_RE_NAME,       /* of an object, as Kubernetes has it */
    HR_RE_LABEL,      /* a name for people */
    HR_RE_SEMVER,     /* semver.org 2.0.0 */
    HR_RE_MAIL,       /* an e-mail address, roughly */
    HR_RE_WORD,       /* not blank, and no blanks around it */
    HR_RE_IMAGE,      /* a reference to an image */
    HR_RE_FLOATING,   /* one that is the latest */
    HR_RE_CAPABILITY, /* machine_learning */
    HR_RE_VARIABLE,   /* of the environment */
    HR_RE_PORT_NAME,  /* as Kubernetes has it */
    HR_RE_PATH,       /* an absolute one */
    HR_SPEC_REGEXES,
};

/* Compile them, so that matching cannot fail.  Does nothing the second time.  0 or -ENOMEM. */
int hr_spec_compile(void);

/* Does all of text match? */
bool hr_spec_matches(enum hr_spec_regex p, const char *text);

/* The expression itself. */
const char *hr_spec_regex_text(enum hr_spec_regex p);

#endif
