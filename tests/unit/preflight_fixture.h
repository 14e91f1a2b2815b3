/* SPDX-License-Identifier: MIT
 * What the tests of the preflight share: a made-up environment and command, and a list of what was
 * found. */
#ifndef HR_TESTS_UNIT_PREFLIGHT_FIXTURE_H
#define HR_TESTS_UNIT_PREFLIGHT_FIXTURE_H

#include "loader/supervisor/preflight_checks.h"

/* Facts with this NULL-ended environment, no file, no VSCode, the default port, and nothing found
 * yet.  Valid until the next call. */
struct hr_preflight_facts *facts_of(const char *const *env);
#define FACTS(...) facts_of((const char *const[]){__VA_ARGS__, NULL})

/* The command's arguments: "--port", "8000", ... */
void facts_command(struct hr_preflight_facts *f, const char *const *args);
#define COMMAND(f, ...) facts_command(f, (const char *const[]){__VA_ARGS__, NULL})

/* Findings of that id, and the text of the last of them (or ""). */
int found(const char *id);
const char *text_of(const char *id);
int found_in_all(void);
void forget_findings(void);

/* The say of the fixture, for those who do not use its facts. */
hr_preflight_say note_finding;

/* From here on the effective user is one that is not root; and back. */
void become_nobody(void);
void become_self(void);

#endif
