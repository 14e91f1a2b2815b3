/* SPDX-License-Identifier: MIT
 * The files of a downwardAPI volume.  See podinfo.h. */
#include "podinfo.h"

#include "common/buf.h"
#include "common/phase.h"
#include "common/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char pool_label[] = "agents.x-k8s.io/warm-pool-sandbox";
static const char uid_label[] = "agents.x-k8s.io/claim-uid";
/* The controller's own; users cannot give a pod labels of this domain. */
static const char domain[] = "agents.x-k8s.io/";

struct reader {
    const char *at;
    const char *end;
    unsigned line;
    struct hr_buf raw;   /* the value at hand, unquoted */
    struct hr_buf clean; /* the same as UTF-8 */
};

/* n hexadecimal digits.  The number, or -1. */
static int32_t hex(struct reader *r, int n)
{
    int32_t value = 0;
    if (r->end - r->at < n)
        return -1;
    for (; n > 0; n--) {
        char c = *r->at++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0 || value > INT32_MAX / 16)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* \uNNNN or \UNNNNNNNN: a code point. */
static int take_rune(struct reader *r, int digits)
{
    char bytes[4];
    int32_t c = hex(r, digits);
    if (c < 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return -EPROTO;
    return hr_buf_add(&r->raw, bytes, hr_utf8_encode(bytes, (uint32_t)c));
}

/* What follows a backslash. */
static int take_escape(struct reader *r)
{
    static const char letters[] = "abfnrtv\\\"";
    static const char meant[] = "\a\b\f\n\r\t\v\\\"";
    if (r->at == r->end)
        return -EPROTO;
    char c = *r->at++;
    if (c == 'u')
        return take_rune(r, 4);
    if (c == 'U')
        return take_rune(r, 8);
    if (c == 'x') { /* a byte, which need not be UTF-8 */
        int32_t byte = hex(r, 2);
        return byte < 0 ? -EPROTO : hr_buf_addc(&r->raw, (char)byte);
    }
    const char *found = c ? strchr(letters, c) : NULL;
    return found ? hr_buf_addc(&r->raw, meant[found - letters]) : -EPROTO;
}

/* From behind the opening quote to behind the closing one. */
static int take_quoted(struct reader *r)
{
    hr_buf_reset(&r->raw);
    while (r->at < r->end) {
        unsigned char c = (unsigned char)*r->at++;
        int err = 0;
        if (c == '"')
            return 0;
        if (c < ' ' || c == 0x7f) /* those are always escaped */
            return -EPROTO;
        if (c == '\\')
            err = take_escape(r);
        else
            err = hr_buf_addc(&r->raw, (char)c);
        if (err)
            return err;
    }
    return -EPROTO;
}

/* Bytes of the key, up to its "=\"" which is there; 0: this is none. */
static size_t key_length(const struct reader *r)
{
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./";
    const char *p = r->at;
    while (p < r->end && *p && strchr(all, *p))
        p++;
    size_t n = (size_t)(p - r->at);
    bool ends = r->end - p >= 2 && p[0] == '=' && p[1] == '"';
    return ends && n <= HR_PODINFO_KEY_MAX ? n : 0;
}

static int take_line(struct reader *r, json_t *all)
{
    char key[HR_PODINFO_KEY_MAX + 1];
    size_t n = key_length(r);
    if (!n)
        return -EPROTO;
    memcpy(key, r->at, n);
    key[n] = '\0';
    if (json_object_get(all, key)) /* it is written from a map */
        return -EPROTO;
    r->at += n + 2;
    const char *raw = r->at;
    int err = take_quoted(r);
    /* Not escaped, so it must be UTF-8 as it stands. */
    if (!err && hr_utf8_valid(raw, (size_t)(r->at - raw)) != (size_t)(r->at - raw))
        err = -EPROTO;
    if (!err && r->at < r->end && *r->at++ != '\n')
        err = -EPROTO;
    hr_buf_reset(&r->clean);
    if (!err)
        err = hr_utf8_clean(&r->clean, hr_buf_str(&r->raw), r->raw.len);
    if (!err &&
        json_object_set_new(all, key, json_stringn(hr_buf_str(&r->clean), r->clean.len)) < 0)
        err = -ENOMEM;
    return err;
}

int hr_podinfo_parse(const char *text, size_t n, json_t **ret, unsigned *ret_line)
{
    struct reader r = {.at = text, .end = text + n};
    int err = n > HR_PODINFO_MAX ? -E2BIG : 0;
    json_t *all = json_object();
    if (!all)
        return -ENOMEM;
    hr_buf_init(&r.raw, HR_PODINFO_MAX);
    hr_buf_init(&r.clean, (size_t)3 * HR_PODINFO_MAX); /* U+FFFD is three bytes */
    while (!err && r.at < r.end) {
        r.line++;
        err = take_line(&r, all);
    }
    hr_buf_free(&r.raw);
    hr_buf_free(&r.clean);
    if (!err) {
        *ret = all;
        return 0;
    }
    json_decref(all);
    if (err == -EPROTO)
        *ret_line = r.line;
    return err;
}

enum hr_standing hr_podinfo_standing(const json_t *labels)
{
    void *it = json_object_iter((json_t *)(uintptr_t)labels);
    enum hr_standing standing = HR_STANDING_UNKNOWN;
    if (json_object_get(labels, uid_label))
        return HR_STANDING_CLAIMED;
    if (json_object_get(labels, pool_label))
        return HR_STANDING_POOLED;
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)labels, it))
        if (strncmp(json_object_iter_key(it), domain, sizeof(domain) - 1) == 0)
            standing = HR_STANDING_CLAIMED;
    return standing;
}

const char *hr_podinfo_claim_uid(const json_t *labels, const json_t *annotations)
{
    const json_t *uid = json_object_get(labels, uid_label);
    if (!uid)
        uid = json_object_get(annotations, uid_label);
    const char *text = json_string_value(uid);
    return text && strlen(text) == json_string_length(uid) && hr_claim_uid_valid(text) ? text
                                                                                       : NULL;
}
