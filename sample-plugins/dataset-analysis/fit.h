/* SPDX-License-Identifier: MIT
 * Trains and measures: logistic regression with an L2 penalty, one class against the rest. */
#ifndef DA_FIT_H
#define DA_FIT_H

#include "encode.h"

struct da_fit {
    struct model *model; /* liblinear's; its labels are numbers of the target's values */
    size_t classes;
    int64_t *confusion;    /* [actual * classes + predicted], of the test part */
    int64_t *train_rows;   /* by class */
    size_t baseline_class; /* the most frequent one of the training part */
    double accuracy, baseline_accuracy;
    double *importance; /* by feature: the mean over classes of |weight| x spread */
};

/* Silence liblinear, which writes to stdout.  Once, before anything is trained. */
void da_fit_init(void);

/* HANDRAIL_OK, or a negative status with the reason attached; end with da_fit_free anyway. */
handrail_status da_fit_make(struct da_fit *f, const struct da_encoding *e, const struct da_split *s,
                            struct kit_watch *w);
void da_fit_free(struct da_fit *f);

#endif
