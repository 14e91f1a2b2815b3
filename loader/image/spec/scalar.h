/* SPDX-License-Identifier: MIT
 * What a YAML scalar without quotes is to those who read it.  Readers of YAML 1.1 (PyYAML, which
 * the platform uses) and of 1.2 (most others) disagree on some; what is anything but text to either
 * of them is not text here, so that it has to be quoted. */
#ifndef HR_IMAGE_SPEC_SCALAR_H
#define HR_IMAGE_SPEC_SCALAR_H

#include <stddef.h>
#include <stdint.h>

enum hr_yaml_kind {
    HR_YAML_TEXT,
    HR_YAML_NULL,
    HR_YAML_BOOLEAN,
    HR_YAML_INTEGER, /* a decimal one, that all readers read alike */
    HR_YAML_NUMBER,  /* any other: a fraction, octal, in base 60, with underscores, ... */
    HR_YAML_DATE,
    HR_YAML_OTHER, /* what only YAML 1.1 has */
    HR_YAML_LIST,
    HR_YAML_MAP,
};

/* ret_what: the same in words, "the boolean false"; a constant. */
enum hr_yaml_kind hr_yaml_scalar_kind(const char *text, const char **ret_what);

/* The first character that has no place in a specification: control characters but for newline, tab
 * and return, line ends that not every reader takes for one, and those that reverse what is read.
 * Bytes before it, or n if there is none.  text: valid UTF-8.  ret_what: which it is; a constant.
 */
size_t hr_yaml_find_odd(const char *text, size_t n, const char **ret_what);

#endif
