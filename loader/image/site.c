/* SPDX-License-Identifier: MIT
 * Where an image has an agent-server.  See site.h. */
#include "site.h"

#include "common/buf.h"
#include "common/fd.h"
#include "loader/config/agent_command.h"
#include "loader/config/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINKS_MAX = 40, /* as many as the kernel follows */
    HOOK_MAX = 8 * 1024,
};

static const char hook_name[] = "handrail.pth";
static const char hook_begin[] = "# handrail install";
static const char folders_default[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static const char venv_folder[] = "/agent-server/.venv/bin"; /* of the published source image */

/* ---- what is under a name -------------------------------------------------------------------- */

enum thing { NOTHING, HANDRAIL, PROGRAM, NO_PROGRAM };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Have both files, of the same size, the same bytes? */
static bool same_bytes(const char *a, const char *b)
{
    static char x[64 * 1024];
    static char y[sizeof(x)];
    int fa = open(a, O_RDONLY | O_CLOEXEC);
    int fb = open(b, O_RDONLY | O_CLOEXEC);
    ssize_t n = fa < 0 || fb < 0 ? -1 : 1;
    while (n > 0) {
        n = read(fa, x, sizeof(x));
        if (n >= 0 && (read(fb, y, sizeof(y)) != n || memcmp(x, y, (size_t)n) != 0))
            n = -1;
    }
    hr_close(&fa);
    hr_close(&fb);
    return n == 0;
}

static bool is_copy(const char *a, const struct stat *sa, const char *b, const struct stat *sb)
{
    return S_ISREG(sa->st_mode) && S_ISREG(sb->st_mode) && sa->st_size == sb->st_size &&
           sa->st_mode == sb->st_mode && same_bytes(a, b);
}

/* The text of a link; "" for what is none. */
static void link_text(const char *path, char out[PATH_MAX])
{
    ssize_t n = readlink(path, out, PATH_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
}

/* A link to a file of that name, wherever; or the file itself by another name, or a copy. */
static bool is_handrail(const struct hr_site_search *s, const char *path)
{
    char target[PATH_MAX];
    struct stat ours;
    struct stat file;
    link_text(path, target);
    if (*target && strcmp(base_name(target), "handrail") == 0)
        return true;
    if (stat(s->handrail, &ours) < 0 || stat(path, &file) < 0)
        return false;
    return same_file(&ours, &file) || is_copy(path, &file, s->handrail, &ours);
}

/* ret_why, for NO_PROGRAM: completes "it ...". */
static enum thing look(const struct hr_site_search *s, const char *path, char *why, size_t size)
{
    char target[PATH_MAX];
    struct stat file;
    if (lstat(path, &file) < 0) {
        (void)snprintf(why, size, "cannot be looked at: %s", strerror(errno));
        return errno == ENOENT || errno == ENOTDIR ? NOTHING : NO_PROGRAM;
    }
    if (is_handrail(s, path))
        return HANDRAIL;
    link_text(path, target);
    if (stat(path, &file) < 0)
        (void)snprintf(why, size, "is a link to %s, which cannot be followed: %s", target,
                       strerror(errno));
    else if (S_ISDIR(file.st_mode))
        (void)snprintf(why, size, "is a folder");
    else if (!S_ISREG(file.st_mode))
        (void)snprintf(why, size, "is no regular file");
    else if (!(file.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
        (void)snprintf(why, size, "cannot be executed: its mode is %04o",
                       (unsigned)file.st_mode & 07777);
    else if (file.st_size == 0)
        (void)snprintf(why, size, "is empty");
    else
        return PROGRAM;
    return NO_PROGRAM;
}

/* ---- a program ------------------------------------------------------------------------------- */

bool hr_site_real(const struct hr_site *site, char real[PATH_MAX])
{
    return snprintf(real, PATH_MAX, "%s" HR_REAL_SUFFIX, site->path) < PATH_MAX;
}

/* Is what lies aside the very server that is in its place: a second name of it, or a copy?  Links
 * are not followed: one of the two may lead to the other. */
static bool is_once_more(const char *path, const char *real)
{
    struct stat a;
    struct stat b;
    return lstat(path, &a) == 0 && lstat(real, &b) == 0 &&
           (same_file(&a, &b) || is_copy(path, &a, real, &b));
}

static bool leads_to(const char *path, const char *target)
{
    char text[PATH_MAX];
    link_text(path, text);
    return strcmp(text, target) == 0;
}

/* What the two names say together. */
static const enum hr_site_state states[4][4] = {
    /* in its place | aside:  nothing,           handrail,         a program,         no program */
    [NOTHING] = {HR_SITE_ABSENT, HR_SITE_ABSENT, HR_SITE_EMPTY, HR_SITE_ABSENT},
    [HANDRAIL] = {HR_SITE_LOST, HR_SITE_LOST, HR_SITE_INSTALLED, HR_SITE_LOST},
    [PROGRAM] = {HR_SITE_PLAIN, HR_SITE_HALF, HR_SITE_TWICE, HR_SITE_UNUSABLE},
    [NO_PROGRAM] = {HR_SITE_UNUSABLE, HR_SITE_UNUSABLE, HR_SITE_UNUSABLE, HR_SITE_UNUSABLE},
};

static void look_at_program(const struct hr_site_search *s, struct hr_site *site)
{
    char real[PATH_MAX];
    char aside_why[PATH_MAX + 128];
    if (!hr_site_real(site, real) || strlen(base_name(site->path)) > HR_SITE_NAME) {
        site->state = HR_SITE_UNUSABLE;
        (void)snprintf(site->what, sizeof(site->what), "has a name of more than %d bytes",
                       HR_SITE_NAME);
        return;
    }
    enum thing here = look(s, site->path, site->what, sizeof(site->what));
    enum thing aside = look(s, real, aside_why, sizeof(aside_why));
    site->state = states[here][aside];
    if (site->state == HR_SITE_UNUSABLE && here == PROGRAM)
        (void)snprintf(site->what, sizeof(site->what),
                       "cannot be moved aside before %.64s" HR_REAL_SUFFIX " is removed, which %s",
                       base_name(site->path), aside_why);
    if (site->state == HR_SITE_TWICE && is_once_more(site->path, real))
        site->state = HR_SITE_HALF;
    if (site->state == HR_SITE_INSTALLED && !leads_to(site->path, s->handrail))
        site->state = HR_SITE_OTHER;
    if (hr_server_version(here == PROGRAM ? site->path : real, site->version))
        site->version[0] = '\0';
}

/* Its name alone says it, or the package that lies beside it. */
static bool is_agent_server(const struct hr_site *site)
{
    return site->version[0] || strstr(base_name(site->path), "openhands");
}

/* ---- a python -------------------------------------------------------------------------------- */

/* HANDRAIL_HOOK: COPY and cp follow the link in the server's place, so that the server itself may
 * be what is started, and would come back here for ever. */
bool hr_site_hook(const char *handrail, char *text, size_t size)
{
    if (strpbrk(handrail, "\"\\\n\r"))
        return false;
    int n = snprintf(
        text, size,
        "%s: python -m openhands.agent_server is run by handrail.  handrail uninstall ends that.\n"
        "import os, sys, _signal; h = \"%s\"; sys.argv[:1] == [\"-m\"] and "
        "(\"-m\" + sys.orig_argv[-len(sys.argv)]).endswith(\"mopenhands.agent_server\") and "
        "os.environ.get(\"HANDRAIL_SUPERVISED\") != \"1\" and (os.access(h, os.X_OK) and "
        "os.environ.get(\"HANDRAIL_HOOK\") != str(os.getpid()) and "
        "[os.putenv(\"HANDRAIL_HOOK\", str(os.getpid())), "
        "_signal.signal(_signal.SIGPIPE, _signal.SIG_DFL), "
        "_signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL), "
        "os.execv(h, [h, \"--\", sys.executable, *sys.orig_argv[1:]])] or "
        "print(h, \"cannot be run: the server runs without it\" if not os.access(h, os.X_OK) else "
        "\"is not handrail: has the server been copied over it?\", file=sys.stderr))\n",
        hook_begin, handrail);
    return n > 0 && (size_t)n < size;
}

/* The whole file as text; false: it cannot be read, or is no text. */
static bool read_text(const char *path, struct hr_buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int err = fd < 0 ? -errno : hr_read_fd(fd, text);
    hr_close(&fd);
    return err == 0;
}

static void look_at_python(const struct hr_site_search *s, struct hr_site *site)
{
    char wanted[HOOK_MAX];
    struct stat file;
    struct hr_buf text;
    hr_buf_init(&text, HOOK_MAX);
    site->state = HR_SITE_UNUSABLE;
    if (!hr_site_hook(s->handrail, wanted, sizeof(wanted)))
        (void)snprintf(site->what, sizeof(site->what), "cannot name %s", s->handrail);
    else if (lstat(site->path, &file) < 0 && errno == ENOENT)
        site->state = HR_SITE_PLAIN;
    else if (!read_text(site->path, &text) ||
             strncmp(hr_buf_str(&text), hook_begin, sizeof(hook_begin) - 1) != 0)
        (void)snprintf(site->what, sizeof(site->what), "was not written by handrail install");
    else
        site->state = strcmp(hr_buf_str(&text), wanted) == 0 ? HR_SITE_INSTALLED : HR_SITE_OTHER;
    hr_buf_free(&text);
}

void hr_site_look(const struct hr_site_search *s, struct hr_site *site)
{
    if (site->kind == HR_SITE_PROGRAM)
        look_at_program(s, site);
    else
        look_at_python(s, site);
}

/* ---- finding --------------------------------------------------------------------------------- */

struct finding {
    const struct hr_site_search *search;
    struct hr_site *sites;
    size_t n;
};

/* The folder of the path with its links followed, and the name as it is. */
static bool canonical(const char *path, char out[PATH_MAX])
{
    char folder[PATH_MAX];
    char real[PATH_MAX];
    const char *name = base_name(path);
    int n = snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);
    if (n < 0 || n >= PATH_MAX || !realpath(n ? folder : ".", real))
        return false;
    return snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) < PATH_MAX;
}

static bool is_server_name(const char *name)
{
    for (size_t i = 0; hr_agent_server_names[i]; i++)
        if (strcmp(name, hr_agent_server_names[i]) == 0)
            return true;
    return false;
}

/* A server may have more names than one, links to the first.  Handrail goes to the end of those,
 * where it is in the way of them all; but not beyond servers' names: a link to some other program
 * is a server in itself, and that program has other users. */
static void follow_names(char path[PATH_MAX])
{
    char target[PATH_MAX];
    char next[PATH_MAX];
    struct stat there;
    for (int links = 0; links < LINKS_MAX; links++) {
        link_text(path, target);
        if (!*target ||
            (!is_server_name(base_name(target)) && strcmp(base_name(target), base_name(path)) != 0))
            return;
        int n = *target == '/' ? snprintf(next, sizeof(next), "%s", target)
                               : snprintf(next, sizeof(next), "%.*s%s",
                                          (int)(base_name(path) - path), path, target);
        if (n >= PATH_MAX || lstat(next, &there) < 0 || !canonical(next, path))
            return;
    }
}

/* NULL: it is among them, or there are too many. */
static struct hr_site *add(struct finding *f, enum hr_site_kind kind, const char *path,
                           const char *version)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->sites[i].path, path) == 0)
            return NULL;
    if (f->n == HR_SITES_MAX)
        return NULL;
    struct hr_site *site = &f->sites[f->n++];
    *site = (struct hr_site){.kind = kind};
    (void)snprintf(site->path, sizeof(site->path), "%s", path);
    (void)snprintf(site->version, sizeof(site->version), "%s", version);
    hr_site_look(f->search, site);
    return site;
}

