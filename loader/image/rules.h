/* SPDX-License-Identifier: MIT
 * What `handrail check`, install and uninstall can find in an image.  README.md lists the same. */
#ifndef HR_IMAGE_RULES_H
#define HR_IMAGE_RULES_H

#include "report.h"

/* The place of each in hr_check_rules. */
enum hr_check_rule {
    HR_RULE_SERVER_NOT_FOUND,
    HR_RULE_SERVER_NOT_INSTALLED,
    HR_RULE_SERVER_TWICE,
    HR_RULE_SERVER_LOST,
    HR_RULE_SERVER_UNUSABLE,
    HR_RULE_SERVER_STRANGER,
    HR_RULE_SERVER_VERSION_UNKNOWN,
    HR_RULE_SERVER_OLD,
    HR_RULE_CANNOT_CHANGE,
    HR_RULE_HANDRAIL_MISSING,
    HR_RULE_CONFIGURATION,
    HR_RULE_CONFIGURATION_DOUBTFUL,
    HR_RULE_PLUGIN_FILE,
    HR_RULE_PLUGIN_DESCRIPTOR,
    HR_RULE_PLUGIN_START,
    HR_RULE_PLUGIN_STOP,
    HR_RULE_PLUGIN_PRINTS,
    HR_RULE_TOOL_TWICE,
    HR_RULE_TOOL_UNKNOWN,
    HR_RULE_CONFINEMENT_MISSING,
    HR_RULE_USER,
    HR_RULE_CHECK_SLOW,
    HR_RULE_CHECK_FAILED,
    HR_NCHECK_RULES
};

extern const struct hr_rule hr_check_rules[];

#endif
