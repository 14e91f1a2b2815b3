/* SPDX-License-Identifier: MIT */
#include "store.h"

#include "kit/json.h"
#include "kit/place.h"
#include "kit/text.h"
#include "stop.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 256 };

/* What follows is written by name, and liblinear opens a name as well: so each is a new file with a
 * name of its own, and takes its place when it is whole.  A link that lies there is replaced and
 * not followed. */
struct file {
    int folder_fd;
    int fd;
    char name[NAME_BYTES_MAX], temporary[NAME_BYTES_MAX];
};

static int begin(struct file *f, const char *base, const char *suffix)
{
    static const char pattern[] = ".%.200s%s.%ld";
    int n = snprintf(f->name, sizeof(f->name), "%s%s", base, suffix);

    if (n < 0 || (size_t)n >= sizeof(f->name))
        return -ENAMETOOLONG;
    (void)snprintf(f->temporary, sizeof(f->temporary), pattern, base, suffix, (long)getpid());
    (void)unlinkat(f->folder_fd, f->temporary, 0); /* of a call that was killed */
    f->fd = openat(f->folder_fd, f->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                   0644);
    return f->fd < 0 ? -errno : 0;
}

/* Close it, with all of it on the disk if rc is 0.  What rc is, or -errno. */
static int finish(struct file *f, int rc)
{
    if (f->fd < 0)
        return rc;
    if (rc == 0 && fsync(f->fd) < 0)
        rc = -errno;
    if (close(f->fd) < 0 && rc == 0)
        rc = -errno;
    f->fd = -1;
    return rc;
}

