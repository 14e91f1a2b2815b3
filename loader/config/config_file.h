/* SPDX-License-Identifier: MIT
 * A JSON file of the configuration: its bytes, its text, and the lines about what is wrong with it.
 *
 * Whoever reads one goes over all of it and says each problem as it finds it, so that a file is
 * mended in one go:
 *
 *     /app/config/agent_config.json: /tools/0/name: expected a string, got a number
 *
 * Start-up and reload only: it allocates. */
#ifndef HR_CONFIG_CONFIG_FILE_H
#define HR_CONFIG_CONFIG_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct hr_buf;

enum {
    HR_CONFIG_FILE_MAX = 256 * 1024, /* bytes of a file */
    HR_CONFIG_PROBLEMS_MAX = 100,    /* that are said of one file, each; the rest are counted */
    HR_CONFIG_POINTER = 256,         /* bytes of a JSON pointer in a message; a longer one is cut */
};

/* One file being read. */
struct hr_config_file {
    const char *name; /* for messages; borrowed */
    int problems;     /* that were found */
};

struct hr_pointer {
    char text[HR_CONFIG_POINTER];
};

/* Its bytes into text, whose maximum bounds them.  Never waits for a FIFO.
 * 0, -ENOENT, -ENOLINK for a link to what is not there, -E2BIG, -EISDIR, -ENOTSUP for what else is
 * no regular file, or another -errno. */
int hr_config_file_bytes(const char *path, struct hr_buf *text);

/* Say that the bytes could not be had: err is what hr_config_file_bytes() gave. */
void hr_config_file_unread(struct hr_config_file *f, int err);

/* The text as JSON, or NULL when nothing can be made of it.  New reference. */
json_t *hr_config_file_parse(struct hr_config_file *f, const char *text, size_t len);

/* ---- for readers of the value ---- */

/* "an object", "a number" and so on; NULL is "nothing". */
const char *hr_config_type_name(const json_t *v);

/* One problem, as one line.  pointer: "" is the top level. */
void hr_config_problem(struct hr_config_file *f, const char *pointer, const char *expected,
                       const char *came);

/* Each key of the object that is none of the n known: a problem, with the nearest known one.
 * pointer: of the object. */
void hr_config_unknown_keys(struct hr_config_file *f, const char *pointer, const json_t *object,
                            const char *const *known, size_t n);

/* The one of the n words that this was probably meant to be (common/nearest.h), or NULL. */
const char *hr_config_nearest(const char *word, const char *const *known, size_t n);

/* A key that is not known: a problem.  pointer: of the key; nearest: what was meant, or NULL. */
void hr_config_unknown_key(struct hr_config_file *f, const char *pointer, const char *expected,
                           const char *nearest);

/* Is no further problem said?  Then nothing need be found out for it. */
bool hr_config_file_is_full(const struct hr_config_file *f);

/* All has been looked at: say how many problems were not said.  0 without any, or 78. */
int hr_config_file_done(const struct hr_config_file *f);

/* The optional string `key`, borrowed; NULL if there is none, or after saying that it is wrong. */
const char *hr_config_string(struct hr_config_file *f, const char *pointer, const json_t *object,
                             const char *key, const char *expected);

/* "<base>/<key>", with the escapes of RFC 6901; and "<base>/<index>".  p->text is returned. */
const char *hr_pointer_key(struct hr_pointer *p, const char *base, const char *key);
const char *hr_pointer_index(struct hr_pointer *p, const char *base, size_t index);

#endif
