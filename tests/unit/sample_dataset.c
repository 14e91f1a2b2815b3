/* SPDX-License-Identifier: MIT
 * dataset-analysis, loaded as the toolhost loads it: what it answers. */
#include "check.h"
#include "dataset_tree.h"

#include <linear.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRUIT "{\"path\":\"fruit.csv\",\"target\":\"fruit\""

static double number(json_t *v, const char *key)
{
    json_t *n = json_object_get(v, key);

    if (!json_is_number(n))
        fail_msg("no number %s", key);
    return json_number_value(n);
}

static const char *string_at(json_t *v, const char *list, size_t i, const char *key)
{
    const char *s =
        json_string_value(json_object_get(json_array_get(json_object_get(v, list), i), key));

    if (!s)
        fail_msg("no string %s[%zu].%s", list, i, key);
    return s;
}

static void columns_are_described(void **state)
{
    static const char csv[] = "\xef\xbb\xbfid,\"a name\",size,note,empty\r\n"
                              "1,Ann,1.5,\"has, a comma\",\r\n"
                              "2,\"B \"\"Bob\"\" B\",-2e3,\"two\nlines\",\r\n"
                              "\r\n"
                              "3,Ann,NA,x,\n"
                              "4,null,2.5,\xff,";
    struct sample_tree t;

    (void)state;
    dataset_tree_make(&t, "");
    sample_tree_text(&t, "x.csv", csv);
    json_t *v = dataset_tree_call(&t, DESCRIBE, "{\"path\":\"x.csv\"}",
                                  "| id | number | 0 | 4 | 1.0 | 2.5 | 4.0 |\n"
                                  "| a name | category | 1 | 2 | most frequent: Ann | | |\n"
                                  "| size | number | 1 | 3 | -2000.0 | -665.333 | 2.5 |\n"
                                  "| note | category | 0 | 4 | most frequent: has, a comma | | |\n"
                                  "| empty | empty | 4 | 0 | | | |\n4 rows, 5 columns in x.csv");
    assert_int_equal(json_integer_value(json_object_get(v, "rows")), 4);
    assert_string_equal(string_at(v, "columns", 1, "name"), "a name");
    assert_true(json_is_false(json_object_get(v, "truncated")));
    json_decref(v);

    sample_tree_text(&t, "x.csv", "\"a|b\",\"c\nd\"\n1,x|y\n"); /* what ends a cell, or a line */
    v = dataset_tree_call(&t, DESCRIBE, "{\"path\":\"x.csv\"}",
                          "| a\\|b | number | 0 | 1 | 1.0 | 1.0 | 1.0 |\n"
                          "| c\\nd | category | 0 | 1 | most frequent: x\\|y | | |\n");
    json_decref(v);

    sample_tree_text(&t, "x.csv", ";b\r1;2\r3;4\r"); /* an index without a name, an old line end */
    v = dataset_tree_call(&t, DESCRIBE, "{\"path\":\"x.csv\",\"delimiter\":\";\"}",
                          "| column 1 | number | 0 | 2 | 1.0 | 2.0 | 3.0 |");
    json_decref(v);
    sample_tree_remove(&t);
}

static void the_mean_of_huge_numbers_is_one(void **state)
{
    struct sample_tree t;

    (void)state;
    dataset_tree_make(&t, "");
    sample_tree_text(&t, "x.csv", "a\n1e308\n-1e308\n1.5e308\n-1.5e308\n");
    json_decref(dataset_tree_call(&t, DESCRIBE, "{\"path\":\"x.csv\"}",
                                  "| a | number | 0 | 4 | -1.5e308 | "));
    sample_tree_remove(&t);
}

static void many_values_are_text(void **state)
{
    struct sample_tree t;
    char *csv = malloc(40000);
    size_t len = (size_t)snprintf(csv, 40000, "id,name,long\n");

    (void)state;
    for (int i = 0; i < 1001; i++)
        len += (size_t)snprintf(csv + len, 40000 - len, "%d,name %d,%s\n", i, i, i ? "" : "x");
    dataset_tree_make(&t, "");
    sample_tree_write(&t, "x.csv", csv, len);
    json_t *v = dataset_tree_call(&t, DESCRIBE, "{\"path\":\"x.csv\"}",
                                  "| name | text | 0 | more than 1000, or long | | | |");
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(v, "columns"), 0), "distinct")));
    json_decref(v);
    free(csv);
    sample_tree_remove(&t);
}

