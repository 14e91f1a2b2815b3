/* SPDX-License-Identifier: MIT
 * The parts of the page, each a <section>, and what they share: reading JSON that may be anything,
 * and the marks of state.  Private to this folder. */
#ifndef HR_SIDECAR_PAGE_PARTS_H
#define HR_SIDECAR_PAGE_PARTS_H

#include "common/human.h"
#include "html.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* How a state looks.  Each has a shape and a colour of its own, and never goes without a word. */
enum hr_tone { HR_TONE_OK, HR_TONE_BUSY, HR_TONE_WARN, HR_TONE_BAD, HR_TONE_OFF };

/* ---- sections: status, plugins and crashes are those of hr_page_render() ---- */

void hr_page_head(struct hr_html *h, const json_t *status);   /* of the document: title and icon */
void hr_page_header(struct hr_html *h, const json_t *status); /* the verdict, and why */
void hr_page_phase(struct hr_html *h, const json_t *status);
void hr_page_services(struct hr_html *h, const json_t *status, const json_t *crashes);
void hr_page_checks(struct hr_html *h, const json_t *status);
void hr_page_plugins(struct hr_html *h, const json_t *plugins);
void hr_page_resources(struct hr_html *h, const json_t *status);
void hr_page_crashes(struct hr_html *h, const json_t *status, const json_t *crashes);
void hr_page_webhook(struct hr_html *h, const json_t *status); /* nothing if there is none */

enum hr_tone hr_page_check_tone(const json_t *check);

/* Show all that are in the list, the worst first, and those that are alike in their order. */
void hr_page_worst_first(struct hr_html *h, const json_t *list,
                         enum hr_tone (*tone_of)(const json_t *item),
                         void (*put)(struct hr_html *h, const json_t *item, const void *arg),
                         const void *arg);

/* ---- reading ---- */

const char *hr_page_text(const json_t *object, const char *key); /* "" for none */
long long hr_page_count(const json_t *object, const char *key);  /* 0 for none */
bool hr_page_is_number(const json_t *object, const char *key);
double hr_page_number(const json_t *object, const char *key); /* 0 for none */

/* ---- writing ---- */

/* <span class="state ok">word</span> */
void hr_page_state(struct hr_html *h, enum hr_tone tone, const char *word);
/* A <time> of "2026-11-26T12:34:56.789Z": "12:34:56" if that is the day of the page itself, which
 * "time" of status tells, else with its date; empty if it is no such time. */
void hr_page_when(struct hr_html *h, const char *time, const json_t *status);
/* "1 call", "2 calls" */
void hr_page_things(struct hr_html *h, long long n, const char *thing);
/* The duration in seconds under key, or a dash. */
void hr_page_duration(struct hr_html *h, const json_t *object, const char *key);
/* "ended with code 3", "ended by signal 9": the "exit" of a crash, the "last_exit" of a service;
 * nothing for null. */
void hr_page_exit(struct hr_html *h, const json_t *exit);

#endif
