/* SPDX-License-Identifier: MIT
 * What `handrail check --spec` can find.  README.md beside this has the same as a table. */
#ifndef HR_IMAGE_SPEC_RULES_H
#define HR_IMAGE_SPEC_RULES_H

#include "loader/image/report.h"

enum hr_spec_rule {
    /* Reading YAML. */
    HR_SPEC_YAML_SYNTAX,
    HR_SPEC_YAML_ENCODING,
    HR_SPEC_YAML_CHARACTER,
    HR_SPEC_YAML_LIMIT,
    HR_SPEC_YAML_DUPLICATE_KEY,
    HR_SPEC_YAML_KEY,
    HR_SPEC_YAML_ALIAS,
    HR_SPEC_YAML_MERGE_KEY,
    HR_SPEC_YAML_TAG,
    HR_SPEC_YAML_DOCUMENTS,
    HR_SPEC_YAML_NOT_TEXT,
    /* The specification by itself. */
    HR_SPEC_TYPE,
    HR_SPEC_KIND,
    HR_SPEC_UNKNOWN_KEY,
    HR_SPEC_MISSING,
    HR_SPEC_NAME,
    HR_SPEC_VERSION,
    HR_SPEC_OWNER_MISSING,
    HR_SPEC_MAIL,
    HR_SPEC_REPEATED,
    HR_SPEC_IMAGE,
    HR_SPEC_IMAGE_LATEST,
    HR_SPEC_CAPABILITY,
    HR_SPEC_AGENT_TYPE,
    HR_SPEC_AGENT_INCOMPLETE,
    HR_SPEC_AGENT_IGNORED,
    HR_SPEC_AGENT_NAME,
    HR_SPEC_QUANTITY,
    HR_SPEC_QUANTITY_ODD,
    HR_SPEC_WORKING_DIR,
    HR_SPEC_PORT,
    HR_SPEC_PORT_NAME,
    HR_SPEC_PORT_TWICE,
    HR_SPEC_PORT_RESERVED,
    HR_SPEC_SERVER_PORT,
    HR_SPEC_ENV_NAME,
    HR_SPEC_ENV_AGENT,
    HR_SPEC_ENV_FATAL,
    HR_SPEC_ENV_MISREAD,
    HR_SPEC_ENV_SECRET,
    HR_SPEC_RULES,
};

extern const struct hr_rule hr_spec_rules[];
extern const size_t hr_nspec_rules;

#endif