static void on_package(void *arg, const char *folder, const char *version)
{
    char real[PATH_MAX];
    char path[PATH_MAX + sizeof(hook_name) + 1];
    if (!realpath(folder, real))
        return;
    (void)snprintf(path, sizeof(path), "%s/%s", real, hook_name);
    if (strlen(path) < PATH_MAX)
        (void)add(arg, HR_SITE_PYTHON, path, version);
}

/* must: also if there is nothing. */
static void add_program(struct finding *f, const char *name, bool must)
{
    char path[PATH_MAX];
    char real[PATH_MAX + sizeof(HR_REAL_SUFFIX)];
    struct stat there;
    if (!canonical(name, path)) {
        if (must)
            (void)add(f, HR_SITE_PROGRAM, name, "");
        return;
    }
    (void)snprintf(real, sizeof(real), "%s" HR_REAL_SUFFIX, path);
    if (!must && lstat(path, &there) < 0 && lstat(real, &there) < 0)
        return;
    if (lstat(real, &there) < 0)
        follow_names(path);
    struct hr_site *site = add(f, HR_SITE_PROGRAM, path, "");
    if (site && !must && site->state == HR_SITE_PLAIN && !is_agent_server(site))
        site->state = HR_SITE_STRANGER;
    /* The end of a link can lie in an environment that is not on PATH: pipx, uv tool. */
    if (site && !must && site->state != HR_SITE_STRANGER)
        hr_server_packages(site->path, on_package, f);
}

