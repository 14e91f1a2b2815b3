/* SPDX-License-Identifier: MIT
 * The tool registry.  See registry.h. */
#include "registry.h"

#include "common/buf.h"
#include "common/confinement.h"
#include "common/handoff.h"
#include "common/plugin_id.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool get_bool(struct hr_config_file *f, const char *at, const json_t *entry, const char *key,
                     bool fallback)
{
    struct hr_pointer p;
    const json_t *v = json_object_get(entry, key);
    if (!v)
        return fallback;
    if (!json_is_boolean(v))
        hr_config_problem(f, hr_pointer_key(&p, at, key), "true or false", hr_config_type_name(v));
    return json_is_true(v);
}

/* A required string of the entry, borrowed; "" after having said that it is missing or wrong. */
static const char *get_string(struct hr_config_file *f, const char *at, const json_t *entry,
                              const char *key, const char *expected)
{
    struct hr_pointer p;
    const char *text = hr_config_string(f, at, entry, key, expected);
    if (!json_object_get(entry, key))
        hr_config_problem(f, hr_pointer_key(&p, at, key), expected, "nothing");
    return text ? text : "";
}

/* An optional SHA-256; "" if it is absent or wrong. */
static const char *get_sha256(struct hr_config_file *f, const char *at, const json_t *entry)
{
    static const char want[] = "64 hexadecimal digits, as sha256sum prints them";
    struct hr_pointer p;
    const char *text = hr_config_string(f, at, entry, "sha256", want);
    if (!text)
        return "";
    if (strlen(text) == HR_SHA256_TEXT - 1 &&
        strspn(text, "0123456789abcdefABCDEF") == HR_SHA256_TEXT - 1)
        return text;
    hr_config_problem(f, hr_pointer_key(&p, at, "sha256"), want, text);
    return "";
}

/* ids: those before it. */
static void check_unique(struct hr_config_file *f, const char *at, json_t *ids, const char *id)
{
    struct hr_pointer p;
    if (json_object_get(ids, id))
        hr_config_problem(f, hr_pointer_key(&p, at, "id"), "an id that no other plugin has", id);
    else if (json_object_set_new(ids, id, json_true()) < 0)
        hr_config_problem(f, at, "enough memory", "none");
}

/* Where in the registry the confinement is that is being read. */
struct confinement_at {
    struct hr_config_file *f;
    const char *at; /* of the entry */
};

static void confinement_problem(void *arg, const char *pointer, const char *expected,
                                const json_t *came)
{
    const struct confinement_at *where = arg;
    char text[2 * HR_CONFIG_POINTER];
    struct hr_pointer p;
    const char *what = !came                  ? "an unknown key"
                       : json_is_string(came) ? json_string_value(came)
                                              : hr_config_type_name(came);
    (void)snprintf(text, sizeof(text), "%s/confinement%s", where->at, came ? pointer : "");
    hr_config_problem(where->f, came ? text : hr_pointer_key(&p, text, pointer + 1), expected,
                      what);
}

static void check_confinement(struct hr_config_file *f, const char *at, const json_t *confinement)
{
    struct hr_confinement ignored;
    struct confinement_at where = {.f = f, .at = at};
    if (confinement)
        (void)hr_confinement_read(confinement, confinement_problem, &where, &ignored);
}

int hr_plugin_add(struct hr_config *c, const char *id, const char *path)
{
    if (c->nplugins == HR_MAX_PLUGINS)
        return -ENOSPC;
    struct hr_plugin_config *out = &c->plugins[c->nplugins];
    *out = (struct hr_plugin_config){
        .path = strdup(path), .config = json_object(), .confinement = json_object(), .entry = -1};
    (void)snprintf(out->id, sizeof(out->id), "%s", id);
    c->nplugins++; /* what there is of it is freed with the rest */
    return out->path && out->config && out->confinement ? 0 : -ENOMEM;
}

/* What the entry wants in the place of the default. */
static void put_object(json_t **place, json_t *given)
{
    if (!given)
        return;
    json_decref(*place);
    *place = json_incref(given);
}

