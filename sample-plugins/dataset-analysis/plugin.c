/* SPDX-License-Identifier: MIT
 * What the host sees of this plugin: the descriptor, and its one instance, which is constant after
 * create(). */
#include "args.h"
#include "fit.h"
#include "kit/place.h"
#include "number.h"
#include "settings.h"
#include "tools.h"
#include <handrail/plugin.h>
#include <stdlib.h>
#include <string.h>

/* A training may hold some 500 MiB, and liblinear has state of its own: one at a time. */
enum { DESCRIBE_CONCURRENCY = 4, TRAIN_CONCURRENCY = 1, TRAIN_TIMEOUT_MS = 120000 };

struct instance {
    const handrail_host *host;
    struct da_settings settings;
};

/* The workspace may be mounted later, so a missing one is no reason to fail here. */
static handrail_status create(const handrail_host *host, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    const struct kit_call c = {.host = host, .call = call};
    struct instance *i = calloc(1, sizeof(*i));
    char sentence[KIT_REASON_MAX];

    if (!i || da_number_init() < 0) {
        free(i);
        return HANDRAIL_E_NOMEM;
    }
    i->host = host;
    handrail_status status = da_settings_parse(&c, config, len, &i->settings);
    if (status != HANDRAIL_OK) {
        free(i);
        return status;
    }
    da_fit_init();
    if (kit_place_problem(i->settings.root, sentence, sizeof(sentence)))
        host->log(host, HANDRAIL_LOG_WARN, sentence, strlen(sentence));
    *self = i;
    return HANDRAIL_OK;
}

static void destroy(void *self)
{
    struct instance *i = self;

    da_settings_free(&i->settings);
    free(i);
}

static handrail_status health(void *self, handrail_call *call)
{
    const struct instance *i = self;
    char sentence[KIT_REASON_MAX];

    if (!kit_place_problem(i->settings.root, sentence, sizeof(sentence)))
        return HANDRAIL_OK;
    (void)i->host->add_text(i->host, call, sentence, strlen(sentence));
    return HANDRAIL_E_UNAVAILABLE;
}

static handrail_status invoke(const struct instance *i, handrail_call *call, bool train,
                              const char *text, size_t len)
{
    const struct kit_call c = {.host = i->host, .call = call};
    struct da_args args;

    handrail_status status = da_args_parse(&c, &i->settings, train, text, len, &args);
    if (status != HANDRAIL_OK)
        return status;
    if (train)
        status = da_train(&c, &i->settings, &args);
    else
        status = da_describe(&c, &i->settings, &args);
    da_args_free(&args);
    return status;
}

static handrail_status describe(void *self, handrail_call *call, const char *text, size_t len)
{
    return invoke(self, call, false, text, len);
}

static handrail_status train_classifier(void *self, handrail_call *call, const char *text,
                                        size_t len)
{
    return invoke(self, call, true, text, len);
}

/* No output_schema: with one, clients insist on JSON in every answer, and here it is extra. */
static const handrail_tool describe_tool = {
    .struct_size = sizeof(describe_tool),
    .flags = HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE | HANDRAIL_TOOL_IDEMPOTENT |
             HANDRAIL_TOOL_CLOSED_WORLD,
    .name = "describe_dataset",
    .title = "Describe a CSV file",
    .description = "Reads a CSV file of the workspace and answers for each column its type, how "
                   "many values are missing, how many are different, and of numbers the least, the "
                   "mean and the greatest.",
    .input_schema = da_args_describe_schema,
    .max_concurrency = DESCRIBE_CONCURRENCY,
    .invoke = describe,
};

/* It replaces the model that lies at model_path. */
static const handrail_tool train_tool = {
    .struct_size = sizeof(train_tool),
    .flags = HANDRAIL_TOOL_IDEMPOTENT | HANDRAIL_TOOL_CLOSED_WORLD,
    .name = "train_classifier",
    .title = "Train a classifier on a CSV file",
    .description = "Trains a logistic regression that predicts one column of a CSV file from the "
                   "others. Answers its accuracy on rows that were kept from training, beside that "
                   "of always giving the most frequent answer, precision and recall of each class, "
                   "which columns matter, and which were not used and why; and writes the model "
                   "into the workspace.",
    .input_schema = da_args_train_schema,
    .max_concurrency = TRAIN_CONCURRENCY,
    .timeout_ms = TRAIN_TIMEOUT_MS,
    .invoke = train_classifier,
};

static const handrail_tool *const tools[] = {&describe_tool, &train_tool, NULL};

static const handrail_plugin plugin = {
    .magic = HANDRAIL_MAGIC,
    .struct_size = sizeof(plugin),
    .built_minor = HANDRAIL_ABI_MINOR,
    .needs_minor = 0,
    .id = "dataset-analysis",
    .version = "1.0.0",
    .config_schema = da_settings_schema,
    .tools = tools,
    .create = create,
    .destroy = destroy,
    .health = health,
};

const handrail_plugin *handrail_plugin_v1(void)
{
    return &plugin;
}
