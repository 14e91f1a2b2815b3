/* SPDX-License-Identifier: MIT
 * Rules that need the build context: is there what COPY takes, and what else comes with it?  See
 * check.h. */
#include "check.h"
#include "common/buf.h"
#include "common/fd.h"
#include "secret_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    DEPTH_MAX = 6,            /* of folders that are looked into */
    ENTRIES_MAX = 20000,      /* files and folders that are looked at, for one instruction */
    SECRETS_MAX = 10,         /* said, for one instruction */
    CONFIG_MAX = 1024 * 1024, /* bytes of .git/config, or .npmrc */
};

/* A path of the context, without "." parts and slashes at either end; "" is the context. */
static bool clean(const char *path, char out[HR_LINT_PATH])
{
    size_t n = 0;
    while (*path) {
        size_t part = strcspn(path, "/");
        if (part == 2 && strncmp(path, "..", 2) == 0) {
            while (n && out[--n] != '/')
                ;
        } else if (part && !(part == 1 && *path == '.')) {
            if (n + part + 2 > HR_LINT_PATH)
                return false;
            if (n)
                out[n++] = '/';
            memcpy(out + n, path, part);
            n += part;
        }
        path += part + (path[part] == '/');
    }
    out[n] = '\0';
    return true;
}

static bool full(const struct hr_lint *l, const char *path, char out[HR_LINT_PATH])
{
    return snprintf(out, HR_LINT_PATH, "%s/%s", l->context, path) < HR_LINT_PATH;
}

bool hr_context_has(const struct hr_lint *l, const char *path)
{
    char where[HR_LINT_PATH];
    struct stat st;
    return full(l, path, where) && lstat(where, &st) == 0 && !hr_ignored(l->ignore, path);
}

/* Read a file of it, whatever it is, into text, which must be freed.  Was it there? */
static bool read_context(const struct hr_lint *l, const char *path, struct hr_buf *text)
{
    char where[HR_LINT_PATH];
    hr_buf_init(text, CONFIG_MAX);
    int fd = full(l, path, where) ? open(where, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    bool read = fd >= 0 && hr_read_fd(fd, text) == 0;
    hr_close(&fd);
    return read;
}

bool hr_context_harmless(const struct hr_lint *l, const char *path)
{
    static const char npmrc[] = ".npmrc";
    struct hr_buf text;
    size_t n;
    const char *name = hr_path_name(path, &n);
    if (!l->context || n != sizeof(npmrc) - 1 || strncmp(name, npmrc, n) != 0)
        return false;
    bool harmless = read_context(l, path, &text);
    for (const char *p = hr_buf_str(&text); harmless && (p = strchr(p, '_')); p++)
        if (strncasecmp(p, "_auth", 5) == 0 || strncasecmp(p, "_password", 9) == 0)
            harmless = p[strcspn(p, "$\n")] == '$'; /* =${NPM_TOKEN} */
    hr_buf_free(&text);
    return harmless;
}

/* ---- is it there? ---------------------------------------------------------------------------- */

static bool has_wildcard(const char *path)
{
    return path[strcspn(path, "*?[")] != '\0';
}

/* Does the pattern match anything that is not excluded? */
static bool any_match(const struct hr_lint *l, const char *pattern)
{
    char where[HR_LINT_PATH];
    glob_t found;
    bool any = false;
    if (!full(l, pattern, where) || glob(where, GLOB_NOSORT | GLOB_PERIOD, NULL, &found) != 0)
        return false;
    for (size_t i = 0; !any && i < found.gl_pathc; i++)
        any = !hr_ignored(l->ignore, found.gl_pathv[i] + strlen(l->context) + 1);
    globfree(&found);
    return any;
}

static void check_source(struct hr_lint *l, const struct hr_site *s, const struct hr_word *w,
                         const char *path)
{
    char where[HR_LINT_PATH];
    struct stat st;
    if (has_wildcard(path)) {
        if (!any_match(l, path))
            hr_lint_say(l, HR_LINT_COPY_SOURCE_MISSING, s->i, w, "%.200s matches nothing in %s",
                        w->expanded, l->context);
    } else if (full(l, path, where) && lstat(where, &st) != 0 && errno == ENOENT) {
        hr_lint_say(l, HR_LINT_COPY_SOURCE_MISSING, s->i, w, "%.200s is not in %s", w->expanded,
                    l->context);
    } else if (*path && hr_ignored(l->ignore, path) && !l->ignore->exceptions) {
        hr_lint_say(l, HR_LINT_COPY_SOURCE_MISSING, s->i, w, "%.200s is excluded by .dockerignore",
                    w->expanded);
    }
}

/* ---- what comes with a folder ---------------------------------------------------------------- */

struct walk {
    struct hr_lint *l;
    const struct hr_site *s;
    const struct hr_word *w;
    size_t entries, secrets;
};

static void look_into(struct walk *k, const char *folder, unsigned depth)
{
    char where[HR_LINT_PATH];
    char path[HR_LINT_PATH];
    struct dirent *e;
    DIR *dir = full(k->l, folder, where) ? opendir(where) : NULL;
    while (dir && (e = readdir(dir)) && k->entries < ENTRIES_MAX && k->secrets < SECRETS_MAX) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", e->d_name) >=
                (int)sizeof(path))
            continue;
        k->entries++;
        if (hr_ignored(k->l->ignore, path))
            continue;
        if (hr_secret_file(path) && !hr_context_harmless(k->l, path)) {
            hr_lint_say(k->l, HR_LINT_SECRET_FILE, k->s->i, k->w, "%s of %.200s brings %.200s",
                        hr_instruction_name(k->s->i->kind), k->w->expanded, path);
            k->secrets++;
        } else if (depth < DEPTH_MAX && e->d_type == DT_DIR && strcmp(e->d_name, ".git") != 0) {
            look_into(k, path, depth + 1);
        }
    }
    if (dir)
        (void)closedir(dir);
}

