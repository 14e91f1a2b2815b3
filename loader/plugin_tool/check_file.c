/* SPDX-License-Identifier: MIT
 * handrail plugin check: what the file tells without being run. */
#include "check.h"
#include "common/schema/schema.h"
#include "loader/plugin_file/descriptor.h"
#include "loader/plugin_file/judge.h"
#include "loader/toolhost/load.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file, opened and read; what these cases have in common.  Nothing is given back: the process
 * ends with the case. */
struct reading {
    struct hr_plugin_file file;
    struct hr_elf elf;
    struct hr_descriptor *descriptor; /* NULL: none to be found */
};

static bool open_file(struct hr_check *c, struct reading *r)
{
    struct hr_why why = {{0}};
    const char *sha256 = c->target->sha256[0] ? c->target->sha256 : NULL;
    if (hr_plugin_file_open(c->target->path, sha256, &r->file, &why)) {
        (void)hr_barred(c, "", why.text);
        return false;
    }
    return true;
}

static bool read_file(struct hr_check *c, struct reading *r)
{
    static struct hr_descriptor d;
    struct hr_why why = {{0}};
    const char *wrong = NULL;
    if (!open_file(c, r))
        return false;
    if (hr_elf_read(r->file.bytes, r->file.len, &r->elf, &wrong)) {
        (void)hr_refuse(&why, "%s: copy or build it once more", wrong);
        (void)hr_barred(c, "", why.text);
        return false;
    }
    r->descriptor = r->elf.is_native && hr_descriptor_read(&r->elf, &d) == 0 ? &d : NULL;
    return true;
}

static enum hr_verdict file_trust(struct hr_check *c)
{
    struct reading r;
    return open_file(c, &r) ? HR_CASE_OK : HR_CASE_FAILED;
}

static enum hr_verdict file_structure(struct hr_check *c)
{
    struct reading r;
    struct hr_why why = {{0}};
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    return hr_plugin_judge(&r.elf, &why) ? hr_barred(c, "", why.text) : HR_CASE_OK;
}

static enum hr_verdict file_exports(struct hr_check *c)
{
    struct reading r;
    char names[256];
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    size_t n = hr_plugin_other_exports(&r.elf, names, sizeof(names));
    if (n == 0)
        return HR_CASE_OK;
    return hr_found(c, HR_CASE_WARNED,
                    "it exports %zu more (%s): build it with -fvisibility=hidden, and link it with "
                    "-Wl,--exclude-libs,ALL or a version script",
                    n, names);
}

static enum hr_verdict file_glibc(struct hr_check *c)
{
    struct reading r;
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    const char *needs = hr_elf_highest_version(&r.elf, "GLIBC_");
    return hr_found(c, HR_CASE_OK, "it needs %s; this system has %s", needs ? needs : "none",
                    gnu_get_libc_version());
}

static enum hr_verdict file_size(struct hr_check *c)
{
    enum { LARGE = 16 * 1024 * 1024 };
    struct reading r;
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    if (r.file.len > LARGE)
        return hr_found(c, HR_CASE_WARNED,
                        "it has %zu MiB, which each start copies into memory: strip it "
                        "(strip --strip-unneeded)",
                        r.file.len / 1024 / 1024);
    return HR_CASE_OK;
}

static enum hr_verdict descriptor_constant(struct hr_check *c)
{
    struct reading r;
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    if (!r.descriptor)
        return hr_found(c, HR_CASE_WARNED,
                        "none was found in the file, so its tools cannot be listed "
                        "without running it: make the descriptor and its tools static const");
    return HR_CASE_OK;
}

static enum hr_verdict descriptor_valid(struct hr_check *c)
{
    struct reading r;
    struct hr_plugin p;
    struct hr_why why = {{0}};
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    if (!r.descriptor)
        return hr_found(c, HR_CASE_SKIPPED, "it cannot be read from the file");
    if (hr_plugin_check(c->target->id, NULL, &r.descriptor->plugin, &p, &why))
        return hr_barred(c, "", why.text);
    return HR_CASE_OK;
}

/* MAJOR.MINOR.PATCH, and perhaps more. */
static bool is_semantic_version(const char *s)
{
    for (int i = 0; i < 3; i++) {
        size_t n = strspn(s, "0123456789");
        if (n == 0 || (n > 1 && *s == '0'))
            return false;
        s += n;
        if (i < 2 && *s++ != '.')
            return false;
    }
    return *s == '\0' || *s == '-' || *s == '+';
}

static enum hr_verdict descriptor_version(struct hr_check *c)
{
    struct reading r;
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    if (!r.descriptor)
        return hr_found(c, HR_CASE_SKIPPED, "it cannot be read from the file");
    if (!is_semantic_version(r.descriptor->plugin.version))
        return hr_found(c, HR_CASE_WARNED, "\"%.60s\": expected a semantic version, such as 1.0.0",
                        r.descriptor->plugin.version);
    return HR_CASE_OK;
}

