/* SPDX-License-Identifier: MIT
 * handrail lint, the command.  See lint.h. */
#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "dockerfile.h"
#include "ignore.h"
#include "lint.h"
#include "rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 8192 }; /* of a file's name */

static void help(void)
{
    (void)printf(
        "usage: handrail lint [options] [DOCKERFILE | DIRECTORY | -] ...\n"
        "\n"
        "What makes the image of a Dockerfile fail or leak.  Of a directory: the file\n"
        "named Dockerfile in it, with the directory as build context; without a name: the\n"
        "one in this directory; -: standard input.\n"
        "\n"
        "  --context=DIR     the build context: what COPY takes must be there\n"
        "  --format=FORMAT   text, json or sarif [text]\n"
        "  --strict          warnings count as errors\n"
        "\n"
        "A comment turns rules off, for the instruction after it or for the whole file:\n"
        "  # handrail-lint ignore=RULE,RULE\n"
        "  # handrail-lint ignore-file=RULE        (before the first instruction)\n"
        "handrail explain: the rules.\n"
        "\n"
        "Exit code: 0 no errors, 1 errors, 64 wrong usage, 66 a file cannot be read.\n");
}

/* Read a file, as far as text may grow.  flags: more ones for open(). */
static int read_file(const char *path, int flags, struct hr_buf *text)
{
    int fd = STDIN_FILENO;
    if (strcmp(path, "-") != 0)
        fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return -errno;
    int err = hr_read_fd(fd, text);
    if (fd != STDIN_FILENO)
        hr_close(&fd);
    return err;
}

/* NAME.dockerignore beside the Dockerfile counts, else .dockerignore of the context.  No file: no
 * patterns.  0 or -errno. */
static int read_ignore(const char *path, const char *context, struct hr_ignore *ignore)
{
    struct hr_buf name;
    struct hr_buf text;
    hr_buf_init(&name, PATH_BYTES);
    hr_buf_init(&text, HR_IGNORE_MAX);
    int err = hr_buf_addf(&name, "%s.dockerignore", path);
    if (!err)
        err = read_file(hr_buf_str(&name), O_NONBLOCK, &text);
    if (err == -ENOENT) {
        hr_buf_reset(&name);
        err = hr_buf_addf(&name, "%s/.dockerignore", context);
        if (!err)
            err = read_file(hr_buf_str(&name), O_NONBLOCK, &text);
    }
    if (err == -ENOENT)
        err = 0;
    if (err)
        (void)fprintf(stderr, "handrail lint: cannot read %s: %s\n", hr_buf_str(&name),
                      strerror(-err));
    else
        err = hr_ignore_parse(ignore, hr_buf_str(&text), text.len);
    hr_buf_free(&name);
    hr_buf_free(&text);
    return err;
}

/* A Dockerfile, of which `read` is what came of reading it into text. */
static int lint_file(struct hr_report *report, const char *path, const char *context, int read,
                     const struct hr_buf *text)
{
    struct hr_ignore ignore = {0};
    int err = read == -E2BIG ? 0 : read;
    if (err)
        (void)fprintf(stderr, "handrail lint: cannot read %s: %s\n", path, strerror(-err));
    else if (context)
        err = read_ignore(path, context, &ignore);
    if (!err) {
        err = hr_lint_text(report, strcmp(path, "-") == 0 ? "stdin" : path, context, &ignore,
                           hr_buf_str(text), read ? HR_DOCKERFILE_MAX + 1 : text->len);
        if (err)
            (void)fprintf(stderr, "handrail lint: %s: %s\n", path, strerror(-err));
    }
    hr_ignore_free(&ignore);
    return err == -ENOMEM ? HR_EXIT_SOFTWARE : err ? HR_REPORT_EXIT_NO_INPUT : 0;
}

/* A directory stands for the Dockerfile in it, and is its context. */
static int lint_path(struct hr_report *report, const char *path, const char *context)
{
    struct hr_buf text;
    struct hr_buf inside;
    hr_buf_init(&text, HR_DOCKERFILE_MAX + 1);
    hr_buf_init(&inside, PATH_BYTES);
    int err = read_file(path, 0, &text);
    if (err == -EISDIR) {
        bool slash = *path && path[strlen(path) - 1] == '/';
        context = context ? context : path;
        err = hr_buf_addf(&inside, "%s%sDockerfile", path, slash ? "" : "/");
        path = err ? path : hr_buf_str(&inside);
        err = err ? err : read_file(path, 0, &text);
    }
    int code = lint_file(report, path, context, err, &text);
    hr_buf_free(&text);
    hr_buf_free(&inside);
    return code;
}

/* Options, which are taken out of argv.  1: go on; 0 or less: do not, and that is the negative exit
 * code. */
static int read_options(struct hr_report *report, char **argv, const char **ret_context)
{
    static const char context[] = "--context=";
    char **kept = argv;
    bool ended = false;
    for (; *argv; argv++) {
        if (ended) {
            *kept++ = *argv;
            continue;
        }
        if (strcmp(*argv, "--") == 0) {
            ended = true;
            continue;
        }
        int taken = hr_report_option(report, *argv);
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
            help();
            return 0;
        }
        if (strncmp(*argv, context, sizeof(context) - 1) == 0 && argv[0][sizeof(context) - 1]) {
            *ret_context = *argv + sizeof(context) - 1;
            continue;
        }
        if (taken == 0 && argv[0][0] == '-' && argv[0][1]) {
            (void)fprintf(stderr, "handrail lint: unknown option %s: see handrail lint --help\n",
                          *argv);
            return -HR_EXIT_USAGE;
        }
        if (taken < 0)
            return -HR_EXIT_USAGE;
        if (!taken)
            *kept++ = *argv;
    }
    *kept = NULL;
    return 1;
}

int hr_image_lint(char **argv)
{
    static char *here[] = {"Dockerfile", NULL};
    const char *context = NULL;
    struct hr_report report;
    hr_report_init(&report, "lint");
    hr_report_rules(&report, hr_lint_rules, HR_LINT_NRULES);
    int code = read_options(&report, argv + 1, &context);
    if (code <= 0) {
        hr_report_free(&report);
        return -code;
    }
    code = 0;
    for (char **path = argv[1] ? argv + 1 : here; *path; path++) {
        int failed = lint_path(&report, *path, context);
        code = code ? code : failed;
    }
    int found = hr_report_end(&report, stdout);
    hr_report_free(&report);
    return code ? code : found;
}
