/* SPDX-License-Identifier: MIT
 * What rules share: names of images, paths, and where things are copied to.  See check.h. */
#include "check.h"

#include <stdio.h>
#include <string.h>

struct hr_reference hr_reference_read(const char *image)
{
    struct hr_reference r = {.name = image};
    const char *at = strchr(image, '@');
    const char *end = at ? at : image + strlen(image);
    for (const char *p = image; p < end; p++) {
        if (*p == '/') {
            r.name = p + 1;
            r.tag = NULL;
        } else if (*p == ':') {
            r.tag = p + 1;
        }
    }
    r.digest = at != NULL;
    r.tag_n = r.tag ? (size_t)(end - r.tag) : 0;
    r.name_n = (size_t)((r.tag ? r.tag - 1 : end) - r.name);
    return r;
}

const char *hr_path_name(const char *path, size_t *ret_n)
{
    size_t n = strlen(path);
    while (n && path[n - 1] == '/')
        n--;
    size_t start = n;
    while (start && path[start - 1] != '/')
        start--;
    *ret_n = n - start;
    return path + start;
}

bool hr_path_in(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/');
}

size_t hr_copy_sources(const struct hr_instruction *i)
{
    return i->words.n ? i->words.n - 1 : 0;
}

/* Append a relative path, without its "." parts; ".." takes a part away. */
static bool append(char out[HR_LINT_PATH], const char *path)
{
    size_t n = strlen(out);
    while (*path) {
        size_t part = strcspn(path, "/");
        if (part == 2 && strncmp(path, "..", 2) == 0) {
            while (n && out[--n] != '/')
                ;
            out[n] = '\0';
        } else if (part && !(part == 1 && *path == '.')) {
            if (n + part + 2 > HR_LINT_PATH)
                return false;
            out[n++] = '/';
            memcpy(out + n, path, part);
            n += part;
            out[n] = '\0';
        }
        path += part + (path[part] == '/');
    }
    return true;
}

bool hr_path_at(const struct hr_site *s, const char *path, char out[HR_LINT_PATH])
{
    out[0] = '\0';
    return (*path == '/' || (s->workdir && append(out, s->workdir))) && append(out, path);
}

bool hr_copy_target(const struct hr_site *s, const char *source, char out[HR_LINT_PATH])
{
    const struct hr_instruction *i = s->i;
    if (!i->words.n || hr_instruction_flag(i, "parents")) /* it keeps folders of the source */
        return false;
    const struct hr_word *to = &i->words.at[i->words.n - 1];
    size_t n = strlen(to->expanded);
    bool folder = n && to->expanded[n - 1] == '/';
    if (!to->known || !hr_path_at(s, to->expanded, out))
        return false;
    folder = folder || hr_copy_sources(i) > 1 || strcmp(to->expanded, ".") == 0;
    const char *name = source ? hr_path_name(source, &n) : "";
    return !folder || !*name || strcspn(name, "*?[") != strlen(name) || append(out, name);
}