static enum hr_verdict descriptor_minor(struct hr_check *c)
{
    struct reading r;
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    if (!r.descriptor)
        return hr_found(c, HR_CASE_SKIPPED, "it cannot be read from the file");
    const handrail_plugin *p = &r.descriptor->plugin;
    if (p->needs_minor > p->built_minor)
        return hr_found(
            c, HR_CASE_FAILED,
            "it needs a newer host (1.%u) than it was built for (1.%u): set .built_minor "
            "to HANDRAIL_ABI_MINOR and .needs_minor to what it cannot do without",
            p->needs_minor, p->built_minor);
    if (p->needs_minor > 0)
        return hr_found(c, HR_CASE_WARNED,
                        "hosts older than 1.%u refuse it; with HANDRAIL_HAS() and .needs_minor = 0 "
                        "it could run there too",
                        p->needs_minor);
    return HR_CASE_OK;
}

static enum hr_verdict descriptor_flags(struct hr_check *c)
{
    const uint32_t known = HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE |
                           HANDRAIL_TOOL_IDEMPOTENT | HANDRAIL_TOOL_CLOSED_WORLD;
    struct reading r;
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    for (size_t i = 0; r.descriptor && i < r.descriptor->ntools; i++)
        if (r.descriptor->tools[i].flags & ~known)
            return hr_found(c, HR_CASE_WARNED, "tool \"%s\" has flags that mean nothing (0x%x)",
                            r.descriptor->tools[i].name, r.descriptor->tools[i].flags & ~known);
    return r.descriptor ? HR_CASE_OK
                        : hr_found(c, HR_CASE_SKIPPED, "it cannot be read from the file");
}

/* NULL, or why a schema is none, in `why`. */
static const char *wrong_with(const char *text, char *why, size_t size)
{
    struct hr_schema *compiled = NULL;
    json_error_t e;
    json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    int err = schema ? hr_schema_compile(schema, NULL, &compiled, why, size) : -EINVAL;
    if (!schema)
        (void)snprintf(why, size, "it is not JSON: %s", e.text);
    hr_schema_free(compiled);
    json_decref(schema);
    return err ? why : NULL;
}

static enum hr_verdict schemas_compile(struct hr_check *c)
{
    struct reading r;
    char why[512];
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    if (!r.descriptor)
        return hr_found(c, HR_CASE_SKIPPED, "they cannot be read from the file");
    const char *config = r.descriptor->plugin.config_schema;
    if (config && wrong_with(config, why, sizeof(why)))
        return hr_found(c, HR_CASE_FAILED, "config_schema: %s", why);
    for (size_t i = 0; i < r.descriptor->ntools; i++) {
        const handrail_tool *t = &r.descriptor->tools[i];
        if (t->input_schema && wrong_with(t->input_schema, why, sizeof(why)))
            return hr_found(c, HR_CASE_FAILED, "tool \"%s\": input_schema: %s", t->name, why);
        if (t->output_schema && wrong_with(t->output_schema, why, sizeof(why)))
            return hr_found(c, HR_CASE_FAILED, "tool \"%s\": output_schema: %s", t->name, why);
    }
    return HR_CASE_OK;
}

/* The first property of the tool's input that says nothing of itself, or NULL. */
static const char *undescribed(const json_t *schema)
{
    const char *name = NULL;
    json_t *property = NULL;
    json_object_foreach (json_object_get(schema, "properties"), name, property)
        if (json_is_object(property) && !json_object_get(property, "description") &&
            !json_object_get(property, "$ref"))
            return name;
    return NULL;
}

static enum hr_verdict described(struct hr_check *c)
{
    enum { SHORT = 15, LONG = 4000 };
    struct reading r;
    if (!read_file(c, &r))
        return HR_CASE_FAILED;
    if (!r.descriptor)
        return hr_found(c, HR_CASE_SKIPPED, "they cannot be read from the file");
    for (size_t i = 0; i < r.descriptor->ntools; i++) {
        const handrail_tool *t = &r.descriptor->tools[i];
        size_t n = t->description ? strlen(t->description) : 0;
        json_t *schema = t->input_schema ? json_loads(t->input_schema, 0, NULL) : NULL;
        const char *name = undescribed(schema);
        if (n < SHORT || n > LONG)
            (void)hr_found(
                c, HR_CASE_WARNED,
                "tool \"%s\": a description of %zu bytes: say when to use it and what it "
                "answers, in a few sentences",
                t->name, n);
        else if (name)
            (void)hr_found(c, HR_CASE_WARNED, "tool \"%s\": the argument \"%s\" has no description",
                           t->name, name);
        json_decref(schema);
        if (c->finding[0])
            return HR_CASE_WARNED;
    }
    return HR_CASE_OK;
}

const struct hr_case hr_cases_file[] = {
    {"file-trust", "somebody vouches for the file, by its owner and mode or its hash", file_trust},
    {"file-structure", "it is a shared object that may be loaded here", file_structure},
    {"file-exports", "it exports its entry and nothing else", file_exports},
    {"file-glibc", "the C library that it needs", file_glibc},
    {"file-size", "it is no larger than need be", file_size},
    {"descriptor-constant", "its descriptor is constant data", descriptor_constant},
    {"descriptor-valid", "the host accepts its descriptor", descriptor_valid},
    {"descriptor-version", "its version is a semantic one", descriptor_version},
    {"descriptor-minor", "the ABI that it needs is one that it knows", descriptor_minor},
    {"descriptor-flags", "its tools have known flags only", descriptor_flags},
    {"schema-compile", "its schemas are JSON Schema", schemas_compile},
    {"descriptions", "its tools and their arguments are described for a model", described},
};
const size_t hr_ncases_file = sizeof(hr_cases_file) / sizeof(hr_cases_file[0]);
