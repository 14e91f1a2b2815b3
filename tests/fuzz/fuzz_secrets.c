/* SPDX-License-Identifier: MIT
 * Secrets out of a JSON text, and then out of another text.  The first byte says where the input is
 * divided into the two. */
#include "loader/supervisor/secrets.h"
#include "loader/supervisor/secrets_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

/* An exact copy, so that one byte too far is seen. */
static char *copy_of(const uint8_t *data, size_t n)
{
    char *copy = malloc(n ? n : 1);
    require(copy != NULL);
    if (n)
        memcpy(copy, data, n);
    return copy;
}

static void require_none_left(const char *text, size_t n)
{
    for (size_t i = 0; i < hr_secrets_table.n; i++) {
        const struct hr_secret *s = &hr_secrets_table.all[i];
        if (!s->escaped && !memchr(s->p, '*', s->n)) /* with one, the mask itself can be a part */
            require(memmem(text, n, s->p, s->n) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t njson = (size - 1) * data[0] / 256;
    size_t ntext = size - 1 - njson;
    char *json = copy_of(data + 1, njson);
    char *text = copy_of(data + 1 + njson, ntext);
    hr_secrets_init(NULL);
    hr_secrets_add_json(json, njson);
    for (size_t i = 0; i < hr_secrets_table.n; i++) {
        const struct hr_secret *s = &hr_secrets_table.all[i];
        require(s->p >= json && s->n >= HR_SECRET_MIN && s->n <= njson);
        require((size_t)(s->p - json) <= njson - s->n);
    }
    bool *secret = malloc(ntext ? ntext : 1);
    require(secret != NULL);
    int err = hr_secrets_mark(text, ntext, secret);
    require((err != 0) == hr_secrets_table.full);
    size_t left = hr_secrets_cover(text, text, secret, ntext);
    require(left <= ntext);
    require_none_left(text, left);
    free(secret);
    hr_secrets_forget(json, njson);
    require(hr_secrets_table.n == 0);
    free(json);
    free(text);
    return 0;
}
