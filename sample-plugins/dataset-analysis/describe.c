/* SPDX-License-Identifier: MIT
 * describe_dataset. */
#include "kit/json.h"
#include "tools.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 512 * 1024 }; /* bytes: names can be long, and a thousand */

handrail_status da_send(const struct kit_call *c, const struct kit_text *text, json_t *json)
{
    char *dump = json ? json_dumps(json, JSON_COMPACT) : NULL;
    handrail_status status = HANDRAIL_E_NOMEM;

    if (!text->error && dump)
        status = c->host->add_text(c->host, c->call, text->data, text->len);
    if (status == HANDRAIL_OK)
        (void)c->host->set_json(c->host, c->call, dump, strlen(dump)); /* the text says the same */
    else
        (void)kit_fail(c, status, "the answer of %zu bytes is more than there is room for",
                       text->len);
    free(dump);
    json_decref(json);
    return status;
}

static json_t *describe_column(const struct da_column *c)
{
    bool number = da_column_type(c) == DA_NUMBER;
    json_t *v = json_pack("{s:o,s:s,s:I,s:I}", "name", kit_json_string(c->name, strlen(c->name)),
                          "type", da_column_type_name(c), "present", (json_int_t)c->present,
                          "missing", (json_int_t)c->missing);
    json_t *distinct = c->values.over ? json_null() : json_integer((json_int_t)c->values.count);

    bool ok = json_object_set_new(v, "distinct", distinct) == 0;
    if (ok && number)
        ok = json_object_set_new(v, "min", json_real(c->min)) == 0 &&
             json_object_set_new(v, "mean", json_real(c->mean)) == 0 &&
             json_object_set_new(v, "max", json_real(c->max)) == 0;
    if (!ok) {
        json_decref(v);
        return NULL;
    }
    return v;
}

/* The most frequent value, which for a category says more than how many there are. */
static const char *most_frequent(const struct da_column *c)
{
    size_t best = 0;

    for (size_t i = 1; i < c->values.count; i++)
        if (c->values.times[i] > c->values.times[best])
            best = i;
    return c->values.text[best];
}

static void add_number(struct kit_text *t, double v)
{
    json_t *real = json_real(v); /* jansson knows how to write it in any locale */
    char *digits = real ? json_dumps(real, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) : NULL;

    kit_text_addf(t, " %s |", digits ? digits : "?");
    free(digits);
    json_decref(real);
}

static void add_line(struct kit_text *t, const struct da_column *c)
{
    kit_text_add(t, "| ", 2);
    kit_text_add_cell(t, c->name, strlen(c->name));
    kit_text_addf(t, " | %s | %lld |", da_column_type_name(c), (long long)c->missing);
    if (c->values.over)
        kit_text_addf(t, " more than %d, or long |", DA_DISTINCT_MAX);
    else
        kit_text_addf(t, " %zu |", c->values.count);
    if (da_column_type(c) == DA_NUMBER) {
        add_number(t, c->min);
        add_number(t, c->mean);
        add_number(t, c->max);
    } else if (da_column_type(c) == DA_CATEGORY) {
        kit_text_addf(t, " most frequent: ");
        kit_text_add_cell(t, most_frequent(c), strlen(most_frequent(c)));
        kit_text_addf(t, " | | |");
    } else {
        kit_text_addf(t, " | | |");
    }
    kit_text_add(t, "\n", 1);
}

static handrail_status answer(const struct kit_call *c, const struct da_args *a,
                              const struct da_data *d)
{
    struct kit_text t = {.max = TEXT_MAX};
    json_t *columns = json_array();
    bool ok = columns;

    kit_text_addf(&t, "| column | type | missing | distinct | min | mean | max |\n"
                      "| --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < d->ncolumns; i++) {
        add_line(&t, &d->columns[i]);
        ok = ok && json_array_append_new(columns, describe_column(&d->columns[i])) == 0;
    }
    kit_text_addf(&t, "%zu rows, %zu columns in ", d->rows, d->ncolumns);
    kit_text_add_clean(&t, a->path, strlen(a->path));
    if (da_data_end(d))
        kit_text_addf(&t, "; there are more rows, but %s", da_data_end(d));
    if (!ok)
        json_decref(columns);
    handrail_status status =
        da_send(c, &t,
                ok ? json_pack("{s:o,s:I,s:b}", "columns", columns, "rows", (json_int_t)d->rows,
                               "truncated", da_data_end(d) != NULL)
                   : NULL);
    kit_text_free(&t);
    return status;
}

handrail_status da_describe(const struct kit_call *c, const struct da_settings *s,
                            const struct da_args *a)
{
    struct kit_watch watch;
    struct da_data data;

    kit_watch_start(&watch, c, s->timeout_ms);
    handrail_status status = da_data_read(&data, s, a, false, &watch);
    if (status == HANDRAIL_OK)
        status = answer(c, a, &data);
    da_data_free(&data);
    return status;
}
