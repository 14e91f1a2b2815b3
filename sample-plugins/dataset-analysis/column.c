/* SPDX-License-Identifier: MIT */
#include "column.h"

#include "number.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a; who fills one slot slows down himself */

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static int values_start(struct da_values *v, size_t max)
{
    v->max = max;
    for (v->nslots = 16; v->nslots < 2 * max;)
        v->nslots *= 2;
    v->text = calloc(max, sizeof(*v->text));
    v->times = calloc(max, sizeof(*v->times));
    v->slots = calloc(v->nslots, sizeof(*v->slots));
    return v->text && v->times && v->slots ? 0 : -ENOMEM;
}

static void values_free(struct da_values *v)
{
    for (size_t i = 0; i < v->count; i++)
        free(v->text[i]);
    free(v->text);
    free(v->times);
    free(v->slots);
    *v = (struct da_values){.max = v->max, .over = v->over};
}

/* The value's number; -E2BIG if there is no room for it; -ENOMEM. */
static int32_t values_add(struct da_values *v, const char *value, size_t len)
{
    if (len > DA_VALUE_MAX)
        return -E2BIG;
    size_t slot = hash(value, len) & (v->nslots - 1);
    for (; v->slots[slot]; slot = (slot + 1) & (v->nslots - 1)) {
        uint32_t i = v->slots[slot] - 1;
        if (strncmp(v->text[i], value, len) == 0 && v->text[i][len] == '\0') {
            v->times[i]++;
            return (int32_t)i;
        }
    }
    if (v->count == v->max)
        return -E2BIG;
    v->text[v->count] = strndup(value, len);
    if (!v->text[v->count])
        return -ENOMEM;
    v->times[v->count] = 1;
    v->slots[slot] = (uint32_t)++v->count;
    return (int32_t)v->count - 1;
}

int da_column_start(struct da_column *c, const char *name, size_t len, size_t max_values)
{
    *c = (struct da_column){.name = strndup(name, len), .numeric = true};
    int rc = values_start(&c->values, max_values);
    return c->name ? rc : -ENOMEM;
}

void da_column_free(struct da_column *c)
{
    free(c->name);
    free(c->numbers);
    free(c->codes);
    values_free(&c->values);
    *c = (struct da_column){.name = NULL};
}

int da_column_reserve(struct da_column *c, size_t rows)
{
    if (c->numeric) {
        double *numbers = realloc(c->numbers, rows * sizeof(*numbers));
        if (!numbers)
            return -ENOMEM;
        c->numbers = numbers;
    }
    if (!c->values.over) {
        int32_t *codes = realloc(c->codes, rows * sizeof(*codes));
        if (!codes)
            return -ENOMEM;
        c->codes = codes;
    }
    return 0;
}

static void add_number(struct da_column *c, size_t row, const char *value, size_t len)
{
    double number;

    if (!da_number_parse(value, len, &number)) {
        c->numeric = false;
        free(c->numbers);
        c->numbers = NULL;
        return;
    }
    if (c->present == 1)
        c->min = c->max = number;
    c->min = fmin(c->min, number);
    c->max = fmax(c->max, number);
    /* Divided first: the difference of two numbers may be too large to be one. */
    c->mean += number / (double)c->present - c->mean / (double)c->present;
    if (c->numbers)
        c->numbers[row] = number;
}

int da_column_add(struct da_column *c, size_t row, const char *value, size_t len)
{
    int32_t code = DA_MISSING;

    if (da_number_missing(value, len)) {
        c->missing++;
        if (c->numbers)
            c->numbers[row] = NAN;
    } else {
        c->present++;
        if (c->numeric)
            add_number(c, row, value, len);
        code = c->values.over ? -E2BIG : values_add(&c->values, value, len);
    }
    if (code == -ENOMEM)
        return code;
    if (code == -E2BIG && !c->values.over) {
        c->values.over = true;
        values_free(&c->values);
        free(c->codes);
        c->codes = NULL;
    }
    if (c->codes)
        c->codes[row] = code;
    return 0;
}

enum da_type da_column_type(const struct da_column *c)
{
    if (c->present == 0)
        return DA_EMPTY;
    if (c->numeric)
        return DA_NUMBER;
    return c->values.over ? DA_TEXT : DA_CATEGORY;
}

const char *da_column_type_name(const struct da_column *c)
{
    static const char *const names[] = {[DA_EMPTY] = "empty",
                                        [DA_NUMBER] = "number",
                                        [DA_CATEGORY] = "category",
                                        [DA_TEXT] = "text"};

    return names[da_column_type(c)];
}
