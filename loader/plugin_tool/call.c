/* SPDX-License-Identifier: MIT
 * handrail plugin call: one call of one tool, in a process as in an image. */
#include "call.h"
#include "commands.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/frame.h"
#include "common/handoff.h"
#include "common/schema/schema.h"
#include "loader/cli/text.h"
#include "loader/toolhost/call.h"
#include "options.h"
#include "run.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "call TOOL [JSON] [--plugin=PLUGIN] [options]\n\n"
    "Call a tool with these arguments, in a process that is confined as in an image.\n"
    "JSON is an object, {} if it is left out, or - for standard input.  Without\n"
    "--plugin the tool is looked for in the tool registry.  Exit code: 0, or 1 if the\n"
    "tool failed.";

/* The text of the arguments, which the caller frees; NULL after having said why not. */
static char *read_arguments(const struct hr_plugin_options *o, const char *word)
{
    enum { ARGUMENTS_MAX = HR_FRAME_MAX - sizeof(struct hr_frame_call) };
    struct hr_buf b;
    char chunk[4096];
    size_t n = 0;
    char *copy = NULL;
    bool from_input = word && strcmp(word, "-") == 0;
    hr_buf_init(&b, ARGUMENTS_MAX);
    int err = from_input ? 0 : hr_buf_adds(&b, word ? word : "{}");
    while (from_input && !err && (n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
        err = hr_buf_add(&b, chunk, n);
    bool whole = strlen(hr_buf_str(&b)) == b.len;
    if (!err && whole)
        copy = strdup(hr_buf_str(&b));
    hr_buf_free(&b);
    if (!err && !whole)
        (void)fprintf(stderr,
                      "handrail plugin %s: the arguments hold a NUL byte, which JSON text has "
                      "none of: write it as \\u0000 in a string\n",
                      o->command);
    else if (err == -E2BIG)
        (void)fprintf(stderr, "handrail plugin %s: the arguments are larger than %d bytes\n",
                      o->command, ARGUMENTS_MAX);
    else if (!copy)
        (void)fprintf(stderr, "handrail plugin %s: no memory for the arguments\n", o->command);
    return copy;
}

int hr_call_accepted(const json_t *tool, const char *text, struct hr_buf *why)
{
    struct hr_schema *schema = NULL;
    json_error_t e;
    char wrong[512] = "no memory";
    json_t *args = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    int err = json_is_object(args) ? 0 : -EINVAL;
    if (err) {
        (void)hr_buf_adds(why, "the arguments are no JSON object: ");
        (void)hr_buf_adds(why, args ? text : e.text);
    } else if (hr_schema_compile(json_object_get(tool, "inputSchema"), NULL, &schema, wrong,
                                 sizeof(wrong))) {
        err = -EINVAL;
        (void)hr_buf_adds(why, "the arguments cannot be checked, for the tool's input schema: ");
        (void)hr_buf_adds(why, wrong);
    } else {
        (void)hr_buf_adds(why, "the arguments are not what it accepts:\n");
        err = hr_schema_validate(schema, args, why) ? -EINVAL : 0;
    }
    hr_schema_free(schema);
    json_decref(args);
    return err;
}

int hr_call_validate(const char *command, const json_t *tool, const char *text)
{
    struct hr_buf why;
    hr_buf_init(&why, 65536);
    int err = hr_call_accepted(tool, text, &why);
    if (err)
        (void)fprintf(stderr, "handrail plugin %s: %s\n", command, hr_buf_str(&why));
    hr_buf_free(&why);
    return err ? 1 : 0;
}

static const char *kind_of(const struct hr_frame_part *part)
{
    switch ((enum hr_part_kind)part->kind) {
    case HR_PART_TEXT: return "text";
    case HR_PART_BLOB: return "blob";
    case HR_PART_JSON: return "structured";
    case HR_PART_ERROR: return "error";
    case HR_PART_RESOURCE: return "resource";
    }
    return "unknown";
}

/* What cannot be shown in a terminal is described. */
static void print_part(const struct hr_frame_part *part, const char *data)
{
    switch ((enum hr_part_kind)part->kind) {
    case HR_PART_TEXT:
    case HR_PART_JSON:
        hr_text_print_lines(stdout, data, part->len);
        if (!part->len || data[part->len - 1] != '\n')
            (void)putchar('\n');
        return;
    case HR_PART_ERROR: return; /* on standard error, with the status */
    case HR_PART_BLOB:
    case HR_PART_RESOURCE:
        (void)printf("(%s ", kind_of(part));
        hr_text_print_lines(stdout, data, strnlen(data, part->len));
        (void)printf(", %u bytes)\n", part->len);
        return;
    }
}

static int print_result(const char *command, const struct hr_run_event *e)
{
    int32_t status = 0;
    struct hr_frame_part part;
    const char *data = NULL;
    const char *error = "it gave no reason";
    size_t error_len = strlen(error);
    size_t at = 0;
    memcpy(&status, e->payload, sizeof(status));
    const char *parts = e->payload + sizeof(status);
    size_t n = e->frame.len - sizeof(status);
    while (hr_part_next(parts, n, &at, &part, &data) == 1) {
        print_part(&part, data);
        if (part.kind == HR_PART_ERROR) {
            error = data;
            error_len = part.len;
        }
    }
    if (status >= 0)
        return 0;
    (void)fflush(stdout);
    (void)fprintf(stderr, "handrail plugin %s: the tool failed (%s): ", command,
                  hr_status_name(status));
    hr_text_print_lines(stderr, error, error_len);
    (void)fputc('\n', stderr);
    return 1;
}

/* What comes before the answer, on standard error. */
static void print_news(const struct hr_run_event *e)
{
    struct hr_frame_progress p;
    if (e->frame.type == HR_FRAME_PROGRESS && e->frame.len >= sizeof(p)) {
        memcpy(&p, e->payload, sizeof(p));
        (void)fprintf(stderr, "progress %g", p.done);
        if (p.total >= 0)
            (void)fprintf(stderr, " of %g", p.total);
        (void)fputs(" ", stderr);
        hr_text_print_lines(stderr, e->payload + sizeof(p), e->frame.len - sizeof(p));
        (void)fputc('\n', stderr);
    } else if (e->frame.type == HR_FRAME_TELL && e->frame.len >= sizeof(int32_t)) {
        (void)fputs("message ", stderr);
        hr_text_print_lines(stderr, e->payload + sizeof(int32_t), e->frame.len - sizeof(int32_t));
        (void)fputc('\n', stderr);
    }
}

uint32_t hr_call_timeout(const struct hr_plugin_options *o, const json_t *tool)
{
    enum { DEFAULT_MS = 60 * 1000 };
    json_int_t its = json_integer_value(json_object_get(tool, "timeoutMs"));
    if (o->timeout_ms)
        return (uint32_t)o->timeout_ms;
    return its > 0 ? (uint32_t)its : DEFAULT_MS;
}

static int call(const struct hr_plugin_options *o, struct hr_run *r, int tool, const char *args)
{
    enum { GRACE_MS = 10 * 1000 }; /* the toolhost answers at the deadline, and then gives up */
    struct hr_run_event e;
    uint64_t id = 0;
    uint32_t timeout = hr_call_timeout(o, json_array_get(r->tools, (size_t)tool));
    int rc = hr_run_call(r, 0, tool, args, strlen(args), timeout, &id);
    int64_t by = hr_now_ms() + timeout + GRACE_MS;
    while (rc >= 0 && (rc = hr_run_next(r, 0, by, &e)) == 1) {
        if (e.frame.type == HR_FRAME_RESULT && e.frame.len >= sizeof(int32_t))
            return print_result(o->command, &e);
        print_news(&e);
    }
    if (rc == 0) {
        (void)fprintf(stderr, "handrail plugin %s: no answer came\n", o->command);
        return 1;
    }
    char ending[HR_RUN_ENDING_MAX];
    hr_run_ending(r, ending, sizeof(ending));
    (void)fprintf(stderr, "handrail plugin %s: its process %s during the call\n", o->command,
                  ending);
    return 1;
}

static int start_and_call(const struct hr_plugin_options *o, const struct hr_target *t,
                          const char *args)
{
    const struct hr_run_options how = {.host_minor = -1, .pass_log = true};
    struct hr_run r;
    struct hr_why why = {{0}};
    if (hr_run_start(t, &how, &r, &why)) {
        (void)fprintf(stderr, "handrail plugin %s: %s: %s\n", o->command, t->path, why.text);
        return 1;
    }
    int code = 1;
    int tool = hr_run_tool(&r, o->words[0]);
    if (tool < 0)
        (void)fprintf(
            stderr,
            "handrail plugin %s: %s has no tool \"%s\": handrail plugin inspect lists them\n",
            o->command, t->id, o->words[0]);
    else if (hr_call_validate(o->command, json_array_get(r.tools, (size_t)tool), args) == 0)
        code = call(o, &r, tool, args);
    (void)hr_run_stop(&r);
    hr_run_free(&r);
    return code;
}

int hr_plugin_call(char **argv)
{
    struct hr_plugin_options o;
    struct hr_target t;
    int code =
        hr_plugin_options_parse(argv, HR_OPT_TARGET | HR_OPT_PLUGIN | HR_OPT_TIMEOUT, 2, usage, &o);
    if (code || o.help)
        return code;
    if (!o.words[0])
        return hr_plugin_usage(&o, "which tool?  See handrail plugin call --help");
    code = o.plugin ? hr_target_find(&o, o.plugin, &t) : hr_target_of_tool(&o, o.words[0], &t);
    if (code)
        return code;
    char *args = read_arguments(&o, o.words[1]);
    code = args ? start_and_call(&o, &t, args) : 1;
    free(args);
    hr_target_free(&t);
    return code;
}