/* One entry into c, if it is right and enabled.  ids: those before it. */
static void read_entry(struct hr_config_file *f, const json_t *plugins, size_t index, json_t *ids,
                       struct hr_config *c)
{
    static const char *const known[] = {"id",       "path",   "sha256",     "enabled",
                                        "required", "config", "confinement"};
    static const char want_id[] = "1 to 64 characters of A-Z a-z 0-9 . _ -";
    static const char want_path[] = "an absolute path to a .so file";
    struct hr_pointer here;
    struct hr_pointer p;
    const json_t *entry = json_array_get(plugins, index);
    const char *at = hr_pointer_index(&here, "/plugins", index);
    if (!json_is_object(entry)) {
        hr_config_problem(f, at, "an object", hr_config_type_name(entry));
        return;
    }
    int before = f->problems;
    hr_config_unknown_keys(f, at, entry, known, sizeof(known) / sizeof(known[0]));
    const char *id = get_string(f, at, entry, "id", want_id);
    if (json_is_string(json_object_get(entry, "id")) && !hr_plugin_id_valid(id))
        hr_config_problem(f, hr_pointer_key(&p, at, "id"), want_id, *id ? id : "an empty one");
    if (*id)
        check_unique(f, at, ids, id);
    const char *path = get_string(f, at, entry, "path", want_path);
    if (json_is_string(json_object_get(entry, "path")) &&
        (path[0] != '/' || strlen(path) >= PATH_MAX))
        hr_config_problem(f, hr_pointer_key(&p, at, "path"), want_path,
                          *path ? path : "an empty one");
    const char *sha256 = get_sha256(f, at, entry);
    bool enabled = get_bool(f, at, entry, "enabled", true);
    bool required = get_bool(f, at, entry, "required", false);
    json_t *config = json_object_get(entry, "config");
    if (config && !json_is_object(config))
        hr_config_problem(f, hr_pointer_key(&p, at, "config"), "an object",
                          hr_config_type_name(config));
    json_t *confinement = json_object_get(entry, "confinement");
    check_confinement(f, at, confinement);
    if (!enabled || f->problems != before)
        return;
    int err = hr_plugin_add(c, id, path);
    if (err) {
        hr_config_problem(f, at, err == -ENOSPC ? "at most 32 enabled plugins" : "enough memory",
                          err == -ENOSPC ? "one more" : "none");
        return;
    }
    struct hr_plugin_config *out = &c->plugins[c->nplugins - 1];
    (void)snprintf(out->sha256, sizeof(out->sha256), "%s", sha256);
    out->required = required;
    out->entry = (int)index;
    put_object(&out->config, config);
    put_object(&out->confinement, confinement);
}

static void read_top(struct hr_config_file *f, const json_t *root, struct hr_config *c)
{
    static const char *const known[] = {"plugins", "$schema"};
    if (!json_is_object(root)) {
        hr_config_problem(f, "", "an object with the key \"plugins\"", hr_config_type_name(root));
        return;
    }
    hr_config_unknown_keys(f, "", root, known, sizeof(known) / sizeof(known[0]));
    (void)hr_config_string(f, "", root, "$schema", "a string, where the schema is");
    const json_t *plugins = json_object_get(root, "plugins");
    if (!json_is_array(plugins)) {
        hr_config_problem(f, "/plugins", "an array", hr_config_type_name(plugins));
        return;
    }
    json_t *ids = json_object();
    for (size_t i = 0; i < json_array_size(plugins); i++)
        read_entry(f, plugins, i, ids, c);
    json_decref(ids);
}

int hr_registry_parse(const char *name, const char *text, size_t len, struct hr_config *c)
{
    struct hr_config_file f = {.name = name};
    json_t *root = hr_config_file_parse(&f, text, len);
    if (root)
        read_top(&f, root, c);
    json_decref(root);
    return hr_config_file_done(&f);
}

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

void hr_registry_stamp(struct hr_config *c)
{
    struct stat st;
    for (uint32_t i = 0; i < c->nplugins; i++) {
        struct hr_plugin_config *p = &c->plugins[i];
        p->stamp = (struct hr_file_stamp){.size = 0};
        if (p->path && lstat(p->path, &st) == 0)
            p->stamp = (struct hr_file_stamp){
                .device = st.st_dev,
                .inode = st.st_ino,
                .size = (uint64_t)st.st_size,
                .modified_ns = nanoseconds(&st.st_mtim),
                .changed_ns = nanoseconds(&st.st_ctim),
            };
    }
}

int hr_registry_load(const char *path, bool must_exist, struct hr_config *c)
{
    struct hr_config_file f = {.name = path};
    struct hr_buf text;
    hr_buf_init(&text, HR_CONFIG_FILE_MAX);
    int code = 0;
    int err = hr_config_file_bytes(path, &text);
    if (!err) {
        code = hr_registry_parse(path, hr_buf_str(&text), text.len, c);
    } else if (err != -ENOENT || must_exist) {
        hr_config_file_unread(&f, err);
        code = HR_EXIT_CONFIG;
    }
    hr_buf_free(&text);
    return code;
}
