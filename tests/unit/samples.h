/* SPDX-License-Identifier: MIT
 * The groups of tests of the sample plugins.  Each answers how many failed. */
#ifndef HR_TESTS_UNIT_SAMPLES_H
#define HR_TESTS_UNIT_SAMPLES_H

int samples_echo(void);
int samples_effort(void);
int samples_search_results(void);
int samples_search_refusals(void);
int samples_search_limits(void);

#endif
