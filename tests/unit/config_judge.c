/* SPDX-License-Identifier: MIT
 * What our loader, and our validator with the schema, say to a configuration file.
 *
 *   config_judge AGENT_CONFIG_SCHEMA TOOL_REGISTRY_SCHEMA
 *
 * Each line of standard input is {"kind": 0 or 1, "text": "the file"}; each of standard output
 * {"loader": exit code, "said": ["line", ...], "schema": 0 or -errno, "why": "..."}. */
#include "common/buf.h"
#include "common/log.h"
#include "common/schema/schema.h"
#include "loader/config/agent_config.h"
#include "loader/config/registry.h"
#include "loader/config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *said;

static bool hear(const char *line, size_t n)
{
    return json_array_append_new(said, json_stringn(line, n)) == 0;
}

static int ask_loader(json_int_t kind, const char *text)
{
    static struct hr_config c;
    c = (struct hr_config){0};
    hr_settings_default(&c);
    int code = kind ? hr_registry_parse("FILE", text, strlen(text), &c)
                    : hr_agent_config_parse("FILE", text, strlen(text), &c);
    hr_config_free(&c);
    return code;
}

static struct hr_schema *compile(const char *path)
{
    char why[512];
    struct hr_schema *s = NULL;
    json_error_t e;
    json_t *json = json_load_file(path, 0, &e);
    if (!json || hr_schema_compile(json, NULL, &s, why, sizeof(why))) {
        (void)fprintf(stderr, "%s: %s\n", path, json ? why : e.text);
        exit(1);
    }
    json_decref(json);
    return s;
}

static void judge(struct hr_schema *const schemas[2], const char *line)
{
    struct hr_buf why;
    json_error_t e;
    json_t *asked = json_loads(line, JSON_ALLOW_NUL, &e);
    json_int_t kind = json_integer_value(json_object_get(asked, "kind"));
    const char *text = json_string_value(json_object_get(asked, "text"));
    json_t *instance = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e) : NULL;
    hr_buf_init(&why, 8192);
    if (!instance) {
        (void)fprintf(stderr, "not a question: %s", line);
        exit(1);
    }
    said = json_array();
    int code = ask_loader(kind, text);
    int err = hr_schema_validate(schemas[kind], instance, &why);
    json_t *answer = json_pack("{s:i, s:o, s:i, s:s}", "loader", code, "said", said, "schema", err,
                               "why", hr_buf_str(&why));
    (void)json_dumpf(answer, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(answer);
    json_decref(instance);
    json_decref(asked);
    hr_buf_free(&why);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: config_judge AGENT_CONFIG_SCHEMA TOOL_REGISTRY_SCHEMA\n");
        return 64;
    }
    struct hr_schema *const schemas[2] = {compile(argv[1]), compile(argv[2])};
    hr_log_init("judge", HR_LOG_ERROR);
    hr_log_divert(hear);
    while (getline(&line, &room, stdin) > 0)
        judge(schemas, line);
    free(line);
    hr_schema_free(schemas[0]);
    hr_schema_free(schemas[1]);
    return 0;
}
