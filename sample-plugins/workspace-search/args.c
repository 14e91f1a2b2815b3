/* SPDX-License-Identifier: MIT */
#include "args.h"

#include "kit/place.h"
#include <string.h>

/* Limits and defaults stand in the descriptions, because many clients drop the keywords. */
const char ws_args_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"pattern\"],"
    "\"properties\":{"
    "\"pattern\":{\"type\":\"string\",\"minLength\":1,\"description\":"
    "\"What to search for, in each line by itself: a Perl-compatible regular expression (PCRE2), "
    "or literal text if fixed is true. At most 4096 bytes.\"},"
    "\"path\":{\"type\":\"string\",\"minLength\":1,\"description\":"
    "\"Folder or file to search, relative to the workspace root, such as src/lib. Default: the "
    "whole workspace. No '..', and symbolic links are not followed. .git is only searched if it "
    "is named here.\"},"
    "\"glob\":{\"type\":\"string\",\"minLength\":1,\"description\":"
    "\"Search only files whose name (without folders) matches this, such as *.py or test_*.c. "
    "Knows * ? and [a-z], no braces. Default: every file.\"},"
    "\"case_sensitive\":{\"type\":\"boolean\",\"default\":true,\"description\":"
    "\"false ignores case. Default: true.\"},"
    "\"fixed\":{\"type\":\"boolean\",\"default\":false,\"description\":"
    "\"true searches for the pattern as literal text. Default: false.\"},"
    "\"max_results\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":100,"
    "\"description\":\"Matching lines to answer at most, from 1 to 1000. Default: 100.\"}}}";

static bool refuse(const struct kit_call *c, const char *reason)
{
    kit_fail(c, HANDRAIL_E_INVALID, "%s", reason);
    return false;
}

static bool check_pattern(const struct kit_fields *f, struct ws_args *a)
{
    const json_t *v = json_object_get(f->object, "pattern");

    if (!v)
        return refuse(&f->call, "argument pattern is missing: give the text or regular expression "
                                "to search for");
    if (json_is_string(v) && json_string_length(v) == 0)
        return refuse(&f->call, "argument pattern is empty, which would match every line: give the "
                                "text or regular expression to search for");
    if (!kit_fields_string(f, "pattern", WS_PATTERN_MAX, &a->pattern))
        return false;
    if (a->fixed && strpbrk(a->pattern, "\r\n"))
        return refuse(&f->call, "argument pattern has a line break, but each line is searched by "
                                "itself: search for one of its lines");
    return true;
}

static bool check_glob(const struct kit_fields *f, struct ws_args *a)
{
    if (!kit_fields_string(f, "glob", WS_GLOB_MAX, &a->glob))
        return false;
    if (!a->glob)
        return true;
    while (strncmp(a->glob, "**/", 3) == 0) /* "at any depth", which is so anyway */
        a->glob += 3;
    if (strchr(a->glob, '/'))
        return refuse(&f->call, "argument glob matches file names without folders, such as *.c: "
                                "give the folder as path");
    if (strpbrk(a->glob, "{}"))
        return refuse(&f->call, "argument glob knows * ? and [a-z] but no braces: search once for "
                                "each ending, or leave glob out");
    if (a->glob[0] == '\0')
        a->glob = NULL;
    return true;
}

handrail_status ws_args_parse(const struct kit_call *c, const char *root, const char *text,
                              size_t len, struct ws_args *ret)
{
    static const char *const known[] = {"pattern", "path",        "glob", "case_sensitive",
                                        "fixed",   "max_results", NULL};
    struct kit_fields f = {.call = *c, .what = "argument"};

    *ret = (struct ws_args){.max_results = WS_RESULTS_DEFAULT, .case_sensitive = true, .path = "."};
    if (kit_fields_parse(&f, known, text, len) &&
        kit_fields_bool(&f, "case_sensitive", &ret->case_sensitive) &&
        kit_fields_bool(&f, "fixed", &ret->fixed) && check_pattern(&f, ret) &&
        kit_place_argument(&f, "path", root, ret->path) && check_glob(&f, ret) &&
        kit_fields_int(&f, "max_results", 1, WS_RESULTS_MAX, &ret->max_results)) {
        ret->json = f.object;
        return HANDRAIL_OK;
    }
    json_decref(f.object);
    return HANDRAIL_E_INVALID;
}

void ws_args_free(struct ws_args *a)
{
    json_decref(a->json);
    a->json = NULL;
}