/* Put it in its place if rc is 0, else away.  What rc is, or -errno. */
static int settle(const struct file *f, int rc)
{
    if (rc == 0 && renameat(f->folder_fd, f->temporary, f->folder_fd, f->name) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlinkat(f->folder_fd, f->temporary, 0);
    return rc;
}

static int write_model(struct file *f, const char *base, const struct da_fit *fit)
{
    char name[64];
    int rc = begin(f, base, ".model");

    if (rc == 0) {
        (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", f->fd);
        errno = 0;
        if (save_model(name, fit->model) != 0)
            rc = errno ? -errno : -EIO;
    }
    return finish(f, rc);
}

static int write_json(struct file *f, const char *base, const json_t *all)
{
    int rc = begin(f, base, ".json");

    if (rc == 0 && json_dumpfd(all, f->fd, JSON_INDENT(1)) < 0)
        rc = errno ? -errno : -EIO;
    return finish(f, rc);
}

/* Neither takes its place before both are whole: a model beside what another one's numbers mean
 * would be read wrongly. */
static int write_both(int folder_fd, const char *base, const struct da_fit *fit, const json_t *all)
{
    struct file model = {.folder_fd = folder_fd, .fd = -1}, meaning = model;
    int rc = write_model(&model, base, fit);

    if (rc == 0)
        rc = write_json(&meaning, base, all);
    rc = settle(&model, rc);
    return settle(&meaning, rc);
}

static json_t *string(const char *text)
{
    return kit_json_string(text, strlen(text));
}

json_t *da_store_feature_name(const struct da_encoding *e, size_t feature)
{
    const struct da_feature *f = &e->features[feature];
    const struct da_column *c = &e->data->columns[f->column];
    struct kit_text name = {.max = (size_t)4 * DA_VALUE_MAX + strlen(c->name)};

    kit_text_add(&name, c->name, strlen(c->name));
    if (f->code == DA_MISSING)
        kit_text_addf(&name, " is missing");
    else if (f->code != DA_NUMBER_FEATURE)
        kit_text_addf(&name, "=%s", c->values.text[f->code]);
    json_t *v = name.error ? NULL : kit_json_string(name.data ? name.data : "", name.len);
    kit_text_free(&name);
    return v;
}

static json_t *describe_feature(const struct da_encoding *e, size_t feature)
{
    const struct da_feature *f = &e->features[feature];
    const struct da_column *c = &e->data->columns[f->column];

    if (f->code == DA_NUMBER_FEATURE)
        return json_pack("{s:o,s:s,s:f,s:f}", "column", string(c->name), "kind", "number", "mean",
                         f->mean, "scale", f->scale);
    return json_pack("{s:o,s:s,s:o}", "column", string(c->name), "kind", "category", "value",
                     f->code == DA_MISSING ? json_null() : string(c->values.text[f->code]));
}

/* What one needs to use the model: feature i is number i + 1 in its file, and label i is class i.
 */
static json_t *describe(const struct da_args *a, const struct da_encoding *e,
                        const struct da_fit *f)
{
    const struct da_column *target = &e->data->columns[e->target];
    json_t *features = json_array(), *classes = json_array();
    bool ok = features && classes;

    for (size_t i = 0; ok && i < e->count; i++)
        ok = json_array_append_new(features, describe_feature(e, i)) == 0;
    for (size_t i = 0; ok && i < f->classes; i++)
        ok = json_array_append_new(classes, string(target->values.text[i])) == 0;
    if (ok)
        return json_pack("{s:i,s:o,s:o,s:o,s:o,s:f,s:f,s:f,s:I}", "format", 1, "source",
                         string(a->path), "target", string(target->name), "classes", classes,
                         "features", features, "bias", 1.0, "accuracy", f->accuracy,
                         "test_fraction", a->test_fraction, "seed", (json_int_t)a->seed);
    json_decref(features);
    json_decref(classes);
    return NULL;
}

/* Open the folder of path below the root; its last part is made if it is missing. */
static int open_folder(int root_fd, const char *path, int *ret_fd, const char **ret_base)
{
    char folder[KIT_PATH_MAX] = ".", above[KIT_PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    int above_fd = -1;

    if (slash)
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    int rc = kit_root_open_below(root_fd, folder, O_DIRECTORY, ret_fd);
    if (rc == -ENOENT) {
        char *last = strrchr(folder, '/');
        if (last)
            (void)snprintf(above, sizeof(above), "%.*s", (int)(last - folder), folder);
        rc = kit_root_open_below(root_fd, above, O_PATH | O_DIRECTORY, &above_fd);
        if (rc == 0) {
            if (mkdirat(above_fd, last ? last + 1 : folder, 0755) < 0 && errno != EEXIST)
                rc = -errno;
            close(above_fd);
        }
        if (rc == 0)
            rc = kit_root_open_below(root_fd, folder, O_DIRECTORY, ret_fd);
    }
    *ret_base = slash ? slash + 1 : path;
    return rc;
}

handrail_status da_store(const struct da_settings *s, const struct da_args *a,
                         const struct da_encoding *e, const struct da_fit *f,
                         const struct kit_watch *w)
{
    const char *base = NULL;
    int root_fd = -1, folder_fd = -1;
    handrail_status status = kit_place_open(&w->call, s->root, &root_fd);

    if (status != HANDRAIL_OK)
        return status;
    json_t *all = describe(a, e, f);
    int rc = all ? open_folder(root_fd, a->model_path, &folder_fd, &base) : -ENOMEM;
    close(root_fd);
    if (rc == 0)
        rc = write_both(folder_fd, base, f, all);
    if (folder_fd >= 0)
        close(folder_fd);
    json_decref(all);
    if (rc == -ENOMEM)
        return da_stop_memory(w);
    if (rc < 0)
        return kit_fail(&w->call, HANDRAIL_E_FAILED,
                        "the model was trained, with an accuracy of %.3f, but cannot be written to "
                        "%.300s.model: %s: set model_path to a place that can be written",
                        f->accuracy, a->model_path,
                        rc == -ENOENT ? "its folder is made, but not those above it"
                                      : kit_place_why(-rc));
    return HANDRAIL_OK;
}