static void a_classifier_learns(void **state)
{
    struct sample_tree t;

    (void)state;
    dataset_tree_make(&t, "");
    dataset_tree_fruit(&t, 600);
    json_t *v = dataset_tree_call(&t, TRAIN, FRUIT "}", "| feature | importance |\n");
    assert_true(number(v, "accuracy") > 0.95);
    assert_true(number(v, "baseline_accuracy") < 0.5);
    json_t *rows = json_object_get(v, "rows");
    assert_int_equal(number(rows, "read"), 600);
    assert_in_range(number(rows, "test"), 148, 152);
    assert_int_equal(number(rows, "train") + number(rows, "test"), 600);
    assert_int_equal(json_array_size(json_object_get(v, "classes")), 3);
    assert_int_equal(json_array_size(json_object_get(v, "importance")), 10);
    /* What says nothing weighs less than what says something. */
    const char *first = string_at(v, "importance", 0, "feature");
    assert_true(strcmp(first, "weight") == 0 || strncmp(first, "colour=", 7) == 0);
    const char *last = string_at(v, "importance", 9, "feature");
    assert_true(strcmp(last, "length") == 0 || strncmp(last, "shop=", 5) == 0);
    assert_string_equal(json_string_value(json_object_get(v, "model")), "models/fruit");
    json_decref(v);
    sample_tree_remove(&t);
}

static void the_same_seed_gives_the_same(void **state)
{
    static const char *const seeds[] = {"5", "5", "6"};
    struct sample_tree t;
    char args[128];
    handrail_call c[3];

    (void)state;
    dataset_tree_make(&t, "");
    dataset_tree_fruit(&t, 300);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(args, sizeof(args), FRUIT ",\"seed\":%s,\"test_fraction\":0.5}", seeds[i]);
        sample_tree_ok(&t, &c[i], TRAIN, args);
    }
    assert_string_equal(c[0].json, c[1].json);
    assert_string_not_equal(c[0].json, c[2].json);
    for (int i = 0; i < 3; i++)
        fake_call_free(&c[i]);
    sample_tree_remove(&t);
}

/* What the model's file and the one beside it say, used as a program would. */
static void the_model_can_be_used(void **state)
{
    struct sample_tree t;
    char path[256];

    (void)state;
    dataset_tree_make(&t, "");
    dataset_tree_fruit(&t, 300);
    json_decref(dataset_tree_call(&t, TRAIN, FRUIT ",\"model_path\":\"out/m\"}", "out/m.model"));
    json_decref(dataset_tree_call(&t, TRAIN, FRUIT ",\"model_path\":\"out/m\"}", "out/m.json"));
    (void)snprintf(path, sizeof(path), "%s/out/m.json", t.root);
    json_t *meaning = json_load_file(path, 0, NULL);
    (void)snprintf(path, sizeof(path), "%s/out/m.model", t.root);
    struct model *m = load_model(path);
    assert_non_null(meaning);
    assert_non_null(m);
    json_t *features = json_object_get(meaning, "features");
    assert_int_equal(get_nr_feature(m), json_array_size(features) + 0);
    struct feature_node x[8];
    int n = 0;
    for (size_t i = 0; i < json_array_size(features); i++) { /* 1100 g, yellow, from shop A */
        json_t *f = json_array_get(features, i);
        const char *column = json_string_value(json_object_get(f, "column"));
        const char *value = json_string_value(json_object_get(f, "value"));
        if (strcmp(column, "weight") == 0)
            x[n++] =
                (struct feature_node){(int)i + 1, (1100 - number(f, "mean")) / number(f, "scale")};
        else if (value && (strcmp(value, "yellow") == 0 || strcmp(value, "A") == 0))
            x[n++] = (struct feature_node){(int)i + 1, 1};
    }
    x[n++] = (struct feature_node){(int)json_array_size(features) + 1, 1}; /* the bias */
    x[n] = (struct feature_node){-1, 0};
    assert_int_equal(n, 4);
    json_t *class = json_array_get(json_object_get(meaning, "classes"), (size_t)predict(m, x));
    assert_string_equal(json_string_value(class), "melon");
    free_and_destroy_model(&m);
    json_decref(meaning);
    sample_tree_remove(&t);
}

