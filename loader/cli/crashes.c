/* SPDX-License-Identifier: MIT
 * handrail crashes: the list, or one report whole. */
#include "crashes.h"

#include "commands.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "control_client.h"
#include "text.h"

#include <string.h>

enum { LABEL_WIDTH = 24, INLINE_DEPTH = 8 };

static const char usage[] = "handrail crashes [NUMBER] [--json] [--pid=N | --socket=NAME]";

void hr_crashes_print(FILE *out, const json_t *answer)
{
    const json_t *crash = NULL;
    size_t i = 0;
    if (json_array_size(answer) == 0) {
        (void)fputs("no crash has been recorded\n", out);
        return;
    }
    (void)fprintf(out, "%6s  %-24s  %-20s  %-8s  %s\n", "NUMBER", "WHEN", "SERVICE", "UPTIME",
                  "REASON");
    json_array_foreach (answer, i, crash) {
        char uptime[HR_HUMAN_MAX];
        const char *service = hr_text_get(crash, "service", "?");
        hr_text_get_duration(uptime, crash, "uptime_seconds");
        (void)fprintf(out, "%6lld  ",
                      (long long)json_integer_value(json_object_get(crash, "number")));
        hr_text_print(out, hr_text_get(crash, "time", "-"));
        (void)fputs("  ", out);
        hr_text_print(out, service);
        (void)fprintf(out, "%*s  %-8s  ", strlen(service) < 20 ? 20 - (int)strlen(service) : 0, "",
                      uptime);
        hr_text_print(out, hr_text_get(crash, "reason", ""));
        (void)fputc('\n', out);
    }
}

/* A key as words: "max_rss_bytes" is "max rss bytes". */
static int print_words(FILE *out, const char *key)
{
    hr_text_print_with(out, key, '_', " ");
    return (int)strlen(key);
}

/* A value on one line: "signal 9", "23, 42". */
static void print_inline(FILE *out, const json_t *v, int depth)
{
    const char *between = "";
    if (depth == 0)
        (void)fputs("...", out);
    else if (json_is_string(v))
        hr_text_print(out, json_string_value(v));
    else if (json_is_integer(v))
        (void)fprintf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        (void)fprintf(out, "%.3f", json_real_value(v));
    else if (json_is_boolean(v))
        (void)fputs(json_is_true(v) ? "yes" : "no", out);
    else if (json_is_null(v))
        (void)fputc('-', out);
    else if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++, between = ", ") {
            (void)fputs(between, out);
            print_inline(out, json_array_get(v, i), depth - 1);
        }
    } else {
        const char *key = NULL;
        json_t *member = NULL;
        json_object_foreach ((json_t *)(uintptr_t)v, key, member) {
            if (json_is_null(member))
                continue;
            (void)fputs(between, out);
            between = ", ";
            (void)print_words(out, key);
            (void)fputc(' ', out);
            print_inline(out, member, depth - 1);
        }
    }
}

/* "key    value"; a list of objects has a line each. */
static void print_member(FILE *out, const char *key, const json_t *v)
{
    size_t n = json_is_array(v) && json_is_object(json_array_get(v, 0)) ? json_array_size(v) : 0;
    if (json_is_null(v) || (json_is_array(v) && json_array_size(v) == 0))
        return;
    int width = print_words(out, key);
    for (size_t i = 0; i < (n ? n : 1); i++) {
        (void)fprintf(out, "%*s", width < LABEL_WIDTH ? LABEL_WIDTH - width : 1, "");
        print_inline(out, n ? json_array_get(v, i) : v, INLINE_DEPTH);
        (void)fputc('\n', out);
        width = 0;
    }
}

void hr_crash_print(FILE *out, const json_t *crash)
{
    const char *key = NULL;
    json_t *member = NULL;
    const json_t *output = json_object_get(crash, "output");
    const char *text = json_string_value(output);
    size_t n = json_string_length(output);
    json_object_foreach ((json_t *)(uintptr_t)crash, key, member)
        if (strcmp(key, "output") != 0)
            print_member(out, key, member);
    if (!n) {
        (void)fputs("\nIt had written nothing.\n", out);
        return;
    }
    (void)fputs("\nThe last it wrote:\n", out);
    hr_text_print_lines(out, text, n);
    if (text[n - 1] != '\n')
        (void)fputc('\n', out);
}

int hr_cli_crashes(char **argv)
{
    struct hr_client_options o;
    json_t *answer = NULL;
    json_t *order = NULL;
    int64_t number = 0;
    int code = hr_client_parse(argv, HR_TAKES_WORD, usage, &o);
    if (code || o.help)
        return code;
    if (o.word && hr_parse_int(o.word, 1, INT64_MAX, &number)) {
        (void)fprintf(stderr,
                      "handrail crashes: the number of a crash is a whole number from 1; "
                      "usage: %s\n",
                      usage);
        return HR_EXIT_USAGE;
    }
    order = o.word ? json_pack("{s:s, s:I}", "order", "crash", "number", (json_int_t)number)
                   : json_pack("{s:s}", "order", "crashes");
    code = hr_client_ask(&o, order, NULL, &answer);
    if (!code && !o.json && o.word)
        hr_crash_print(stdout, answer);
    else if (!code && !o.json)
        hr_crashes_print(stdout, answer);
    json_decref(answer);
    return code;
}
