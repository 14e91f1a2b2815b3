/* SPDX-License-Identifier: MIT */
#include "args.h"

#include "kit/place.h"
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 1024, SUFFIX = 8 /* bytes that a model's path has to leave room for */ };

/* Limits and defaults stand in the descriptions, because many clients drop the keywords. */
#define FILE_ARGUMENTS                                                                             \
    "\"path\":{\"type\":\"string\",\"minLength\":1,\"description\":"                               \
    "\"CSV file, relative to the workspace root, such as data/iris.csv. Its first line names the " \
    "columns.\"},"                                                                                 \
    "\"delimiter\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1,\"default\":\",\","        \
    "\"description\":\"What stands between values: , ; | or a tab. Default: a comma.\"},"          \
    "\"max_rows\":{\"type\":\"integer\",\"minimum\":10,\"description\":"                           \
    "\"Use only so many rows from the start of the file. Default and maximum: what the plugin is " \
    "configured with, 200000 if nothing else is said.\"}"

const char da_args_describe_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"path\"],"
    "\"properties\":{" FILE_ARGUMENTS "}}";

const char da_args_train_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"path\",\"target\"],"
    "\"properties\":{" FILE_ARGUMENTS ","
    "\"target\":{\"type\":\"string\",\"minLength\":1,\"description\":"
    "\"Name of the column to predict. It has 2 to 50 different values.\"},"
    "\"test_fraction\":{\"type\":\"number\",\"default\":0.25,\"description\":"
    "\"Part of the rows that is kept from training, to measure on: 0.05 to 0.9. Default: 0.25.\"},"
    "\"seed\":{\"type\":\"integer\",\"minimum\":0,\"default\":1,\"description\":"
    "\"Which rows these are; the same seed chooses the same. Default: 1.\"},"
    "\"model_path\":{\"type\":\"string\",\"minLength\":1,\"description\":"
    "\"Where to write the model, relative to the workspace root: .model and .json are added. What "
    "is there is replaced. Default: models/ and the name of the CSV file.\"}}}";

static bool refuse(const struct kit_fields *f, const char *reason)
{
    kit_fail(&f->call, HANDRAIL_E_INVALID, "%s", reason);
    return false;
}

static bool check_delimiter(const struct kit_fields *f, struct da_args *a)
{
    const char *delimiter = ",";

    if (!kit_fields_string(f, "delimiter", 4, &delimiter))
        return false;
    if (strlen(delimiter) != 1 || !strchr(",;|\t", delimiter[0]))
        return refuse(f, "argument delimiter must be one of , ; | or a tab (\"\\t\")");
    a->delimiter = delimiter[0];
    return true;
}

static bool check_fraction(const struct kit_fields *f, struct da_args *a)
{
    const json_t *v = json_object_get(f->object, "test_fraction");

    if (!v)
        return true;
    a->test_fraction = json_number_value(v);
    if (!json_is_number(v) || !(a->test_fraction >= 0.05 && a->test_fraction <= 0.9))
        return refuse(f, "argument test_fraction must be a number from 0.05 to 0.9");
    return true;
}

/* models/iris for data/iris.csv */
static void default_model(struct da_args *a)
{
    const char *slash = strrchr(a->path, '/');
    const char *base = slash ? slash + 1 : a->path;
    const char *dot = strrchr(base, '.');
    int len = dot && dot > base ? (int)(dot - base) : (int)strlen(base);

    (void)snprintf(a->model_path, sizeof(a->model_path), "models/%.*s", len, base);
}

static bool check_model(const struct kit_fields *f, const struct da_settings *s, struct da_args *a)
{
    if (!kit_place_argument(f, "model_path", s->root, a->model_path))
        return false;
    if (!a->model_path[0])
        default_model(a);
    if (strcmp(a->model_path, ".") == 0 || strlen(a->model_path) > KIT_PATH_MAX - SUFFIX)
        return refuse(f, "argument model_path must name a file that is to be written, such as "
                         "models/iris");
    return true;
}

static bool check_training(const struct kit_fields *f, const struct da_settings *s,
                           struct da_args *a)
{
    if (!json_object_get(f->object, "target"))
        return refuse(f, "argument target is missing: give the name of the column to predict; "
                         "describe_dataset lists the columns");
    return kit_fields_string(f, "target", NAME_MAX_BYTES, &a->target) && check_fraction(f, a) &&
           kit_fields_int(f, "seed", 0, INT64_MAX / 2, &a->seed) && check_model(f, s, a);
}

handrail_status da_args_parse(const struct kit_call *c, const struct da_settings *s, bool train,
                              const char *text, size_t len, struct da_args *ret)
{
    static const char *const known[][8] = {
        {"path", "delimiter", "max_rows", NULL},
        {"path", "delimiter", "max_rows", "target", "test_fraction", "seed", "model_path", NULL},
    };
    struct kit_fields f = {.call = *c, .what = "argument"};
    bool ok = kit_fields_parse(&f, known[train], text, len);

    *ret = (struct da_args){.max_rows = s->max_rows, .test_fraction = 0.25, .seed = 1};
    if (ok && !json_object_get(f.object, "path"))
        ok = refuse(&f, "argument path is missing: give a CSV file below the workspace, such as "
                        "data/iris.csv");
    if (ok && kit_place_argument(&f, "path", s->root, ret->path) && check_delimiter(&f, ret) &&
        kit_fields_int(&f, "max_rows", 10, s->max_rows, &ret->max_rows) &&
        (!train || check_training(&f, s, ret))) {
        ret->json = f.object;
        return HANDRAIL_OK;
    }
    json_decref(f.object);
    return HANDRAIL_E_INVALID;
}

void da_args_free(struct da_args *a)
{
    json_decref(a->json);
    a->json = NULL;
}
