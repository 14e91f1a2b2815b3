/* SPDX-License-Identifier: MIT
 * Lets the Python tests ask the library for sandbox specifications.
 *
 *   spec-runner check < FILES       of each file, the report, as JSON
 *   spec-runner tree < FILES        its tree, each scalar as [KIND, TEXT]; or what is found
 *   spec-runner kinds < LINES       of each line, as a YAML scalar without quotes: its kind
 *   spec-runner quantity < LINES    of each line, DECIMALS TEXT: the quantity, or "refused"
 *
 * Files, and what is said of each, end with a NUL. */
#include "common/buf.h"
#include "common/fd.h"
#include "loader/image/spec/quantity.h"
#include "loader/image/spec/rules.h"
#include "loader/image/spec/scalar.h"
#include "loader/image/spec/spec.h"
#include "loader/image/spec/yaml_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 16 * 1024 * 1024 };

static void run_check(const char *text, size_t n)
{
    struct hr_report r;
    hr_report_init(&r, "check");
    r.format = HR_REPORT_JSON;
    if (hr_spec_check("-", text, n, NULL, &r) == 0)
        (void)hr_report_end(&r, stdout);
    hr_report_free(&r);
}

static const char *const names[] = {"text",   "null", "boolean", "integer",
                                    "number", "date", "other"};

static json_t *tree(const struct hr_yaml_node *n)
{
    json_t *all = n->kind == HR_YAML_LIST ? json_array() : json_object();
    if (n->text) {
        json_decref(all);
        return json_pack("[s, s]", names[n->kind], n->text);
    }
    for (const struct hr_yaml_node *c = n->first; c; c = c->next)
        (void)(n->kind == HR_YAML_LIST ? json_array_append_new(all, tree(c))
                                       : json_object_set_new(all, c->key, tree(c)));
    return all;
}

static void run_tree(const char *text, size_t n)
{
    struct hr_report r;
    struct hr_yaml *y = NULL;
    hr_report_init(&r, "check");
    if (hr_yaml_read("-", text, n, &r, &y) == 0 && !r.errors) {
        json_t *all = tree(y->root);
        (void)json_dumpf(all, stdout, JSON_ENSURE_ASCII);
        json_decref(all);
    } else {
        (void)hr_report_end(&r, stdout);
    }
    hr_yaml_free(y);
    hr_report_free(&r);
}

static void run_kind(char *line)
{
    const char *what = NULL;
    (void)printf("%s\n", names[hr_yaml_scalar_kind(line, &what)]);
}

static void run_quantity(char *line)
{
    int64_t value = 0;
    if (hr_quantity_parse(line + 2, line[0] - '0', &value))
        (void)printf("refused\n");
    else
        (void)printf("%" PRId64 "\n", value);
}

static int run_files(const char *text, size_t bytes, void (*run)(const char *text, size_t n))
{
    for (const char *end; (end = memchr(text, '\0', bytes)); text = end + 1) {
        run(text, (size_t)(end - text));
        (void)putchar('\0');
        bytes -= (size_t)(end + 1 - text);
    }
    return 0;
}

static int run_lines(char *text, void (*run)(char *line))
{
    for (char *end; (end = strchr(text, '\n')); text = end + 1) {
        *end = '\0';
        run(text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct hr_buf in;
    int code = 64;
    hr_buf_init(&in, INPUT_MAX);
    if (argc != 2 || hr_read_fd(STDIN_FILENO, &in) || hr_buf_addc(&in, '\0'))
        return code;
    if (strcmp(argv[1], "check") == 0)
        code = run_files(in.data, in.len - 1, run_check);
    else if (strcmp(argv[1], "tree") == 0)
        code = run_files(in.data, in.len - 1, run_tree);
    else if (strcmp(argv[1], "kinds") == 0)
        code = run_lines(in.data, run_kind);
    else if (strcmp(argv[1], "quantity") == 0)
        code = run_lines(in.data, run_quantity);
    hr_buf_free(&in);
    return code;
}
