/* SPDX-License-Identifier: MIT
 * A folder of CSV files for dataset-analysis, and the groups of its tests. */
#ifndef HR_TESTS_UNIT_DATASET_TREE_H
#define HR_TESTS_UNIT_DATASET_TREE_H

#include "sample_tree.h"

#include <jansson.h>

#define TRAIN    "train_classifier"
#define DESCRIBE "describe_dataset"

/* As sample_tree_make. */
void dataset_tree_make(struct sample_tree *t, const char *more);

/* Write fruit.csv, of so many rows: weight, length, colour and shop, of which weight and colour say
 * what fruit it is (of three), most of the time. */
void dataset_tree_fruit(const struct sample_tree *t, int rows);

/* Run the tool, which is to succeed, and answer its JSON; the caller releases it.  Holds that the
 * text has that piece in it. */
json_t *dataset_tree_call(const struct sample_tree *t, const char *tool, const char *args,
                          const char *text);

/* Write the CSV to x.csv and hold that the tool refuses it with such a reason. */
void dataset_tree_refused(const struct sample_tree *t, const char *csv, const char *tool,
                          const char *args, const char *reason);

/* Each answers how many failed. */
int sample_dataset_files(void);
int sample_dataset_limits(void);

#endif
