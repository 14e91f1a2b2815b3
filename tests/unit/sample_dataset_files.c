/* SPDX-License-Identifier: MIT
 * What dataset-analysis refuses: bad data, ways out of the root, bad arguments and configuration.
 */
#include "check.h"
#include "dataset_tree.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define X   "{\"path\":\"x.csv\"}"
#define Y   "{\"path\":\"x.csv\",\"target\":\"y\"}"
#define TEN "1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n9,a\n0,b\n"

static void bad_files_are_explained(void **state)
{
    static const struct {
        const char *csv, *reason;
    } cases[] = {
        {"", "x.csv is empty"},
        {"\xef\xbb\xbf", "x.csv is empty"},
        {"\n\r\n", "x.csv is empty"},
        {"a,b\n1,2\n1,2,3\n", "x.csv, line 3: it has 3 values and there are 2 columns: quote"},
        {"a,b\n\"1\n2\",2\n1\n", "x.csv, line 4: it has 1 values"},
        {"a,b\n1,\"2\n3,4\n", "x.csv, line 2: a quote is opened and never closed"},
        {"a,b\n1,\"2\"3\n", "x.csv, line 2: something follows a quote"},
        {"a,b\n1,2\n1,2", NULL},
        {"a,b\n\"\",2\n5\" tall,2\n", NULL}, /* a quote inside a value that has none around it */
        {"a,b,a\n1,2,3\n", "two columns called \"a\": rename one"},
        {"1,2\n3,4\n", "line 1: there are only numbers, no names of columns"},
        {"a;b\n1;2\n", "line 1: there is one column only, and its name looks like several"},
    };
    struct sample_tree t;

    (void)state;
    dataset_tree_make(&t, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].reason) {
            dataset_tree_refused(&t, cases[i].csv, DESCRIBE, X, cases[i].reason);
            continue;
        }
        sample_tree_text(&t, "x.csv", cases[i].csv);
        json_decref(dataset_tree_call(&t, DESCRIBE, X, "2 rows, 2 columns"));
    }
    sample_tree_write(&t, "x.csv", "a,b\n1,\0\n", 8);
    sample_tree_refused(&t, DESCRIBE, X, HANDRAIL_E_INVALID,
                        "line 2: there is a NUL byte: this is no text, or UTF-16");
    sample_tree_fill(&t, "x.csv", 'x', 1024 * 1024 + 1, "\n");
    sample_tree_refused(&t, DESCRIBE, X, HANDRAIL_E_INVALID,
                        "line 1: the line is longer than 1 MiB");
    sample_tree_fill(&t, "x.csv", ',', 1001, "\n");
    sample_tree_refused(&t, DESCRIBE, X, HANDRAIL_E_INVALID, "at most 1000 columns");
    sample_tree_remove(&t);
}

