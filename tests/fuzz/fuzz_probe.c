/* SPDX-License-Identifier: MIT
 * What `handrail probe` reads from a socket, on any bytes.  An answer must lie within what was
 * read, must not change with what comes behind it, and may not be known before it is whole. */
#include "loader/cli/probe_answer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int true_)
{
    if (!true_)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_probe_answer a = {.status = 0};
    char *text = malloc(size + 1); /* exactly as long, so that a byte too many is noticed */
    must(text != NULL);
    memcpy(text, data, size);
    int err = hr_probe_answer_read(text, size, HR_PROBE_ANSWER_MAX, &a);
    if (!err) {
        size_t whole = (size_t)(a.body - text) + a.len;
        struct hr_probe_answer less = {.status = 0};
        must(a.status >= 100 && a.status <= 999);
        must(a.body > text && whole <= size && whole <= HR_PROBE_ANSWER_MAX);
        must(hr_probe_answer_read(text, whole, HR_PROBE_ANSWER_MAX, &less) == 0 &&
             less.len == a.len);
        must(hr_probe_answer_read(text, whole - 1, HR_PROBE_ANSWER_MAX, &less) == -EAGAIN);
    } else {
        must(err == -EAGAIN || err == -EPROTO || err == -E2BIG);
        must(a.status == 0);
    }
    free(text);
    return 0;
}