static void look_into(struct finding *f, const char *folder, size_t n)
{
    char path[PATH_MAX];
    for (size_t i = 0; hr_agent_server_names[i]; i++)
        if (snprintf(path, sizeof(path), "%.*s/%s", (int)n, folder, hr_agent_server_names[i]) <
            PATH_MAX)
            add_program(f, path, false);
    if (snprintf(path, sizeof(path), "%.*s/python3", (int)n, folder) < PATH_MAX)
        hr_server_packages(path, on_package, f);
}

static void look_everywhere(struct finding *f)
{
    const char *folders = getenv("PATH");
    if (!folders || !*folders)
        folders = folders_default;
    look_into(f, venv_folder, sizeof(venv_folder) - 1);
    for (;;) {
        size_t n = strcspn(folders, ":");
        if (n && *folders == '/')
            look_into(f, folders, n);
        if (!folders[n])
            return;
        folders += n + 1;
    }
}

size_t hr_site_find(const struct hr_site_search *s, struct hr_site sites[HR_SITES_MAX])
{
    struct finding f = {.search = s, .sites = sites};
    for (size_t i = 0; s->given[i]; i++) {
        size_t before = f.n;
        if (strncmp(base_name(s->given[i]), "python", 6) == 0)
            hr_server_packages(s->given[i], on_package, &f);
        if (f.n == before)
            add_program(&f, s->given[i], true);
    }
    if (!s->given[0])
        look_everywhere(&f);
    return f.n;
}
