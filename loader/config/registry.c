/* SPDX-License-Identifier: MIT
 * The tool registry.  See registry.h. */
#include "registry.h"

#include "common/buf.h"
#include "common/confinement.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One registry being read: where we are, for messages, and how much is wrong. */
struct reader {
    const char *file;
    int problems;
};

static const char *type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: break;
    }
    return "null";
}

static void problem(struct reader *r, const char *pointer, const char *expected, const char *came)
{
    r->problems++;
    hr_error("%s: %s: expected %s, got %s", r->file, *pointer ? pointer : "(top level)", expected,
             came);
}

static bool valid_id(const char *s)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = strlen(s);
    return n >= 1 && n <= HR_PLUGIN_ID_MAX && strspn(s, allowed) == n;
}

/* "/plugins/<i>/<key>" for messages. */
struct pointer {
    char text[96];
};

static const char *at(struct pointer *p, size_t index, const char *key)
{
    (void)snprintf(p->text, sizeof(p->text), "/plugins/%zu%s%.64s", index, *key ? "/" : "", key);
    return p->text;
}

static void check_keys(struct reader *r, json_t *entry, size_t index)
{
    static const char *const known[] = {"id",       "path",   "sha256",     "enabled",
                                        "required", "config", "confinement"};
    const char *key = NULL;
    json_t *value = NULL;
    struct pointer p;
    json_object_foreach (entry, key, value) {
        bool ok = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            ok = ok || strcmp(key, known[i]) == 0;
        if (!ok)
            problem(r, at(&p, index, key),
                    "one of id, path, sha256, enabled, required, config, confinement",
                    "an unknown key");
    }
}

static bool get_bool(struct reader *r, json_t *entry, size_t index, const char *key, bool fallback)
{
    struct pointer p;
    json_t *v = json_object_get(entry, key);
    if (!v)
        return fallback;
    if (!json_is_boolean(v))
        problem(r, at(&p, index, key), "true or false", type_name(v));
    return json_is_true(v);
}

/* A required string of the entry, borrowed; "" after having said that it is missing or wrong. */
static const char *get_string(struct reader *r, json_t *entry, size_t index, const char *key,
                              const char *expected)
{
    struct pointer p;
    json_t *v = json_object_get(entry, key);
    if (json_is_string(v))
        return json_string_value(v); /* holds no NUL: the parser refuses them */
    problem(r, at(&p, index, key), expected, v ? type_name(v) : "nothing");
    return "";
}

/* An optional SHA-256; "" if it is absent or wrong. */
static const char *get_sha256(struct reader *r, json_t *entry, size_t index)
{
    static const char want[] = "64 hexadecimal digits, as sha256sum prints them";
    struct pointer p;
    json_t *v = json_object_get(entry, "sha256");
    const char *text = json_string_value(v);
    if (!v)
        return "";
    if (text && strlen(text) == HR_SHA256_TEXT - 1 &&
        strspn(text, "0123456789abcdefABCDEF") == HR_SHA256_TEXT - 1)
        return text;
    problem(r, at(&p, index, "sha256"), want, text ? text : type_name(v));
    return "";
}

static void check_unique(struct reader *r, const json_t *plugins, size_t index, const char *id)
{
    struct pointer p;
    for (size_t i = 0; i < index; i++) {
        const char *other = json_string_value(json_object_get(json_array_get(plugins, i), "id"));
        if (other && strcmp(other, id) == 0)
            problem(r, at(&p, index, "id"), "an id that no other plugin has", id);
    }
}

/* Where in the registry the confinement is that is being read. */
struct confinement_at {
    struct reader *r;
    size_t index;
};

static void confinement_problem(void *arg, const char *pointer, const char *expected,
                                const json_t *came)
{
    const struct confinement_at *at = arg;
    char text[160];
    const char *what = !came                  ? "an unknown key"
                       : json_is_string(came) ? json_string_value(came)
                                              : type_name(came);
    (void)snprintf(text, sizeof(text), "/plugins/%zu/confinement%s", at->index, pointer);
    problem(at->r, text, expected, what);
}

static void check_confinement(struct reader *r, size_t index, const json_t *confinement)
{
    struct hr_confinement ignored;
    struct confinement_at at = {.r = r, .index = index};
    if (confinement)
        (void)hr_confinement_read(confinement, confinement_problem, &at, &ignored);
}

