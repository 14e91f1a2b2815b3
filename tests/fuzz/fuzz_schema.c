/* SPDX-License-Identifier: MIT
 * The JSON Schema validator: a schema, then a newline or a NUL, then an instance.  The limits are
 * small, so that what takes long or much is found as a slow input. */
#include "common/buf.h"
#include "common/schema/schema.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same answer with words and without, and words exactly when there is something to say. */
static void validate(const struct hr_schema *s, const json_t *instance)
{
    struct hr_buf errors;
    hr_buf_init(&errors, 16 * 1024);
    int rc = hr_schema_validate(s, instance, &errors);
    int silent = hr_schema_validate(s, instance, NULL);
    if (rc != silent && rc != -E2BIG && silent != -E2BIG) /* processor time is among the limits */
        abort();
    if ((rc == 0) != (errors.len == 0) || (rc && errors.data[errors.len - 1] != '\n'))
        abort();
    hr_buf_free(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_schema_limits limits = hr_schema_default_limits;
    limits.steps = 100000;
    limits.regex_steps = 50000;
    limits.regex_heap_kib = 4096;

    const char *text = (const char *)data;
    size_t split = 0;
    while (split < size && text[split] != '\n' && text[split] != '\0')
        split++;
    json_t *schema = json_loadb(text, split, JSON_DECODE_ANY, NULL);
    json_t *instance = split < size ? json_loadb(text + split + 1, size - split - 1,
                                                 JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                                    : NULL;
    struct hr_schema *s = NULL;
    char why[256] = "";
    int err = schema ? hr_schema_compile(schema, &limits, &s, why, sizeof(why)) : 0;
    if ((err != 0) != (why[0] != '\0'))
        abort();
    if (s && instance)
        validate(s, instance);
    hr_schema_free(s);
    json_decref(schema);
    json_decref(instance);
    return 0;
}
