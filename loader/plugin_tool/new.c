/* SPDX-License-Identifier: MIT
 * handrail plugin new: a folder to start from, made from the templates beside this program. */
#include "commands.h"
#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "loader/config/program.h"
#include "loader/toolhost/builtin_names.h"
#include "options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "new NAME [--lang=c|cpp|rust] [--dir=DIR]\n\n"
    "Make the folder NAME with a plugin that works, to be changed into yours.  NAME\n"
    "is its id and the name of its file: small letters, digits and dashes.";

enum { NAME_MAX_LENGTH = 40, TEMPLATE_MAX = 256 * 1024, PATH_LENGTH = 4096 };

struct making {
    const char *name;
    char identifier[NAME_MAX_LENGTH + 1]; /* with underscores for the dashes */
    char prefix[PATH_LENGTH];             /* of this installation */
};

static bool is_name(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n <= NAME_MAX_LENGTH && *s >= 'a' && *s <= 'z' && s[n - 1] != '-' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && !strstr(s, "--");
}

/* CMake has targets of these names. */
static bool is_target(const char *name)
{
    static const char *const names[] = {"all", "clean", "help", "install", "preinstall", "test"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static int trouble(const char *what, const char *path, int err)
{
    (void)fprintf(stderr, "handrail plugin new: cannot %s %s: %s\n", what, path, strerror(-err));
    return HR_EXIT_SOFTWARE;
}

/* Append text with each "@KEY@" replaced. */
static int fill_in(const struct making *m, const char *text, size_t n, struct hr_buf *out)
{
    const struct {
        const char *key, *value;
    } words[] = {{"@NAME@", m->name},
                 {"@IDENT@", m->identifier},
                 {"@TOOL@", m->identifier},
                 {"@PREFIX@", m->prefix}};
    int err = 0;
    for (size_t i = 0; i < n && !err;) {
        bool done = false;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]) && !done; k++) {
            size_t len = strlen(words[k].key);
            done = n - i >= len && memcmp(text + i, words[k].key, len) == 0;
            if (done) {
                err = hr_buf_adds(out, words[k].value);
                i += len;
            }
        }
        if (!done)
            err = hr_buf_addc(out, text[i++]);
    }
    return err;
}

/* One file of the template to the new folder. */
static int copy(const struct making *m, const char *from, const char *to)
{
    struct hr_buf in;
    struct hr_buf out;
    hr_buf_init(&in, TEMPLATE_MAX);
    hr_buf_init(&out, TEMPLATE_MAX + TEMPLATE_MAX);
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int err = source < 0 ? -errno : hr_read_fd(source, &in);
    int target = err ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (!err && target < 0)
        err = -errno;
    if (!err)
        err = fill_in(m, hr_buf_str(&in), in.len, &out);
    if (!err)
        err = hr_write_all(target, hr_buf_str(&out), out.len);
    hr_close(&source);
    hr_close(&target);
    hr_buf_free(&in);
    hr_buf_free(&out);
    return err ? trouble("write", to, err) : 0;
}

/* A folder of the template, and what is in it.  "NAME.c" becomes "<name>.c", "gitignore" gets its
 * dot. */
static int copy_folder(const struct making *m, const char *from, const char *to)
{
    DIR *d = opendir(from);
    if (!d)
        return trouble("read the templates in", from, -errno);
    int code = mkdir(to, 0777) < 0 ? trouble("make", to, -errno) : 0;
    for (const struct dirent *e = readdir(d); e && !code; e = readdir(d)) {
        char source[PATH_LENGTH];
        char target[PATH_LENGTH];
        struct stat st;
        const char *name = e->d_name;
        bool named = strncmp(name, "NAME.", 5) == 0;
        if (name[0] == '.')
            continue;
        int n = snprintf(source, sizeof(source), "%s/%s", from, name);
        int k = snprintf(target, sizeof(target), "%s/%s%s%s", to,
                         strcmp(name, "gitignore") == 0 ? "." : "", named ? m->name : "",
                         named ? name + 4 : name);
        if (n >= (int)sizeof(source) || k >= (int)sizeof(target))
            code = trouble("make", to, -ENAMETOOLONG);
        else if (stat(source, &st) < 0)
            code = trouble("read", source, -errno);
        else
            code = S_ISDIR(st.st_mode) ? copy_folder(m, source, target) : copy(m, source, target);
    }
    (void)closedir(d);
    return code;
}

static void tell(const struct making *m, const char *folder, const char *lang)
{
    bool rust = strcmp(lang, "rust") == 0;
    const char *so = rust ? "" : "build/";
    (void)printf("made %s\n\n  cd %s\n", folder, folder);
    (void)printf(rust ? "  make\n" : "  cmake -S . -B build && cmake --build build\n");
    (void)printf("  handrail plugin check %s%s.so\n", so, m->name);
    (void)printf("  handrail plugin call %s --plugin=%s%s.so '{\"name\": \"you\"}'\n",
                 m->identifier, so, m->name);
}

int hr_plugin_new(char **argv)
{
    struct hr_plugin_options o;
    struct making m = {.name = NULL};
    char from[PATH_LENGTH + 64];
    char to[PATH_LENGTH];
    int code = hr_plugin_options_parse(argv, HR_OPT_NEW, 1, usage, &o);
    if (code || o.help)
        return code;
    const char *lang = o.lang ? o.lang : "c";
    if (strcmp(lang, "c") != 0 && strcmp(lang, "cpp") != 0 && strcmp(lang, "rust") != 0)
        return hr_plugin_usage(&o, "--lang=%s: expected c, cpp or rust", lang);
    if (!o.words[0] || !is_name(o.words[0]))
        return hr_plugin_usage(&o,
                               "%s: expected a name of at most %d small letters, digits and single "
                               "dashes, that begins with a letter",
                               o.words[0] ? o.words[0] : "no name", NAME_MAX_LENGTH);
    m.name = o.words[0];
    (void)snprintf(m.identifier, sizeof(m.identifier), "%s", m.name);
    for (char *p = m.identifier; *p; p++)
        if (*p == '-')
            *p = '_';
    hr_program_own_folder(m.prefix, sizeof(m.prefix)); /* .../bin */
    char *slash = strrchr(m.prefix, '/');
    if (slash)
        *slash = '\0';
    if (hr_builtin_tool_name(m.identifier))
        return hr_plugin_usage(&o, "%s: the agent-server has a tool of that name: take another",
                               m.name);
    if (is_target(m.name))
        return hr_plugin_usage(&o, "%s: CMake keeps that name for itself: take another", m.name);
    (void)snprintf(from, sizeof(from), "%s/share/templates/%s", m.prefix, lang);
    if (snprintf(to, sizeof(to), "%s%s%s", o.dir ? o.dir : "", o.dir ? "/" : "", m.name) >=
        (int)sizeof(to))
        return trouble("make", m.name, -ENAMETOOLONG);
    code = copy_folder(&m, from, to);
    if (!code)
        tell(&m, to, lang);
    return code;
}