static void data_without_sense_is_explained(void **state)
{
    static const struct {
        const char *csv, *reason;
    } cases[] = {
        {"x,z\n" TEN, "x.csv has no column \"y\": its columns are x, z"},
        {"x,y\n1,a\n2,b\n3,a\n", "only 3 rows have a value of target \"y\", and at least 10"},
        {"x,y\n1,\n2,\n", "only 0 rows"},
        {"x,y\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n",
         "has only one value, \"a\": there is nothing to tell apart"},
        {"x,y\n" TEN "3,c\n", "class \"c\" of target \"y\" has one row only"},
        {"y\na\nb\na\nb\na\nb\na\nb\na\nb\n", "no column besides the target can be used"},
        {"x,y\n1,a\n1,b\n1,a\n1,b\n1,a\n1,b\n1,a\n1,b\n1,a\n1,b\n",
         "no column besides the target can be used: x (the same number everywhere"},
        {"x,y\n,a\n,b\n,a\n,b\n,a\n,b\n,a\n,b\n,a\n,b\n", "x (no values)"},
    };
    struct sample_tree t;
    char csv[2048];
    size_t len = (size_t)snprintf(csv, sizeof(csv), "x,y\n");

    (void)state;
    dataset_tree_make(&t, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        dataset_tree_refused(&t, cases[i].csv, TRAIN, Y, cases[i].reason);
    for (int i = 0; i < 102; i++)
        len += (size_t)snprintf(csv + len, sizeof(csv) - len, "%d,%d.5\n", i, i / 2);
    dataset_tree_refused(&t, csv, TRAIN, Y, "target \"y\" has more than 50 different values");
    assert_int_not_equal(access(t.root, F_OK), -1);
    sample_tree_remove(&t);
}

static void no_path_leads_out(void **state)
{
    static const struct {
        const char *path, *reason;
    } cases[] = {
        {"../root-outside/secret.txt", "leads out of"},
        {"/etc/passwd", "leads out of"},
        {"out/secret.txt", "symbolic link"},
        {"link.csv", "symbolic link"},
        {"fifo", "no regular file"},
        {".", "no regular file"},
        {"nowhere.csv", "there is no such file"},
    };
    struct sample_tree t;
    char args[256], target[256];

    (void)state;
    dataset_tree_make(&t, "");
    sample_tree_link(&t, t.outside, "out");
    (void)snprintf(target, sizeof(target), "%s/secret.txt", t.outside);
    sample_tree_link(&t, target, "link.csv");
    (void)snprintf(target, sizeof(target), "%s/fifo", t.root);
    assert_int_equal(mkfifo(target, 0600), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(args, sizeof(args), "{\"path\":\"%s\"}", cases[i].path);
        sample_tree_refused(&t, DESCRIBE, args, HANDRAIL_E_INVALID, cases[i].reason);
    }
    sample_tree_remove(&t);
}

static void no_model_is_written_outside(void **state)
{
    static const struct {
        const char *path, *reason;
        handrail_status status;
    } cases[] = {
        {"../root-outside/m", "leads out of", HANDRAIL_E_INVALID},
        {"/tmp/m", "leads out of", HANDRAIL_E_INVALID},
        {".", "must name a file", HANDRAIL_E_INVALID},
        {"out/m", "cannot be written to out/m.model: it is a symbolic link", HANDRAIL_E_FAILED},
        {"none/deep/m", "cannot be written to none/deep/m.model: its folder is made, but not",
         HANDRAIL_E_FAILED},
        {"x.csv/m", "cannot be written", HANDRAIL_E_FAILED},
    };
    struct sample_tree t;
    struct stat st;
    char args[256], path[256];

    (void)state;
    dataset_tree_make(&t, "");
    sample_tree_text(&t, "x.csv", "x,y\n" TEN);
    sample_tree_link(&t, t.outside, "out");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(args, sizeof(args),
                       "{\"path\":\"x.csv\",\"target\":\"y\",\"model_path\":\"%s\"}",
                       cases[i].path);
        sample_tree_refused(&t, TRAIN, args, cases[i].status, cases[i].reason);
    }
    /* A link in the place of the file is replaced. */
    (void)snprintf(path, sizeof(path), "%s/secret.txt", t.outside);
    sample_tree_text(&t, "models/dummy", "");
    sample_tree_link(&t, path, "models/x.model");
    json_decref(dataset_tree_call(&t, TRAIN, Y, "models/x.model"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, strlen("beta secret\n"));
    (void)snprintf(path, sizeof(path), "%s/models/x.model", t.root);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    sample_tree_remove(&t);
}

/* Where there is room for the model and not for what its numbers mean. */
static void a_model_never_lies_beside_another_ones_meaning(void **state)
{
    static const char args[] = "{\"path\":\"x.csv\",\"target\":\"y\",\"model_path\":\"m\"}";
    struct sample_tree t;
    struct stat model, json, after;
    struct rlimit before, small;
    char path[256];

    (void)state;
    dataset_tree_make(&t, "");
    sample_tree_text(&t, "x.csv", "x,y\n" TEN);
    json_decref(dataset_tree_call(&t, TRAIN, args, "model: m.model"));
    (void)snprintf(path, sizeof(path), "%s/m.json", t.root);
    assert_int_equal(stat(path, &json), 0);
    (void)snprintf(path, sizeof(path), "%s/m.model", t.root);
    assert_int_equal(stat(path, &model), 0);
    assert_true(model.st_size < json.st_size);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = (rlim_t)json.st_size - 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    sample_tree_refused(&t, TRAIN, args, HANDRAIL_E_FAILED, "cannot be written");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_ino == model.st_ino);
    sample_tree_remove(&t);
}

static void bad_arguments_are_explained(void **state)
{
    static const struct {
        const char *args, *reason;
    } cases[] = {
        {"", "arguments are not valid JSON"},
        {"{\"target\":\"y\"}", "argument path is missing"},
        {"{\"path\":\"x.csv\"}", "argument target is missing"},
        {"{\"path\":\"x.csv\",\"target\":7}", "target must be a string"},
        {"{\"path\":\"x.csv\",\"target\":\"y\",\"test_fraction\":1}", "from 0.05 to 0.9"},
        {"{\"path\":\"x.csv\",\"target\":\"y\",\"test_fraction\":\"a\"}", "from 0.05 to 0.9"},
        {"{\"path\":\"x.csv\",\"target\":\"y\",\"seed\":-1}", "seed must be an integer from 0"},
        {"{\"path\":\"x.csv\",\"target\":\"y\",\"max_rows\":9}", "an integer from 10 to 200000"},
        {"{\"path\":\"x.csv\",\"target\":\"y\",\"delimiter\":\"x\"}", "must be one of , ; |"},
        {"{\"path\":\"x.csv\",\"target\":\"y\",\"folds\":5}", "unknown argument \"folds\""},
    };
    static const char *const configs[][2] = {
        {"{\"rot\":1}", "known are root, max_rows, max_bytes, timeout_ms"},
        {"{\"root\":\"x\"}", "root must be an absolute path"},
        {"{\"max_rows\":9}", "max_rows must be an integer from 10 to 2000000"},
        {"{\"max_bytes\":0}", "max_bytes must be an integer from 1024"},
        {"{\"timeout_ms\":0}", "timeout_ms must be an integer from 1 to 600000"},
    };
    struct sample_tree t;

    (void)state;
    dataset_tree_make(&t, "");
    sample_tree_text(&t, "x.csv", "x,y\n" TEN);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        sample_tree_refused(&t, TRAIN, cases[i].args, HANDRAIL_E_INVALID, cases[i].reason);
    sample_tree_remove(&t);
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
        sample_tree_bad_config(DATASET_PLUGIN, configs[i][0], configs[i][1]);
}

int sample_dataset_files(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(bad_files_are_explained),
        cmocka_unit_test(data_without_sense_is_explained),
        cmocka_unit_test(no_path_leads_out),
        cmocka_unit_test(no_model_is_written_outside),
        cmocka_unit_test(a_model_never_lies_beside_another_ones_meaning),
        cmocka_unit_test(bad_arguments_are_explained),
    };

    return cmocka_run_group_tests_name("dataset/files", all, NULL, NULL);
}
