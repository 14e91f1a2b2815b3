/* SPDX-License-Identifier: MIT
 * The environment of the hook command.  See claim_env.h. */
#include "claim_env.h"

#include "common/buf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
    char **items;
    size_t n;
    size_t borrowed; /* the first ones are not ours */
    size_t room;
};

/* Append; the string is the list's then, whatever happens.  NULL stands for no memory. */
static int add(struct list *l, char *item)
{
    if (!item || l->n == l->room) {
        free(item);
        return -ENOMEM;
    }
    l->items[l->n++] = item;
    return 0;
}

/* NAME=value; -E2BIG: too long, and nothing has been added. */
static int add_variable(struct list *l, const char *name, const char *value)
{
    struct hr_buf text;
    hr_buf_init(&text, HR_CLAIM_VARIABLE_MAX);
    int err = hr_buf_adds(&text, name);
    if (!err)
        err = hr_buf_addc(&text, '=');
    if (!err)
        err = hr_buf_adds(&text, value);
    if (!err)
        return add(l, hr_buf_take(&text));
    hr_buf_free(&text);
    return err;
}

static int add_json(struct list *l, const char *name, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    int err = text ? add_variable(l, name, text) : -ENOMEM;
    free(text);
    return err == -E2BIG ? 0 : err;
}

/* A key as the end of a variable's name. */
static void append_key(char *name, size_t size, const char *key)
{
    size_t n = strlen(name);
    for (; *key && n < size - 1; key++) {
        char c = *key;
        bool letter = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (!letter)
            c = '_';
        name[n++] = c;
    }
    name[n] = '\0';
}

static int add_singles(struct list *l, const char *prefix, const json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        char name[512];
        const char *text = json_string_value(value);
        if (!text || strlen(text) != json_string_length(value) ||
            strlen(prefix) + strlen(key) >= sizeof(name))
            continue;
        (void)snprintf(name, sizeof(name), "%s", prefix);
        append_key(name, sizeof(name), key);
        int err = add_variable(l, name, text);
        if (err && err != -E2BIG)
            return err;
    }
    return 0;
}

static size_t name_length(const char *variable)
{
    return strcspn(variable, "=");
}

static int by_name(const void *a, const void *b)
{
    const char *x = *(char *const *)a;
    const char *y = *(char *const *)b;
    size_t n = name_length(x);
    size_t m = name_length(y);
    int order = memcmp(x, y, n < m ? n : m);
    return order ? order : (n > m) - (n < m);
}

/* Of those that have one name, none: which of them was meant cannot be told. */
static void drop_twins(struct list *l, size_t from)
{
    size_t kept = from;
    qsort(l->items + from, l->n - from, sizeof(l->items[0]), by_name);
    for (size_t i = from, next = 0; i < l->n; i = next) {
        for (next = i + 1; next < l->n && by_name(&l->items[i], &l->items[next]) == 0; next++)
            ;
        if (next == i + 1) {
            l->items[kept++] = l->items[i];
            continue;
        }
        for (size_t k = i; k < next; k++)
            free(l->items[k]);
    }
    l->n = kept;
}

/* A name that is the claim's to give. */
static bool is_ours(const char *variable)
{
    static const char *const prefixes[] = {"HANDRAIL_CLAIM_", "HANDRAIL_POD_LABEL_",
                                           "HANDRAIL_POD_ANNOTATION_", "HANDRAIL_SUPERVISED="};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static int fill(struct list *l, const json_t *claim, struct hr_claim_env *ret)
{
    const json_t *labels = json_object_get(claim, "labels");
    const json_t *annotations = json_object_get(claim, "annotations");
    const char *uid = json_string_value(json_object_get(claim, "uid"));
    int err = add(l, strdup("HANDRAIL_SUPERVISED=1"));
    if (!err && uid)
        err = add_variable(l, "HANDRAIL_CLAIM_UID", uid);
    ret->own = l->n;
    if (!err)
        err = add_json(l, "HANDRAIL_CLAIM_LABELS", labels);
    if (!err)
        err = add_json(l, "HANDRAIL_CLAIM_ANNOTATIONS", annotations);
    ret->singles = l->n;
    if (!err)
        err = add_singles(l, "HANDRAIL_POD_LABEL_", labels);
    if (!err)
        err = add_singles(l, "HANDRAIL_POD_ANNOTATION_", annotations);
    drop_twins(l, ret->singles);
    return err;
}

static void free_from(char **items, size_t from, size_t n)
{
    for (size_t i = from; i < n; i++)
        free(items[i]);
    free(items);
}

int hr_claim_env_make(const json_t *claim, char *const *base, struct hr_claim_env *ret)
{
    const json_t *labels = json_object_get(claim, "labels");
    const json_t *annotations = json_object_get(claim, "annotations");
    struct list l = {.n = 0};
    struct hr_claim_env env;
    size_t nbase = 0;
    if (!json_is_object(labels) || !json_is_object(annotations))
        return -EPROTO;
    while (base[nbase])
        nbase++;
    l.room = nbase + 4 + json_object_size(labels) + json_object_size(annotations);
    l.items = calloc(l.room + 1, sizeof(l.items[0]));
    if (!l.items)
        return -ENOMEM;
    for (size_t i = 0; i < nbase; i++)
        if (!is_ours(base[i]))
            l.items[l.n++] = base[i];
    l.borrowed = l.n;
    int err = fill(&l, claim, &env);
    if (err) {
        free_from(l.items, l.borrowed, l.n);
        return err;
    }
    l.items[l.n] = NULL;
    env.all = l.items;
    env.given = l.borrowed;
    env.n = l.n;
    *ret = env;
    return 0;
}

void hr_claim_env_free(struct hr_claim_env *env)
{
    free_from(env->all, env->given, env->n);
    env->all = NULL;
}
