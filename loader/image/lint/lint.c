/* SPDX-License-Identifier: MIT
 * handrail lint.  See lint.h. */
#include "lint.h"

#include "check.h"
#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one text -------------------------------------------------------------------------------- */

void hr_lint_found(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                   uint32_t line, uint32_t column, const char *fix, const char *fmt, ...)
{
    char message[HR_FINDING_TEXT];
    va_list ap;
    if (hr_suppressed(l, rule, i, line))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    hr_report_add(l->report, &hr_lint_rules[rule],
                  &(struct hr_place){.file = l->file, .line = line, .column = column}, fix, "%s",
                  message);
}

static void report_problems(struct hr_lint *l)
{
    static const enum hr_lint_rule rules[] = {
        [HR_PROBLEM_SYNTAX] = HR_LINT_SYNTAX,
        [HR_PROBLEM_EMPTY_CONTINUATION] = HR_LINT_EMPTY_CONTINUATION,
        [HR_PROBLEM_LIMIT] = HR_LINT_TOO_LARGE,
    };
    for (size_t k = 0; k < l->d->nproblems; k++) {
        const struct hr_problem *p = &l->d->problems[k];
        hr_lint_found(l, rules[p->kind], NULL, p->line, p->column, NULL, "%s", p->text);
    }
}

int hr_lint_text(struct hr_report *report, const char *file, const char *data, size_t n)
{
    struct hr_dockerfile d;
    struct hr_lint l = {.report = report, .file = file, .d = &d};
    size_t first = json_array_size(report->findings);
    int err = hr_dockerfile_parse(&d, data, n);
    if (!err)
        err = hr_suppressions_read(&l);
    if (!err) {
        report_problems(&l);
        hr_suppressions_unused(&l);
        hr_report_sort(report, first);
    }
    free(l.suppressions);
    hr_dockerfile_free(&d);
    return err;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void help(void)
{
    (void)printf("usage: handrail lint [options] [DOCKERFILE | DIRECTORY | -] ...\n"
                 "\n"
                 "What makes the image of a Dockerfile fail or leak.  Of a directory: the file\n"
                 "named Dockerfile in it; without a name: the one in this directory; -: standard\n"
                 "input.\n"
                 "\n"
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

/* Read a file, up to a byte more than is looked at. */
static int read_file(const char *path, struct hr_buf *text)
{
    int fd = STDIN_FILENO;
    if (strcmp(path, "-") != 0)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = hr_read_fd(fd, text);
    if (fd != STDIN_FILENO)
        hr_close(&fd);
    return err;
}

/* A directory stands for the Dockerfile in it. */
static int lint_path(struct hr_report *report, const char *path)
{
    struct hr_buf text;
    struct hr_buf inside;
    hr_buf_init(&text, HR_DOCKERFILE_MAX + 1);
    hr_buf_init(&inside, 8192);
    int err = read_file(path, &text);
    if (err == -EISDIR) {
        bool slash = *path && path[strlen(path) - 1] == '/';
        err = hr_buf_addf(&inside, "%s%sDockerfile", path, slash ? "" : "/");
        path = hr_buf_str(&inside);
        if (!err)
            err = read_file(path, &text);
    }
    if (!err || err == -E2BIG)
        err = hr_lint_text(report, strcmp(path, "-") == 0 ? "stdin" : path, hr_buf_str(&text),
                           err ? HR_DOCKERFILE_MAX + 1 : text.len);
    if (err)
        (void)fprintf(stderr, "handrail lint: cannot read %s: %s\n", path, strerror(-err));
    hr_buf_free(&text);
    hr_buf_free(&inside);
    return err == -ENOMEM ? HR_EXIT_SOFTWARE : err ? HR_REPORT_EXIT_NO_INPUT : 0;
}

/* Options, which are taken out of argv.  1: go on; 0 or less: do not, and that is the negative exit
 * code. */
static int read_options(struct hr_report *report, char **argv)
{
    char **kept = argv;
    for (; *argv; argv++) {
        int taken = hr_report_option(report, *argv);
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
            help();
            return 0;
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
    struct hr_report report;
    hr_report_init(&report, "lint");
    int code = read_options(&report, argv + 1);
    if (code <= 0) {
        hr_report_free(&report);
        return -code;
    }
    code = 0;
    for (char **path = argv[1] ? argv + 1 : here; *path; path++) {
        int failed = lint_path(&report, *path);
        code = code ? code : failed;
    }
    int found = hr_report_end(&report, stdout);
    hr_report_free(&report);
    return code ? code : found;
}
