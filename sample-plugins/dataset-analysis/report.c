/* SPDX-License-Identifier: MIT
 * What came of a training, as text for the model and as JSON for programs. */
#include "kit/json.h"
#include "store.h"
#include "tools.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 256 * 1024, SHOWN_MAX = 20 /* features */ };

struct report {
    const struct da_encoding *e;
    const struct da_fit *f;
    const struct da_column *target;
    struct kit_text text;
};

static void add_clean(struct kit_text *t, const char *s)
{
    kit_text_add_clean(t, s, strlen(s));
}

/* Thousandths, without a locale's comma. */
static void add_part(struct kit_text *t, double part)
{
    long thousandths = lround(part * 1000);

    kit_text_addf(t, "%ld.%03ld", thousandths / 1000, thousandths % 1000);
}

static json_t *part_of(int64_t part, int64_t whole)
{
    return whole > 0 ? json_real((double)part / (double)whole) : json_null();
}

static void add_part_of(struct kit_text *t, int64_t part, int64_t whole)
{
    kit_text_addf(t, " | ");
    if (whole > 0)
        add_part(t, (double)part / (double)whole);
    else
        kit_text_addf(t, "never predicted");
}

static json_t *add_class(struct report *r, size_t class)
{
    const struct da_fit *f = r->f;
    const char *name = r->target->values.text[class];
    int64_t actual = 0, predicted = 0, right = f->confusion[class * f->classes + class];

    for (size_t i = 0; i < f->classes; i++) {
        actual += f->confusion[class * f->classes + i];
        predicted += f->confusion[i * f->classes + class];
    }
    kit_text_addf(&r->text, "| ");
    kit_text_add_cell(&r->text, name, strlen(name));
    add_part_of(&r->text, right, predicted);
    add_part_of(&r->text, right, actual);
    kit_text_addf(&r->text, " | %lld | %lld |\n", (long long)f->train_rows[class],
                  (long long)actual);
    return json_pack("{s:o,s:o,s:o,s:I,s:I}", "class", kit_json_string(name, strlen(name)),
                     "precision", part_of(right, predicted), "recall", part_of(right, actual),
                     "train_rows", (json_int_t)f->train_rows[class], "test_rows",
                     (json_int_t)actual);
}

