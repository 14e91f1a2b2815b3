/* SPDX-License-Identifier: MIT
 * JSON written to a descriptor as it comes, through one small buffer: for PID 1, which does not
 * build trees.  Every text that goes in comes out as valid JSON, whatever bytes it holds.
 *
 *     hr_json_out_init(&w, fd);
 *     hr_json_out_begin(&w, '{');
 *     hr_json_out_key(&w, "pid");
 *     hr_json_out_int(&w, 7);
 *     hr_json_out_end(&w);
 *     err = hr_json_out_finish(&w);
 *
 * The first error sticks: what follows is not written, and hr_json_out_finish() tells.  A call that
 * would make it invalid (a value without its key, an end too many) is such an error, -EINVAL.
 * The descriptor is the caller's and is written to as hr_write_all() does, so PID 1 gives one that
 * cannot block: an anonymous file.  Allocates nothing.
 */
#ifndef HR_COMMON_JSON_OUT_H
#define HR_COMMON_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_JSON_OUT_BUFFER = 4096, /* bytes of one write, at most */
    HR_JSON_OUT_DEPTH = 16,    /* of nesting */
};

struct hr_json_out {
    int fd;
    int err; /* sticky; 0 or -errno */
    size_t len;
    unsigned depth;
    char kinds[HR_JSON_OUT_DEPTH]; /* what is open: '{' or '[' */
    bool some[HR_JSON_OUT_DEPTH];  /* it has a member already */
    bool keyed;                    /* a key has been written and waits for its value */
    bool done;                     /* the one value of the document is whole */
    char buf[HR_JSON_OUT_BUFFER];
};

void hr_json_out_init(struct hr_json_out *w, int fd);

/* kind: '{' or '['. */
void hr_json_out_begin(struct hr_json_out *w, char kind);
void hr_json_out_end(struct hr_json_out *w);
void hr_json_out_key(struct hr_json_out *w, const char *key);

/* n bytes of anything; what is not UTF-8 becomes U+FFFD. */
void hr_json_out_bytes(struct hr_json_out *w, const char *s, size_t n);
void hr_json_out_string(struct hr_json_out *w, const char *s);
void hr_json_out_int(struct hr_json_out *w, int64_t v);
void hr_json_out_uint(struct hr_json_out *w, uint64_t v);
/* Milliseconds as a number of seconds: 1500 is 1.500. */
void hr_json_out_seconds(struct hr_json_out *w, int64_t ms);
void hr_json_out_bool(struct hr_json_out *w, bool v);
void hr_json_out_null(struct hr_json_out *w);

/* End the line and write what is left.  0, -EINVAL if the document is not whole, or -errno. */
int hr_json_out_finish(struct hr_json_out *w);

#endif