static void columns_that_are_not_used_are_named(void **state)
{
    struct sample_tree t;
    char csv[8192];
    size_t len = (size_t)snprintf(csv, sizeof(csv), "id,same,void,age,kind,y\n");

    (void)state;
    for (int i = 0; i < 80; i++)
        len += (size_t)snprintf(csv + len, sizeof(csv) - len, "row %d,1,,%s,%s,%s\n", i,
                                i % 7 ? i % 2 ? "30" : "60" : "", i % 5 ? i % 2 ? "a" : "b" : "NA",
                                i % 11 == 0 ? ""
                                : i % 2     ? "yes"
                                            : "no");
    dataset_tree_make(&t, "");
    sample_tree_write(&t, "x.csv", csv, len);
    json_t *v =
        dataset_tree_call(&t, TRAIN, "{\"path\":\"x.csv\",\"target\":\"y\"}",
                          "not used: id: text with more than 50 different values, or long ones\n"
                          "not used: same: the same number everywhere in the training part\n"
                          "not used: void: no values\n");
    assert_int_equal(number(json_object_get(v, "rows"), "without_target"), 8);
    assert_int_equal(json_array_size(json_object_get(v, "dropped")), 3);
    assert_int_equal(number(v, "features"), 4); /* age; kind is a, b, or missing */
    assert_true(number(v, "accuracy") > 0.99);
    json_decref(v);
    sample_tree_remove(&t);
}

static void a_model_that_is_of_no_use_says_so(void **state)
{
    struct sample_tree t;
    char csv[4096];
    size_t len = (size_t)snprintf(csv, sizeof(csv), "x,y\n");

    (void)state;
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(csv + len, sizeof(csv) - len, "%d,%s\n", i * 7919 % 101,
                                i % 10 ? "often" : "rare");
    dataset_tree_make(&t, "");
    sample_tree_write(&t, "x.csv", csv, len);
    json_t *v = dataset_tree_call(&t, TRAIN, "{\"path\":\"x.csv\",\"target\":\"y\"}",
                                  "So the model is of no use");
    json_t *rare = json_array_get(json_object_get(v, "classes"), 0);
    assert_string_equal(json_string_value(json_object_get(rare, "class")), "rare");
    assert_true(json_is_null(json_object_get(rare, "precision")));
    assert_true(number(rare, "recall") == 0);
    json_decref(v);
    sample_tree_remove(&t);
}

static void a_locale_changes_nothing(void **state)
{
    struct sample_tree t;

    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        skip();
    dataset_tree_make(&t, "");
    sample_tree_text(&t, "x.csv", "a\n1.5\n2.5\n");
    json_decref(dataset_tree_call(&t, DESCRIBE, "{\"path\":\"x.csv\"}", "| 1.5 | 2.0 | 2.5 |"));
    (void)setlocale(LC_ALL, "C");
    sample_tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(columns_are_described),
        cmocka_unit_test(many_values_are_text),
        cmocka_unit_test(the_mean_of_huge_numbers_is_one),
        cmocka_unit_test(a_classifier_learns),
        cmocka_unit_test(the_same_seed_gives_the_same),
        cmocka_unit_test(the_model_can_be_used),
        cmocka_unit_test(columns_that_are_not_used_are_named),
        cmocka_unit_test(a_model_that_is_of_no_use_says_so),
        cmocka_unit_test(a_locale_changes_nothing),
    };
    int failed = sample_dataset_limits();

    failed += cmocka_run_group_tests_name("dataset/answers", all, NULL, NULL);
    failed += sample_dataset_files();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
