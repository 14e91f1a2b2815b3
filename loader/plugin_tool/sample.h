/* SPDX-License-Identifier: MIT
 * Arguments to try a tool with, made up from its input schema.  They are valid, or there are none:
 * what cannot be guessed (a pattern, a "not") is left to the author, who can give examples. */
#ifndef HR_PLUGIN_TOOL_SAMPLE_H
#define HR_PLUGIN_TOOL_SAMPLE_H

#include <jansson.h>

enum hr_sample {
    HR_SAMPLE_LEAST, /* what is required, and no more */
    HR_SAMPLE_FULL,  /* every property, values at their upper ends */
    HR_SAMPLE_ODD,   /* likewise, with strings and numbers that programs stumble over */
};

/* New reference, or NULL.  `examples` and `default` of the schema come first. */
json_t *hr_sample(const json_t *schema, enum hr_sample kind);

#endif