static json_t *add_classes(struct report *r)
{
    json_t *classes = json_array();

    kit_text_addf(&r->text, "\n| class | precision | recall | rows to train | rows to measure |\n"
                            "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < r->f->classes; i++)
        if (json_array_append_new(classes, add_class(r, i)) < 0) {
            json_decref(classes);
            return NULL;
        }
    return classes;
}

/* The most important feature that is less so than the one before; of equals the first. */
static size_t next_feature(const struct report *r, const bool *shown)
{
    size_t best = r->e->count;

    for (size_t i = 0; i < r->e->count; i++)
        if (!shown[i] && (best == r->e->count || r->f->importance[i] > r->f->importance[best]))
            best = i;
    return best;
}

static json_t *add_features(struct report *r)
{
    json_t *features = json_array();
    bool *shown = calloc(r->e->count, sizeof(*shown));
    bool ok = features && shown;

    kit_text_addf(&r->text, "\n| feature | importance |\n| --- | --- |\n");
    for (size_t n = 0; ok && n < SHOWN_MAX && n < r->e->count; n++) {
        size_t i = next_feature(r, shown);
        json_t *name = da_store_feature_name(r->e, i);
        kit_text_addf(&r->text, "| ");
        if (name)
            kit_text_add_cell(&r->text, json_string_value(name), json_string_length(name));
        kit_text_addf(&r->text, " | ");
        add_part(&r->text, r->f->importance[i]);
        kit_text_addf(&r->text, " |\n");
        ok = json_array_append_new(features, json_pack("{s:o,s:f}", "feature", name, "importance",
                                                       r->f->importance[i])) == 0;
        shown[i] = true;
    }
    free(shown);
    if (ok)
        return features;
    json_decref(features);
    return NULL;
}

static json_t *add_dropped(struct report *r)
{
    json_t *dropped = json_array();

    for (size_t i = 0; i < r->e->ndropped; i++) {
        const struct da_dropped *d = &r->e->dropped[i];
        const char *name = r->e->data->columns[d->column].name;
        kit_text_addf(&r->text, "\nnot used: ");
        add_clean(&r->text, name);
        kit_text_addf(&r->text, ": %s", d->why);
        if (json_array_append_new(dropped, json_pack("{s:o,s:s}", "column",
                                                     kit_json_string(name, strlen(name)), "why",
                                                     d->why)) < 0) {
            json_decref(dropped);
            return NULL;
        }
    }
    return dropped;
}

static void add_summary(struct report *r, const struct da_split *split)
{
    struct kit_text *t = &r->text;

    kit_text_addf(t, "accuracy ");
    add_part(t, r->f->accuracy);
    kit_text_addf(t, " on %zu rows that were kept from training; always answering \"",
                  split->ntest);
    add_clean(t, r->target->values.text[r->f->baseline_class]);
    kit_text_addf(t, "\" has ");
    add_part(t, r->f->baseline_accuracy);
    kit_text_addf(t, ".\n");
    if (r->f->accuracy <= r->f->baseline_accuracy)
        kit_text_addf(t, "So the model is of no use: it has found nothing in these columns.\n");
    kit_text_addf(t, "trained on %zu rows with %zu features", split->ntrain, r->e->count);
    if (r->target->missing)
        kit_text_addf(t, "; %lld rows have no value of the target and were left out",
                      (long long)r->target->missing);
    if (da_data_end(r->e->data))
        kit_text_addf(t, "; only the first %zu rows were used: %s", r->e->data->rows,
                      da_data_end(r->e->data));
    kit_text_addf(t, "\n");
}

static json_t *numbers(const struct report *r, const struct da_args *a,
                       const struct da_split *split)
{
    const char *baseline = r->target->values.text[r->f->baseline_class];

    return json_pack(
        "{s:f,s:f,s:o,s:{s:I,s:I,s:I,s:I,s:b},s:I,s:f,s:I}", "accuracy", r->f->accuracy,
        "baseline_accuracy", r->f->baseline_accuracy, "baseline_class",
        kit_json_string(baseline, strlen(baseline)), "rows", "read", (json_int_t)r->e->data->rows,
        "without_target", (json_int_t)r->target->missing, "train", (json_int_t)split->ntrain,
        "test", (json_int_t)split->ntest, "truncated", da_data_end(r->e->data) != NULL, "features",
        (json_int_t)r->e->count, "test_fraction", a->test_fraction, "seed", (json_int_t)a->seed);
}

handrail_status da_report(const struct kit_call *c, const struct da_args *a,
                          const struct da_encoding *e, const struct da_split *split,
                          const struct da_fit *f)
{
    struct report r = {
        .e = e, .f = f, .target = &e->data->columns[e->target], .text = {.max = TEXT_MAX}};

    add_summary(&r, split);
    json_t *all = numbers(&r, a, split);
    bool ok = all && json_object_set_new(all, "classes", add_classes(&r)) == 0 &&
              json_object_set_new(all, "importance", add_features(&r)) == 0 &&
              json_object_set_new(all, "dropped", add_dropped(&r)) == 0 &&
              json_object_set_new(all, "model",
                                  kit_json_string(a->model_path, strlen(a->model_path))) == 0;
    kit_text_addf(&r.text, "\nmodel: ");
    add_clean(&r.text, a->model_path);
    kit_text_addf(&r.text, ".model for liblinear, and what its numbers mean in ");
    add_clean(&r.text, a->model_path);
    kit_text_addf(&r.text, ".json");
    if (!ok) {
        json_decref(all);
        all = NULL;
    }
    handrail_status status = da_send(c, &r.text, all);
    kit_text_free(&r.text);
    return status;
}
