/* SPDX-License-Identifier: MIT
 * The regular expressions of the specification, in one place: POSIX extended ones that mean the
 * same to ECMAScript, for those in sandbox-spec.schema.json are the same.
 *
 * Each is compiled when it is first needed, and kept.  One thread. */
#ifndef HR_IMAGE_SPEC_PATTERN_H
#define HR_IMAGE_SPEC_PATTERN_H

#include <stdbool.h>

enum hr_pattern {
    HR_PATTERN_YAML_NULL,
    HR_PATTERN_YAML_TRUE,
    HR_PATTERN_YAML_FALSE,
    HR_PATTERN_YAML_DECIMAL,
    HR_PATTERN_YAML_OCTAL,
    HR_PATTERN_YAML_INTEGER,
    HR_PATTERN_YAML_BASE60,
    HR_PATTERN_YAML_FLOAT11,
    HR_PATTERN_YAML_FLOAT12,
    HR_PATTERN_YAML_DATE,
    HR_PATTERN_YAML_OTHER,

    HR_PATTERN_NAME,       /* of an object, as Kubernetes has it */
    HR_PATTERN_LABEL,      /* a name for people */
    HR_PATTERN_SEMVER,     /* semver.org 2.0.0 */
    HR_PATTERN_MAIL,       /* an e-mail address, roughly */
    HR_PATTERN_WORD,       /* not blank, and no blanks around it */
    HR_PATTERN_IMAGE,      /* a reference to an image */
    HR_PATTERN_FLOATING,   /* one that is the latest */
    HR_PATTERN_CAPABILITY, /* machine_learning */
    HR_PATTERN_MODULE,     /* of Python, or a native plugin */
    HR_PATTERN_CLASS,
    HR_PATTERN_VARIABLE,  /* of the environment */
    HR_PATTERN_PORT_NAME, /* as Kubernetes has it */
    HR_PATTERN_PATH,      /* an absolute one */
    HR_PATTERNS,
};

/* Does all of text match? */
bool hr_pattern_matches(enum hr_pattern p, const char *text);

/* The expression itself. */
const char *hr_pattern_text(enum hr_pattern p);

#endif
