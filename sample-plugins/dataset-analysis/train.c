/* SPDX-License-Identifier: MIT
 * train_classifier, from one step to the next. */
#include "stop.h"
#include "store.h"
#include "tools.h"

#include <string.h>

enum { ROWS_MIN = 10, FEATURES_MAX = 5000, NAMES_SHOWN = 30 };

static handrail_status no_target(const struct kit_call *c, const struct da_data *d,
                                 const struct da_args *a)
{
    struct kit_text names = {.max = 700};

    for (size_t i = 0; i < d->ncolumns && i < NAMES_SHOWN; i++)
        kit_text_addf(&names, "%s%s", i ? ", " : "", d->columns[i].name);
    if (d->ncolumns > NAMES_SHOWN)
        kit_text_addf(&names, " and %zu more", d->ncolumns - NAMES_SHOWN);
    (void)kit_fail(c, HANDRAIL_E_INVALID, "%.200s has no column \"%.64s\": its columns are %.*s",
                   a->path, a->target, (int)names.len, names.len ? names.data : "");
    kit_text_free(&names);
    return HANDRAIL_E_INVALID;
}

static handrail_status find_target(const struct kit_call *c, const struct da_data *d,
                                   const struct da_args *a, size_t *ret)
{
    for (size_t i = 0; i < d->ncolumns; i++)
        if (strcmp(d->columns[i].name, a->target) == 0) {
            *ret = i;
            return HANDRAIL_OK;
        }
    return no_target(c, d, a);
}

/* Is there something to learn from? */
static handrail_status check_target(const struct kit_call *c, const struct da_column *t)
{
    if (t->values.over)
        return kit_fail(c, HANDRAIL_E_INVALID,
                        "target \"%.64s\" has more than %d different values, or long ones: this "
                        "tells classes apart and does not predict numbers or text: group its "
                        "values into a new column",
                        t->name, DA_CATEGORIES_MAX);
    if (t->present < ROWS_MIN)
        return kit_fail(c, HANDRAIL_E_INVALID,
                        "only %lld rows have a value of target \"%.64s\", and at least %d are "
                        "needed",
                        (long long)t->present, t->name, ROWS_MIN);
    if (t->values.count < 2)
        return kit_fail(c, HANDRAIL_E_INVALID,
                        "target \"%.64s\" has only one value, \"%.64s\": there is nothing to tell "
                        "apart",
                        t->name, t->values.text[0]);
    for (size_t i = 0; i < t->values.count; i++)
        if (t->values.times[i] < 2)
            return kit_fail(
                c, HANDRAIL_E_INVALID,
                "class \"%.64s\" of target \"%.64s\" has one row only, and one to train "
                "and one to measure are needed: remove it, or merge rare classes",
                t->values.text[i], t->name);
    return HANDRAIL_OK;
}

static handrail_status check_features(const struct kit_call *c, const struct da_encoding *e)
{
    struct kit_text why = {.max = 700};

    if (e->count > FEATURES_MAX)
        return kit_fail(c, HANDRAIL_E_LIMIT,
                        "the columns make %zu features, and at most %d are taken: leave out "
                        "columns with many categories",
                        e->count, FEATURES_MAX);
    if (e->count > 0)
        return HANDRAIL_OK;
    for (size_t i = 0; i < e->ndropped && i < NAMES_SHOWN; i++)
        kit_text_addf(&why, "%s%s (%s)", i ? ", " : "", e->data->columns[e->dropped[i].column].name,
                      e->dropped[i].why);
    (void)kit_fail(c, HANDRAIL_E_INVALID, "no column besides the target can be used%s%.*s",
                   e->ndropped ? ": " : "", (int)why.len, why.len ? why.data : "");
    kit_text_free(&why);
    return HANDRAIL_E_INVALID;
}

static handrail_status train_on(const struct da_settings *s, const struct da_args *a,
                                const struct da_data *d, size_t target, struct kit_watch *w)
{
    struct da_split split;
    struct da_encoding e;
    struct da_fit f = {.model = NULL};

    if (da_split_make(d, &d->columns[target], a->test_fraction, a->seed, &split) < 0)
        return da_stop_memory(w);
    handrail_status status = HANDRAIL_OK;
    if (da_encoding_learn(&e, d, target, &split) < 0)
        status = da_stop_memory(w);
    if (status == HANDRAIL_OK)
        status = check_features(&w->call, &e);
    if (status == HANDRAIL_OK)
        status = da_fit_make(&f, &e, &split, w);
    if (status == HANDRAIL_OK)
        status = da_store(s, a, &e, &f, w);
    if (status == HANDRAIL_OK)
        status = da_report(&w->call, a, &e, &split, &f);
    da_fit_free(&f);
    da_encoding_free(&e);
    da_split_free(&split);
    return status;
}

handrail_status da_train(const struct kit_call *c, const struct da_settings *s,
                         const struct da_args *a)
{
    struct kit_watch watch;
    struct da_data data;
    size_t target = 0;

    kit_watch_start(&watch, c, s->timeout_ms);
    handrail_status status = da_data_read(&data, s, a, true, &watch);
    if (status == HANDRAIL_OK)
        status = find_target(c, &data, a, &target);
    if (status == HANDRAIL_OK)
        status = check_target(c, &data.columns[target]);
    if (status == HANDRAIL_OK)
        status = train_on(s, a, &data, target, &watch);
    da_data_free(&data);
    return status;
}