/* A clone that is copied with its remotes: what git keeps of their passwords. */
static void check_remotes(struct hr_lint *l, const struct hr_site *s, const struct hr_word *w,
                          const char *folder)
{
    char path[HR_LINT_PATH];
    bool literal = false;
    bool found = false;
    struct hr_buf text;
    if (snprintf(path, sizeof(path), "%s%s.git/config", folder, *folder ? "/" : "") >=
            (int)sizeof(path) ||
        !hr_context_has(l, path))
        return;
    if (read_context(l, path, &text))
        for (const char *p = hr_buf_str(&text); !found && (p = strstr(p, "://")); p++)
            found = hr_url_password(p, &literal);
    hr_buf_free(&text);
    if (found)
        hr_lint_say(l, HR_LINT_GIT_REMOTE_PASSWORD, s->i, w,
                    "%s of %.200s brings %.200s, where a remote has a password",
                    hr_instruction_name(s->i->kind), w->expanded, path);
}

static bool is_from_context(const struct hr_instruction *i, const struct hr_word *w)
{
    return !hr_instruction_flag(i, "from") && w->known && strncmp(w->expanded, "<<", 2) != 0 &&
           !strstr(w->expanded, "://") && strncmp(w->expanded, "git@", 4) != 0;
}

/* Does this word of COPY bring a file that is `path` in the image?  If so, read it. */
static bool read_copied(const struct hr_lint *l, const struct hr_site *s, const struct hr_word *w,
                        const char *path, struct hr_buf *text)
{
    char to[HR_LINT_PATH];
    char file[HR_LINT_PATH];
    size_t n;
    const char *inside = path + strlen(s->to);
    if (!is_from_context(s->i, w) || !hr_copy_target(s, w->expanded, to))
        return false;
    /* Of a folder the contents are copied, and into one that is there goes a file with its name. */
    bool itself = strcmp(to, path) == 0 ||
                  (*inside && strcmp(inside + 1, hr_path_name(w->expanded, &n)) == 0);
    if (snprintf(file, sizeof(file), "%s%s", w->expanded, itself ? "" : inside) >=
        (int)sizeof(file))
        return false;
    hr_buf_free(text);
    return read_context(l, file, text);
}

bool hr_context_file(const struct hr_lint *l, const char *path, struct hr_buf *text)
{
    bool read = false;
    hr_buf_init(text, CONFIG_MAX);
    for (size_t k = l->d->ninstructions; l->context && k > 0 && !read; k--) {
        const struct hr_site *s = &l->sites[k - 1];
        if (!s->kept || !s->to || !hr_path_in(path, s->to))
            continue;
        for (size_t n = 0; n < hr_copy_sources(s->i) && !read; n++)
            read = read_copied(l, s, &s->i->words.at[n], path, text);
    }
    if (!read)
        hr_buf_free(text);
    return read;
}

void hr_check_context(struct hr_lint *l)
{
    char path[HR_LINT_PATH];
    for (size_t k = 0; l->context && k < l->d->ninstructions; k++) {
        const struct hr_site *s = &l->sites[k];
        if ((s->i->kind != HR_COPY && s->i->kind != HR_ADD) || s->i->broken || s->i->onbuild)
            continue;
        for (size_t n = 0; n < hr_copy_sources(s->i); n++) {
            const struct hr_word *w = &s->i->words.at[n];
            if (!is_from_context(s->i, w) || !clean(w->expanded, path))
                continue;
            check_source(l, s, w, path);
            struct walk walk = {.l = l, .s = s, .w = w};
            if (!s->kept || has_wildcard(path) || hr_secret_file(path))
                continue;
            look_into(&walk, path, 0);
            check_remotes(l, s, w, path);
        }
    }
}