/* One entry into c, if it is right and enabled. */
static void read_entry(struct reader *r, const json_t *plugins, size_t index, struct hr_config *c)
{
    static const char want_id[] = "1 to 64 characters of A-Z a-z 0-9 . _ -";
    static const char want_path[] = "an absolute path to a .so file";
    struct pointer p;
    json_t *entry = json_array_get(plugins, index);
    if (!json_is_object(entry)) {
        problem(r, at(&p, index, ""), "an object", type_name(entry));
        return;
    }
    int before = r->problems;
    check_keys(r, entry, index);
    const char *id = get_string(r, entry, index, "id", want_id);
    if (*id && !valid_id(id))
        problem(r, at(&p, index, "id"), want_id, id);
    if (*id)
        check_unique(r, plugins, index, id);
    const char *path = get_string(r, entry, index, "path", want_path);
    if (*path && (path[0] != '/' || strlen(path) >= PATH_MAX))
        problem(r, at(&p, index, "path"), want_path, path);
    const char *sha256 = get_sha256(r, entry, index);
    bool enabled = get_bool(r, entry, index, "enabled", true);
    bool required = get_bool(r, entry, index, "required", false);
    json_t *config = json_object_get(entry, "config");
    if (config && !json_is_object(config))
        problem(r, at(&p, index, "config"), "an object", type_name(config));
    json_t *confinement = json_object_get(entry, "confinement");
    check_confinement(r, index, confinement);
    if (!enabled || r->problems != before)
        return;
    if (c->nplugins == HR_MAX_PLUGINS) {
        problem(r, at(&p, index, ""), "at most 32 enabled plugins", "one more");
        return;
    }
    struct hr_plugin_config *out = &c->plugins[c->nplugins++];
    (void)snprintf(out->id, sizeof(out->id), "%s", id);
    (void)snprintf(out->sha256, sizeof(out->sha256), "%s", sha256);
    out->path = strdup(path);
    out->required = required;
    out->config = config ? json_incref(config) : json_object();
    out->confinement = confinement ? json_incref(confinement) : json_object();
    if (!out->path || !out->config || !out->confinement)
        problem(r, at(&p, index, ""), "enough memory", "none");
}

static void read_top(struct reader *r, json_t *root, struct hr_config *c)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(root)) {
        problem(r, "", "an object with the key \"plugins\"", type_name(root));
        return;
    }
    json_object_foreach (root, key, value) {
        char pointer[80];
        (void)snprintf(pointer, sizeof(pointer), "/%.64s", key);
        if (strcmp(key, "plugins") != 0 && strcmp(key, "$schema") != 0)
            problem(r, pointer, "one of plugins, $schema", "an unknown key");
    }
    json_t *plugins = json_object_get(root, "plugins");
    if (!json_is_array(plugins)) {
        problem(r, "/plugins", "an array", plugins ? type_name(plugins) : "nothing");
        return;
    }
    for (size_t i = 0; i < json_array_size(plugins); i++)
        read_entry(r, plugins, i, c);
}

int hr_registry_parse(const char *name, const char *text, size_t len, struct hr_config *c)
{
    struct reader r = {.file = name};
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        hr_error("%s: line %d, column %d: not valid JSON: %s", name, error.line, error.column,
                 error.text);
        return HR_EXIT_CONFIG;
    }
    read_top(&r, root, c);
    json_decref(root);
    return r.problems ? HR_EXIT_CONFIG : 0;
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
    struct hr_buf text;
    hr_buf_init(&text, HR_REGISTRY_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT && !must_exist)
            return 0;
        hr_error("tool registry %s: %s", path, strerror(errno));
        return HR_EXIT_CONFIG;
    }
    int code = 0;
    int err = hr_read_fd(fd, &text);
    if (err == -E2BIG) {
        hr_error("tool registry %s: larger than %d KiB", path, HR_REGISTRY_MAX / 1024);
        code = HR_EXIT_CONFIG;
    } else if (err) {
        hr_error("tool registry %s: cannot read it: %s", path, strerror(-err));
        code = HR_EXIT_CONFIG;
    } else {
        code = hr_registry_parse(path, hr_buf_str(&text), text.len, c);
        hr_registry_stamp(c);
    }
    hr_buf_free(&text);
    hr_close(&fd);
    return code;
}
