/* SPDX-License-Identifier: MIT */
#include "fit.h"

#include "stop.h"
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* liblinear cannot be interrupted, so what one call gives it is bounded: some ten seconds. */
static const size_t work_most = 100000000; /* values x classes */

static const double penalty = 1; /* liblinear's C */

enum { SPARE_BYTES = 1024 * 1024 };

static void say_nothing(const char *text)
{
    (void)text;
}

void da_fit_init(void)
{
    set_print_string_function(say_nothing);
}

/* liblinear writes to what it is given for memory without a look.  So ask for as much as it needs
 * before it does, and a bit more: a row has its part in a dozen arrays, as has a feature, beside
 * the weights. */
static bool is_room(const struct da_fit *f, const struct problem *p)
{
    size_t values = 12 * (size_t)p->l + (12 + 2 * f->classes) * (size_t)p->n;
    void *volatile room =
        malloc(values * sizeof(double) + SPARE_BYTES); /* or it would be left out */
    bool yes = room;

    free(room);
    return yes;
}

/* In two steps, of which the second goes on where the first ended, to hear of a cancellation in
 * between. */
static int train_in_steps(struct da_fit *f, const struct problem *p, struct kit_watch *w)
{
    static const double tolerances[] = {0.1, 0.01};
    struct parameter how = {.solver_type = L2R_LR, .C = penalty};

    for (int i = 0; i < 2; i++) {
        struct model *before = f->model;
        how.eps = tolerances[i];
        how.init_sol = before ? before->w : NULL;
        da_stop_progress(w, 60 + 20 * i, "training");
        f->model = train(p, &how);
        free_and_destroy_model(&before);
        if (!f->model)
            return -ENOMEM;
        f->model->param.init_sol = NULL; /* which was the other model's */
        if (kit_watch_spent(w) && (i == 0 || w->stop == KIT_STOP_CANCELLED))
            return -EINTR;
    }
    return 0;
}

static void measure(struct da_fit *f, const struct da_rows *test)
{
    int64_t right = 0, baseline = 0;

    for (size_t i = 0; i < test->count; i++) {
        size_t actual = (size_t)test->y[i];
        size_t predicted = (size_t)predict(f->model, test->x[i]);
        f->confusion[actual * f->classes + predicted]++;
        right += actual == predicted;
        baseline += actual == f->baseline_class;
    }
    f->accuracy = (double)right / (double)test->count;
    f->baseline_accuracy = (double)baseline / (double)test->count;
}

/* Two classes share one set of weights. */
static void weigh(struct da_fit *f, const struct da_encoding *e)
{
    int sets = f->classes == 2 ? 1 : (int)f->classes;

    for (size_t i = 0; i < e->count; i++) {
        double sum = 0;
        for (int j = 0; j < sets; j++)
            sum += fabs(get_decfun_coef(f->model, (int)i + 1, j));
        f->importance[i] = sum / sets * e->features[i].spread;
    }
}

static void count_classes(struct da_fit *f, const struct da_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        f->train_rows[(size_t)rows->y[i]]++;
    for (size_t c = 0; c < f->classes; c++)
        if (f->train_rows[c] > f->train_rows[f->baseline_class])
            f->baseline_class = c;
}

static handrail_status check_work(const struct da_fit *f, const struct da_rows *rows,
                                  const struct kit_watch *w)
{
    size_t sets = f->classes == 2 ? 1 : f->classes;

    if (rows->nnodes <= work_most / sets)
        return HANDRAIL_OK;
    return kit_fail(&w->call, HANDRAIL_E_LIMIT,
                    "training on %zu rows with %zu classes would take too long, and cannot be "
                    "stopped once it runs: set max_rows to less than %zu",
                    rows->count, f->classes, rows->count * (work_most / sets) / rows->nnodes);
}

static handrail_status fit(struct da_fit *f, const struct da_encoding *e,
                           const struct da_rows *train_rows, const struct da_rows *test_rows,
                           struct kit_watch *w)
{
    const struct problem p = {.l = (int)train_rows->count,
                              .n = (int)e->count + 1,
                              .y = train_rows->y,
                              .x = train_rows->x,
                              .bias = 1};

    count_classes(f, train_rows);
    handrail_status status = check_work(f, train_rows, w);
    if (status != HANDRAIL_OK)
        return status;
    int rc = is_room(f, &p) ? train_in_steps(f, &p, w) : -ENOMEM;
    if (rc == -EINTR)
        return da_stop_fail(w, "train on");
    if (rc < 0)
        return da_stop_memory(w);
    measure(f, test_rows);
    weigh(f, e);
    return HANDRAIL_OK;
}

handrail_status da_fit_make(struct da_fit *f, const struct da_encoding *e, const struct da_split *s,
                            struct kit_watch *w)
{
    size_t classes = e->data->columns[e->target].values.count;
    struct da_rows to_train = {.count = 0}, to_test = {.count = 0};
    handrail_status status;

    *f = (struct da_fit){
        .classes = classes,
        .confusion = calloc(classes * classes, sizeof(*f->confusion)),
        .train_rows = calloc(classes, sizeof(*f->train_rows)),
        .importance = calloc(e->count, sizeof(*f->importance)),
    };
    int rc = f->confusion && f->train_rows && f->importance ? 0 : -ENOMEM;
    da_stop_progress(w, 55, "encoding");
    if (rc == 0)
        rc = da_rows_encode(&to_train, e, s->rows, s->ntrain, w);
    if (rc == 0)
        rc = da_rows_encode(&to_test, e, s->rows + s->ntrain, s->ntest, w);
    if (rc == 0)
        status = fit(f, e, &to_train, &to_test, w);
    else
        status = rc == -EINTR ? da_stop_fail(w, "encode") : da_stop_memory(w);
    da_rows_free(&to_train);
    da_rows_free(&to_test);
    return status;
}

void da_fit_free(struct da_fit *f)
{
    free_and_destroy_model(&f->model);
    free(f->confusion);
    free(f->train_rows);
    free(f->importance);
    *f = (struct da_fit){.model = NULL};
}
