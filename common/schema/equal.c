/* SPDX-License-Identifier: MIT
 * Equality of values, and finding equal items. */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_PER_STEP = 256 }; /* of strings that are compared or hashed */

static int too_deep(struct hr_schema_run *r)
{
    return hr_schema_too_much(r, "the value is nested deeper than %zu levels: send a flatter value",
                              r->s->limits.depth);
}

static int equal_arrays(struct hr_schema_run *r, const json_t *a, const json_t *b)
{
    size_t n = json_array_size(a);
    int rc = json_array_size(b) != n;
    for (size_t i = 0; !rc && i < n; i++)
        rc = hr_schema_equal(r, json_array_get(a, i), json_array_get(b, i));
    return rc;
}

static int equal_objects(struct hr_schema_run *r, const json_t *a, const json_t *b)
{
    int rc = json_object_size(a) != json_object_size(b);
    for (void *it = json_object_iter((json_t *)a); !rc && it;
         it = json_object_iter_next((json_t *)a, it)) {
        const json_t *other = json_object_get(b, json_object_iter_key(it));
        rc = other ? hr_schema_equal(r, json_object_iter_value(it), other) : 1;
    }
    return rc;
}

static int equal_strings(struct hr_schema_run *r, const json_t *a, const json_t *b)
{
    size_t n = json_string_length(a);
    if (json_string_length(b) != n)
        return 1;
    int err = hr_schema_spend(r, n / BYTES_PER_STEP);
    return err ? err : memcmp(json_string_value(a), json_string_value(b), n) != 0;
}

int hr_schema_equal(struct hr_schema_run *r, const json_t *a, const json_t *b)
{
    int rc = hr_schema_spend(r, 1);
    if (rc)
        return rc;
    if (json_is_number(a) && json_is_number(b))
        return hr_schema_number_cmp(a, b) != 0;
    if (json_typeof(a) != json_typeof(b))
        return 1;
    if (json_is_string(a))
        return equal_strings(r, a, b);
    if (!json_is_array(a) && !json_is_object(a))
        return 0;
    if (!r->depth)
        return too_deep(r);
    r->depth--;
    rc = json_is_array(a) ? equal_arrays(r, a, b) : equal_objects(r, a, b);
    r->depth++;
    return rc;
}

/* --- hashes --------------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    return h ^ h >> 29;
}

static uint64_t hash_bytes(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return mix(h);
}

/* Equal numbers have equal hashes: as doubles, integers that differ in the last digits collide. */
static uint64_t hash_number(const json_t *v)
{
    double d = json_number_value(v);
    uint64_t bits = 0;
    if (d == 0)
        d = 0; /* -0.0 */
    memcpy(&bits, &d, sizeof(bits));
    return mix(bits + 1);
}

static int hash_value(struct hr_schema_run *r, const json_t *v, uint64_t *hash);

static int hash_array(struct hr_schema_run *r, const json_t *v, uint64_t *hash)
{
    int err = 0;
    uint64_t h = 3;
    for (size_t i = 0; !err && i < json_array_size(v); i++) {
        uint64_t item = 0;
        err = hash_value(r, json_array_get(v, i), &item);
        h = mix(h + item);
    }
    *hash = h;
    return err;
}

/* The order of the members does not matter, so they are added up. */
static int hash_object(struct hr_schema_run *r, const json_t *v, uint64_t *hash)
{
    int err = 0;
    uint64_t h = 5;
    for (void *it = json_object_iter((json_t *)v); !err && it;
         it = json_object_iter_next((json_t *)v, it)) {
        const char *key = json_object_iter_key(it);
        uint64_t item = 0;
        err = hash_value(r, json_object_iter_value(it), &item);
        h += mix(hash_bytes(key, strlen(key)) + 31 * item);
    }
    *hash = h;
    return err;
}

static int hash_value(struct hr_schema_run *r, const json_t *v, uint64_t *hash)
{
    int err = hr_schema_spend(r, 1 + json_string_length(v) / BYTES_PER_STEP);
    if (err)
        return err;
    if (json_is_number(v)) {
        *hash = hash_number(v);
    } else if (json_is_string(v)) {
        *hash = hash_bytes(json_string_value(v), json_string_length(v));
    } else if (!json_is_array(v) && !json_is_object(v)) {
        *hash = mix(11 + (uint64_t)json_typeof(v));
    } else if (!r->depth) {
        return too_deep(r);
    } else {
        r->depth--;
        err = json_is_array(v) ? hash_array(r, v, hash) : hash_object(r, v, hash);
        r->depth++;
    }
    return err;
}

struct hashed {
    uint64_t hash;
    size_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a;
    const struct hashed *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Items of the same hash lie side by side; who makes many differ with one hash pays by the step. */
static int compare_neighbours(struct hr_schema_run *r, const json_t *array, const struct hashed *h,
                              size_t n, size_t *first, size_t *second)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n && h[k].hash == h[i].hash; k++) {
            int rc = hr_schema_equal(r, json_array_get(array, h[i].index),
                                     json_array_get(array, h[k].index));
            if (rc == 1)
                continue;
            *first = h[i].index;
            *second = h[k].index;
            return rc ? rc : 1;
        }
    }
    return 0;
}

int hr_schema_find_twins(struct hr_schema_run *r, const json_t *array, size_t *first,
                         size_t *second)
{
    size_t n = json_array_size(array);
    if (n < 2)
        return 0;
    struct hashed *h = calloc(n, sizeof(*h));
    if (!h)
        return -ENOMEM;
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        h[i].index = i;
        rc = hash_value(r, json_array_get(array, i), &h[i].hash);
    }
    if (!rc) {
        qsort(h, n, sizeof(*h), by_hash);
        rc = compare_neighbours(r, array, h, n, first, second);
    }
    free(h);
    return rc;
}
