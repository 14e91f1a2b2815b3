/* SPDX-License-Identifier: MIT
 * Which plugin a command is about.  See target.h. */
#include "target.h"

#include "common/confinement.h"
#include "common/handoff.h"
#include "common/utf8.h"
#include "loader/config/registry.h"
#include "loader/plugin_file/descriptor.h"
#include "loader/plugin_file/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_path(const char *what)
{
    size_t n = strlen(what);
    return strchr(what, '/') || (n > 3 && strcmp(what + n - 3, ".so") == 0);
}

/* Where the registry is, as for `handrail run`. */
static void registry_path(const struct hr_plugin_options *o, char *out, size_t size)
{
    const char *file = o->registry ? o->registry : getenv("HANDRAIL_REGISTRY");
    const char *dir = getenv("HANDRAIL_CONFIG_DIR");
    if (file && *file)
        (void)snprintf(out, size, "%s", file);
    else
        (void)snprintf(out, size, "%s/tool_registry.json", dir && *dir ? dir : "/app/config");
}

/* A JSON object given as an option, into *target. */
static int take_object(const struct hr_plugin_options *o, const char *option, const char *text,
                       json_t **target)
{
    json_error_t e;
    if (!text)
        return 0;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(value)) {
        const char *why = value ? "it is no object" : e.text;
        (void)hr_plugin_usage(o, "--%s: expected a JSON object: %s", option, why);
        json_decref(value);
        return HR_EXIT_USAGE;
    }
    json_decref(*target);
    *target = value;
    return 0;
}

static void confinement_problem(void *arg, const char *pointer, const char *expected,
                                const json_t *came)
{
    (void)came;
    (void)hr_plugin_usage(arg, "--confinement: %s: expected %s", pointer, expected);
}

static int take_options(const struct hr_plugin_options *o, struct hr_target *t)
{
    struct hr_confinement ignored;
    int code = take_object(o, "config", o->config, &t->config);
    if (!code)
        code = take_object(o, "confinement", o->confinement, &t->confinement);
    if (!code && o->confinement &&
        hr_confinement_read(t->confinement, confinement_problem, (void *)(uintptr_t)o, &ignored))
        code = HR_EXIT_USAGE;
    if (code)
        hr_target_free(t);
    return code;
}

/* The descriptor of a file, if it can be read without running it; its strings live as long as the
 * file is open.  sha256: or "". */
static bool read_descriptor(const char *path, const char *sha256, struct hr_plugin_file *file,
                            struct hr_descriptor *d)
{
    struct hr_elf e;
    struct hr_why why;
    const char *wrong = NULL;
    if (hr_plugin_file_open(path, *sha256 ? sha256 : NULL, file, &why))
        return false;
    if (hr_elf_read(file->bytes, file->len, &e, &wrong) == 0 && hr_descriptor_read(&e, d) == 0)
        return true;
    hr_plugin_file_close(file);
    return false;
}

static int from_file(const struct hr_plugin_options *o, const char *what, struct hr_target *ret)
{
    static struct hr_descriptor d;
    struct hr_plugin_file file;
    struct hr_target t = {.path = realpath(what, NULL)};
    if (!t.path) {
        (void)fprintf(stderr, "handrail plugin %s: %s: %s\n", o->command, what, strerror(errno));
        return 1;
    }
    if (hr_utf8_valid(t.path, strlen(t.path)) != strlen(t.path)) {
        (void)fprintf(stderr,
                      "handrail plugin %s: its path is not UTF-8, so no registry could name "
                      "it: rename it\n",
                      o->command);
        free(t.path);
        return 1;
    }
    t.config = json_object();
    t.confinement = json_object();
    if (o->id) {
        (void)snprintf(t.id, sizeof(t.id), "%s", o->id);
    } else if (read_descriptor(t.path, "", &file, &d)) {
        (void)snprintf(t.id, sizeof(t.id), "%s", d.plugin.id);
        hr_plugin_file_close(&file);
    }
    int code = take_options(o, &t);
    if (!code)
        *ret = t;
    return code;
}

static int load_registry(const struct hr_plugin_options *o, struct hr_config *ret)
{
    char path[4096];
    registry_path(o, path, sizeof(path));
    int code = hr_registry_load(path, true, ret);
    if (code && access(path, F_OK) < 0)
        (void)fprintf(stderr,
                      "handrail plugin %s: there is no tool registry here, as an image has one: "
                      "name the plugin's .so file, or a registry with --registry\n",
                      o->command);
    return code;
}

static void from_entry(const struct hr_plugin_config *p, struct hr_target *ret)
{
    struct hr_target t = {
        .path = strdup(p->path),
        .config = json_incref(p->config),
        .confinement = json_incref(p->confinement),
    };
    (void)snprintf(t.id, sizeof(t.id), "%s", p->id);
    (void)snprintf(t.sha256, sizeof(t.sha256), "%s", p->sha256);
    *ret = t;
}

int hr_target_find(const struct hr_plugin_options *o, const char *what, struct hr_target *ret)
{
    static struct hr_config c;
    if (is_path(what))
        return from_file(o, what, ret);
    int code = load_registry(o, &c);
    if (code)
        return code;
    bool found = false;
    for (uint32_t i = 0; i < c.nplugins && !found; i++) {
        found = strcmp(c.plugins[i].id, what) == 0;
        if (found)
            from_entry(&c.plugins[i], ret);
    }
    hr_config_free(&c);
    if (found)
        return take_options(o, ret);
    (void)fprintf(
        stderr,
        "handrail plugin %s: no plugin \"%s\" is enabled in the registry: name a .so file "
        "with its path, or another registry with --registry\n",
        o->command, what);
    return 1;
}

static bool offers(const struct hr_descriptor *d, const char *tool)
{
    for (size_t i = 0; i < d->ntools; i++)
        if (d->tools[i].name && strcmp(d->tools[i].name, tool) == 0)
            return true;
    return false;
}

int hr_target_of_tool(const struct hr_plugin_options *o, const char *tool, struct hr_target *ret)
{
    static struct hr_config c;
    static struct hr_descriptor d;
    struct hr_plugin_file file;
    int code = load_registry(o, &c);
    if (code)
        return code;
    bool found = false;
    for (uint32_t i = 0; i < c.nplugins && !found; i++) {
        if (!read_descriptor(c.plugins[i].path, c.plugins[i].sha256, &file, &d))
            continue;
        found = offers(&d, tool);
        if (found)
            from_entry(&c.plugins[i], ret);
        hr_plugin_file_close(&file);
    }
    hr_config_free(&c);
    if (found)
        return take_options(o, ret);
    (void)fprintf(
        stderr,
        "handrail plugin %s: no plugin of the registry has a tool \"%s\": name its plugin "
        "with --plugin\n",
        o->command, tool);
    return 1;
}

void hr_target_free(struct hr_target *t)
{
    free(t->path);
    t->path = NULL;
    json_decref(t->config);
    json_decref(t->confinement);
    t->config = t->confinement = NULL;
}
