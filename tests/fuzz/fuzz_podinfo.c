/* SPDX-License-Identifier: MIT
 * A file of a downwardAPI volume, any bytes of it.  What is read is strings of UTF-8 under keys
 * that can be written again, and written again as the kubelet does it is read as the same. */
#include "common/buf.h"
#include "common/utf8.h"
#include "sidecar/pool/podinfo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that are text stay, all others become \xNN. */
static void quote(struct hr_buf *out, const char *s, size_t n)
{
    (void)hr_buf_addc(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < ' ' || c == 0x7f)
            (void)hr_buf_addf(out, "\\x%02x", c);
        else if (c == '"' || c == '\\')
            (void)hr_buf_addf(out, "\\%c", c);
        else
            (void)hr_buf_addc(out, (char)c);
    }
    (void)hr_buf_adds(out, "\"\n");
}

static void write_again(const json_t *all, struct hr_buf *out)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach ((json_t *)(uintptr_t)all, key, value) {
        size_t n = json_string_length(value);
        if (!*key || hr_utf8_valid(json_string_value(value), n) != n)
            abort();
        (void)hr_buf_addf(out, "%s=", key);
        quote(out, json_string_value(value), n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *all = NULL;
    json_t *again = NULL;
    struct hr_buf text;
    unsigned line = 0;
    if (size > 64 * 1024 || hr_podinfo_parse((const char *)data, size, &all, &line))
        return 0;
    (void)hr_podinfo_standing(all);
    (void)hr_podinfo_claim_uid(all, all);
    hr_buf_init(&text, HR_PODINFO_MAX);
    write_again(all, &text);
    if (hr_podinfo_parse(hr_buf_str(&text), text.len, &again, &line) || !json_equal(all, again))
        abort();
    hr_buf_free(&text);
    json_decref(all);
    json_decref(again);
    return 0;
}
