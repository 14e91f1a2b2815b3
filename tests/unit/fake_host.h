/* SPDX-License-Identifier: MIT
 * A host for tests of plugins: loads a .so, gives it the whole table of services, and remembers
 * what it was told.  One handrail_call per request; calls may run on different threads. */
#ifndef HR_TESTS_UNIT_FAKE_HOST_H
#define HR_TESTS_UNIT_FAKE_HOST_H

#include "handrail/plugin.h"

#include <stdatomic.h>
#include <stdbool.h>

/* The request; to the plugin it is opaque.  Start with fake_call_init, then set what is to be. */
struct handrail_call {
    /* what the host does */
    atomic_bool cancel;   /* answer of cancelled(); any thread may set it */
    long cancel_at_poll;  /* cancelled() is true from this poll on, the first being 1; 0: never */
    int64_t time_left_ms; /* -1: no deadline */
    size_t text_max;      /* bytes; more is HANDRAIL_E_LIMIT */

    /* what the plugin did */
    atomic_long polls;
    char *text; /* all add_text in one, NUL-terminated; "" if none */
    size_t text_len;
    char *json;  /* the last set_json, NULL if none */
    char *error; /* the last set_error, "" if none */
    int blobs;
    int completions;
    handrail_status completed; /* what the last complete() said */
    bool json_first;           /* set_json came before any text */
    bool json_invalid;         /* it was no JSON object */
};

extern const handrail_host fake_host;

void fake_call_init(handrail_call *c);
void fake_call_free(handrail_call *c);

/* dlopen as the toolhost does it, and call the entry.  Fails the test with the reason. */
const handrail_plugin *fake_host_load(const char *path);

/* Call the tool of that name. */
handrail_status fake_host_invoke(const handrail_plugin *p, void *self, const char *tool,
                                 handrail_call *c, const char *args);

/* Lines logged by any plugin since the start, and a copy of the last one (cut to size). */
long fake_host_log_lines(char *last, size_t size);

#endif
