/* SPDX-License-Identifier: MIT
 * How the sidecar's checks are to be run: "disk:free=10%,gate=ready;port/12000:gate=ready".
 *
 * A check is named once; what is not set of it keeps the sidecar's default
 * (sidecar/checks/README.md).  Only what was measured can be configured: the checks that look at
 * what the supervisor knows have nothing to set. */
#ifndef HR_CONFIG_CHECK_SETTING_H
#define HR_CONFIG_CHECK_SETTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_CHECK_SETTINGS_MAX = 16, /* checks that are configured */
    HR_CHECK_SETTING_NAME = 16, /* bytes of a name: "agent-module", "port/65535" */
    HR_CHECK_SETTING_PATH = 256,
    HR_CHECK_SETTING_TEXT = 4096, /* bytes that hold any list as text */
};

/* The keys, in the order in which they are written; bits of `set`. */
enum hr_check_key {
    HR_CHECK_PERIOD,    /* seconds from question to question */
    HR_CHECK_TIMEOUT,   /* seconds */
    HR_CHECK_FAILURES,  /* so many in a row make it fail */
    HR_CHECK_SUCCESSES, /* so many in a row make it pass again */
    HR_CHECK_GATE,      /* "none", "ready", "live", "ready+live": endpoints it counts for */
    HR_CHECK_LIMIT,     /* seconds: of loop-lag; of alive, how long it may fail */
    HR_CHECK_FREE,      /* at least so much must be free: "5%", "500M" */
    HR_CHECK_PRESSURE,  /* percent of the time that something waited for memory */
    HR_CHECK_PATH,      /* absolute */
    HR_CHECK_NKEYS
};

enum { HR_CHECK_GATE_READY = 1, HR_CHECK_GATE_LIVE = 2 };

struct hr_check_setting {
    char name[HR_CHECK_SETTING_NAME];
    unsigned set;                  /* 1 << key for each that was given */
    int64_t number[HR_CHECK_PATH]; /* by key: milliseconds, counts, gates, bytes, percent */
    bool free_is_percent;
    char path[HR_CHECK_SETTING_PATH];
};

struct hr_check_settings {
    int count;
    struct hr_check_setting list[HR_CHECK_SETTINGS_MAX];
};

/* Add what the text says; of a check that is there already, what it says replaces.  0, or -EINVAL
 * (*s is untouched) and in `expected` what should have been there. */
int hr_check_settings_parse(struct hr_check_settings *s, const char *text, char *expected,
                            size_t size);

/* As text that can be parsed. */
void hr_check_settings_format(const struct hr_check_settings *s, char out[HR_CHECK_SETTING_TEXT]);

/* As the sidecar is given them (common/handoff.h).  New reference, NULL without memory. */
json_t *hr_check_settings_json(const struct hr_check_settings *s);

#endif
