/* SPDX-License-Identifier: MIT
 * The parts of the preflight.  Called by preflight.c, in its child process, and by the tests.  A
 * check only looks; what it finds it says. */
#ifndef HR_SUPERVISOR_PREFLIGHT_CHECKS_H
#define HR_SUPERVISOR_PREFLIGHT_CHECKS_H

#include "preflight.h"

#include <jansson.h>

enum { HR_PREFLIGHT_TEXT = 2048 }; /* bytes of a finding, its NUL included */

struct hr_preflight_facts {
    const struct hr_config *config;
    char *const *env;
    const char *vscode; /* the program whose presence means that VSCode is installed */
    json_t *file;       /* the server's configuration file under what $OH says; never NULL */
    hr_preflight_say *say;
    void (*looking)(void *arg, const char *path); /* may be NULL: about to touch this path */
    void *arg;
};

/* Everything in order; fills f->file and drops it. */
void hr_preflight_look(struct hr_preflight_facts *f);

/* Let `look` do its work in a child process and pass on what it says to f->say; wait for its end,
 * but not for ever.  f->looking is not used. */
void hr_preflight_in_child(const struct hr_preflight_facts *f,
                           void (*look)(struct hr_preflight_facts *));

/* preflight_env.c: from the environment alone. */
void hr_preflight_values(const struct hr_preflight_facts *f);
void hr_preflight_names(const struct hr_preflight_facts *f);

/* preflight_keys.c: who will be let in, and what is kept. */
void hr_preflight_keys(const struct hr_preflight_facts *f);

/* preflight_host.c: folders and ports of this machine. */
void hr_preflight_folders(const struct hr_preflight_facts *f);
void hr_preflight_tmux(const struct hr_preflight_facts *f);
void hr_preflight_ports(const struct hr_preflight_facts *f);

/* ---- what they share ---- */

/* A variable of the server's environment, NULL if it is not set. */
const char *hr_preflight_env(const struct hr_preflight_facts *f, const char *name);
/* A boolean setting: OH_<NAME>, else the file, else the default. */
bool hr_preflight_flag(const struct hr_preflight_facts *f, const char *variable, const char *key,
                       bool fallback);
/* A text setting, likewise; borrowed. */
const char *hr_preflight_setting(const struct hr_preflight_facts *f, const char *variable,
                                 const char *key, const char *fallback);
/* Blank as the server has it: a key of nothing but white space is none. */
bool hr_preflight_blank(const char *value);

/* Is a session key in force?  Is there a key for OH_SECRET_KEY's purpose? */
bool hr_preflight_has_session_key(const struct hr_preflight_facts *f);
bool hr_preflight_has_secret(const struct hr_preflight_facts *f);

/* What most findings come to, for "%s". */
extern const char hr_preflight_ends[];

void hr_preflight_found(const struct hr_preflight_facts *f, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
