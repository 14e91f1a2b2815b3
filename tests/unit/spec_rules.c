/* SPDX-License-Identifier: MIT
 * Every rule of a specification: a change of a good one that breaks it, and one that nearly does.
 * The rules of YAML itself: spec_yaml.c; those of images and containers: spec_hold.c. */
#include "check.h"
#include "spec_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char object[] = "apiVersion: openhands.ai/v1\n"
                             "kind: SandboxSpec\n"
                             "metadata:\n"
                             "  name: specialized-ml-agent\n"
                             "  version: \"1.0.0\"\n"
                             "  owner: user@company.com\n"
                             "  permissions:\n"
                             "    users: [\"user@company.com\", \"lead@company.com\"]\n"
                             "    groups: [\"ml-team\", \"data-science\"]\n"
                             "spec:\n"
                             "  image: \"myregistry/specialized-ml-agent:v1.0.0\"\n"
                             "  description: \"ML agent with TensorFlow\"\n"
                             "  agent:\n"
                             "    capabilities:\n"
                             "      - machine_learning\n"
                             "      - data_analysis\n"
                             "    type: \"custom\"\n"
                             "    module: \"agents.specialized_ml_agent\"\n"
                             "    class: \"SpecializedMLAgent\"\n"
                             "  requirements:\n"
                             "    memory: \"4Gi\"\n"
                             "    cpu: \"2\"\n"
                             "    storage: 10G\n"
                             "  environment:\n"
                             "    TENSORFLOW_VERSION: \"2.15.0\"\n"
                             "    CUSTOM_AGENT_MODULE: \"agents.specialized_ml_agent\"\n"
                             "    CUSTOM_AGENT_CLASS: \"SpecializedMLAgent\"\n"
                             "    OH_ENABLE_VSCODE: \"true\"\n"
                             "    OH_VSCODE_PORT: \"60001\"\n"
                             "  ports:\n"
                             "    - name: agent-server\n"
                             "      port: 8000\n"
                             "    - name: tensorboard\n"
                             "      port: 6006\n";

static const char flat[] = "id: myregistry/ml-agent@sha256:"
                           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
                           "command: [--port, \"8000\"]\n"
                           "initial_env: {LOG_JSON: \"true\"}\n"
                           "working_dir: /workspace/project\n"
                           "name: ML agent\n"
                           "version: 1.0.0\n"
                           "description: null\n"
                           "agent:\n"
                           "  type: custom\n"
                           "  capabilities: []\n"
                           "  module: agents.ml\n"
                           "  class_name: MLAgent\n"
                           "permissions:\n"
                           "  users: []\n"
                           "  groups: [ml-team]\n"
                           "  owner: user@company.com\n"
                           "memory_limit: 4Gi\n"
                           "cpu_limit: 500m\n"
                           "ports:\n"
                           "  - {name: agent-server, port: 8000}\n";

/* from -> broken: exactly the rule is found; from -> near: nothing is. */
static const struct {
    const char *rule;
    const char *base;
    const char *from, *broken, *near;
} cases[] = {
    {"yaml-not-text", object, "\"2\"", "2", "'2'"},
    {"yaml-not-text", object, "\"1.0.0\"", "1.0", "1.0.0"},
    {"yaml-not-text", object, "\"2.15.0\"", "2.15", "2.15.0"},
    {"yaml-not-text", object, "\"true\"", "yes", "'1'"},
    {"yaml-not-text", object, "\"2.15.0\"", "012", "x012"},
    {"yaml-not-text", object, "\"2.15.0\"", "1_000", "a1_000"},
    {"yaml-not-text", object, "\"2.15.0\"", "12:30", "\"12:30\""},
    {"yaml-not-text", object, "\"2.15.0\"", "2026-11-27", "2026-11"},
    {"yaml-not-text", object, "\"2.15.0\"", "", "\"\""},
    {"yaml-not-text", object, "\"2.15.0\"", "~", "~x"},
    {"yaml-not-text", object, "\"2.15.0\"", ".inf", "inf"},
    {"yaml-not-text", object, "\"2.15.0\"", "0o17", "0x"},
    {"yaml-not-text", object, "\"2.15.0\"", "=", "=="},
    {"yaml-not-text", object, "\"4Gi\"", "1e9", "\"1e9\""},
    {"yaml-not-text", object, "    - machine_learning", "    - yes", "    - yes_no"},
    {"yaml-not-text", object, "name: tensorboard", "name: 1", "name: a1"},
    {"yaml-not-text", flat, "[--port, \"8000\"]", "[--port, 8000]", "[--port, '8000']"},
    {"yaml-not-text", flat,
     "custom\n  capabilities: []\n  module: agents.ml\n  class_name: MLAgent\n", "~\n",
     "'default'\n"},
    {"yaml-not-text", flat, "/workspace/project", "null", "/null"},
    {"yaml-not-text", flat, "name: ML agent", "name: null", "name: 'null'"},
    {"spec-type", object, "\"ML agent with TensorFlow\"", "[a]", "a"},
    {"spec-type", object, "\"ML agent with TensorFlow\"", "{a: b}", "~"},
    {"spec-type", object, "[\"ml-team\", \"data-science\"]", "ml-team", "[ml-team]"},
    {"spec-type", object, "[\"ml-team\", \"data-science\"]", "[[x]]", "[]"},
    {"spec-type", object, "[\"ml-team\", \"data-science\"]", "", "[x]"},
    {"spec-type", object, "    - name: tensorboard\n      port: 6006", "    - 6006",
     "    - {name: a, port: 6006}"},
    {"spec-type", object, "    memory: \"4Gi\"\n    cpu: \"2\"\n    storage: 10G", "    - 4Gi",
     "    cpu: 500m"},
    {"spec-type", flat, "{LOG_JSON: \"true\"}", "[LOG_JSON=true]", "{}"},
    {"spec-kind", object, "openhands.ai/v1", "v1", "\"openhands.ai/v1\""},
    {"spec-kind", object, "SandboxSpec", "SandboxTemplate", "'SandboxSpec'"},
    {"spec-unknown-key", object, "  image:", "  imagePullPolicy: Always\n  image:", "  image:"},
    {"spec-unknown-key", object, "kind:", "status: {}\nkind:", "kind:"},
    {"spec-unknown-key", object, "    storage:", "    gpu:", "    storage:"},
    {"spec-unknown-key", object, "      port: 6006", "      port: 6006\n      protocol: TCP",
     "      port: 6006"},
    {"spec-unknown-key", flat, "working_dir:", "work_dir:", "working_dir:"},
    {"spec-missing", object, "  name: specialized-ml-agent\n", "", "  name: a\n"},
    {"spec-missing", object, "kind: SandboxSpec\n", "", "kind: SandboxSpec\n"},
    {"spec-missing", object, "    - name: tensorboard\n      port", "    - port",
     "    - name: t\n      port"},
    {"spec-missing", object, "\n      port: 6006", "", "\n      port: 6007"},
    {"spec-missing", flat, "version: 1.0.0\n", "", "version: 1.0.1\n"},
    {"spec-name", object, "specialized-ml-agent\n", "Specialized\n", "special.ized-9\n"},
    {"spec-name", object, "specialized-ml-agent\n", "ml_agent\n", "ml-agent\n"},
    {"spec-name", object, "specialized-ml-agent\n", "agent-\n", "agent\n"},
    {"spec-name", object, "specialized-ml-agent\n",
     "a123456789012345678901234567890123456789012345678901234567890123\n",
     "a12345678901234567890123456789012345678901234567890123456789012\n"},
    {"spec-name", object, "\"ml-team\"", "\" \"", "\"ml team\""},
    {"spec-name", flat, "ML agent", "ML:agent", "ML-agent, the 2nd"},
    {"spec-version", object, "\"1.0.0\"", "v1.0.0", "1.0.0-alpha.1+build.5"},
    {"spec-version", object, "\"1.0.0\"", "\"1.0\"", "0.0.0"},
    {"spec-version", object, "\"1.0.0\"", "1.0.0-01", "1.0.0-0a"},
    {"spec-version", object, "\"1.0.0\"", "01.0.0", "10.0.0"},
    {"spec-owner-missing", object, "  owner: user@company.com\n", "",
     "  owner: user@company.com\n"},
    {"spec-owner-missing", flat, "owner: user@company.com", "owner: null",
     "owner: user@company.com"},
    {"spec-mail", object, "owner: user@company.com", "owner: ml-team", "owner: a+b@c"},
    {"spec-mail", object, "[\"user@company.com\"", "[\"@company.com\"", "[\"x@company.com\""},
    {"spec-repeated", object, "data_analysis", "machine_learning", "machine_learning2"},
    {"spec-repeated", object, "\"data-science\"", "ml-team", "ML-team"},
    {"spec-image", object, "\"myregistry/specialized-ml-agent:v1.0.0\"", "\"My/agent:1\"",
     "\"my/agent:1\""},
    {"spec-image", object, "\"myregistry/specialized-ml-agent:v1.0.0\"", "\"a b:1\"",
     "registry.example.com:5000/a-b.c/x:1"},
    {"spec-image", object, "\"myregistry/specialized-ml-agent:v1.0.0\"", "\"a:1:2\"", "\"a:1\""},
    {"spec-image", object, "\"myregistry/specialized-ml-agent:v1.0.0\"", "\"a:1@sha256:12\"",
     "\"a:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""},
    {"spec-image", object, "\"myregistry/specialized-ml-agent:v1.0.0\"",
     "\"a:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\"", "\"a:1\""},
    {"spec-image-latest", object, "ml-agent:v1.0.0", "ml-agent:latest", "ml-agent:latest2"},
    {"spec-image-latest", object, "ml-agent:v1.0.0", "ml-agent", "ml-agent:1"},
    {"spec-image-latest", object, "\"myregistry/specialized-ml-agent:v1.0.0\"",
     "registry.example.com:5000/agent", "registry.example.com:5000/agent:5000"},
    {"spec-capability", object, "data_analysis", "data analysis", "data-analysis2"},
    {"spec-capability", object, "data_analysis", "DataAnalysis", "d"},
    {"spec-agent-type", object, "type: \"custom\"", "type: Custom", "type: custom"},
    {"spec-agent-incomplete", object, "    class: \"SpecializedMLAgent\"\n", "",
     "    class: SpecializedMLAgent\n"},
    {"spec-agent-incomplete", flat, "  module: agents.ml\n  class_name: MLAgent\n", "",
     "  module: a\n  class_name: A\n"},
    {"spec-agent-ignored", object, "    type: \"custom\"\n", "", "    type: custom\n"},
    {"spec-agent-ignored", flat, "  type: custom\n", "  type: default\n", "  type: custom\n"},
    {"spec-agent-name", flat, "agents.ml", "agents.ml.", "agents.ml_2"},
    {"spec-agent-name", flat, "agents.ml", "agents/ml.py", "/app/agents/ml.so"},
    {"spec-agent-name", flat, "agents.ml", "2agents", "native:2.agents"},
    {"spec-agent-name", flat, "MLAgent", "ml.MLAgent", "ML_Agent2"},
    {"spec-quantity", object, "\"4Gi\"", "4GiB", "4Gi"},
    {"spec-quantity", object, "\"4Gi\"", "4gi", "\"4.5Gi\""},
    {"spec-quantity", object, "\"4Gi\"", "4GB", "4G"},
    {"spec-quantity", object, "\"2\"", "\"0\"", "\"0.5\""},
    {"spec-quantity", object, "\"2\"", "\"-1\"", "\"1e1\""},
    {"spec-quantity", object, "10G", "ten", "10000M"},
    {"spec-quantity-odd", object, "\"4Gi\"", "\"4\"", "4096Mi"},
    {"spec-quantity-odd", object, "\"4Gi\"", "512m", "512M"},
    {"spec-quantity-odd", object, "\"2\"", "4Gi", "\"4\""},
    {"spec-quantity-odd", object, "\"2\"", "2m", "20m"},
    {"spec-working-dir", flat, "/workspace/project", "workspace", "/"},
    {"spec-port", object, "6006", "\"6006\"", "6007"},
    {"spec-port", object, "6006", "0", "1"},
    {"spec-port", object, "6006", "65536", "65535"},
    {"spec-port", object, "6006", "6_006", "5006"},
    {"spec-port", object, "6006", "06006", "16006"},
    {"spec-port", object, "6006", "22:22", "2222"},
    {"spec-port", object, "6006", "-1", "11"},
    {"spec-port", object, "6006", "6006.0", "6006 # .0"},
    {"spec-port", object, "6006", "[6006]", "6005"},
    {"spec-port", object, "6006", "", "6004"},
    {"spec-port", object, "6006", "100000000000000000000", "10000"},
    {"spec-port-name", object, "tensorboard", "TensorBoard", "tensor-board"},
    {"spec-port-name", object, "tensorboard", "tensor--board", "t-e-n"},
    {"spec-port-name", object, "tensorboard", "\"6006\"", "6006a"},
    {"spec-port-name", object, "tensorboard", "tensorboardboard", "tensorboardboar"},
    {"spec-port-name", object, "tensorboard", "board-", "board"},
    {"spec-port-twice", object, "6006", "8000", "8001"},
    {"spec-port-twice", object, "name: tensorboard", "name: agent-server", "name: agent-serve"},
    {"spec-port-reserved", object, "6006", "60001", "60002"},
    {"spec-port-reserved", object, "6006", "60000", "59999"},
    {"spec-port-reserved", object, "6006", "12000", "12002"},
    {"spec-port-reserved", object, "6006", "12001", "11999"},
    {"spec-port-reserved", object, "6006", "60010", "60009"},
    {"spec-port-reserved", object, "6006", "60011", "60012"},
    {"spec-port-reserved", object, "name: tensorboard\n      port: 6006",
     "name: vs\n      port: 60001", "name: vscode\n      port: 60001"},
    {"spec-port-reserved", object, "name: tensorboard\n      port: 6006",
     "name: handrail\n      port: 60011", "name: handrail\n      port: 60010"},
    {"spec-server-port", flat, "\"8000\"", "\"60000\"", "'8000'"},
    {"spec-server-port", flat, "[--port, \"8000\"]", "[--port=8001]", "[--port=8000]"},
    {"spec-env-name", object, "TENSORFLOW_VERSION:", "TENSORFLOW VERSION:", "_tensorflow-2.0:"},
    {"spec-env-name", object, "TENSORFLOW_VERSION:", "2TENSORFLOW:", "T2:"},
    {"spec-env-agent", object, "_CLASS: \"SpecializedMLAgent\"", "_CLASS: Other",
     "_CLASS: SpecializedMLAgent"},
    {"spec-env-agent", object, "_MODULE: \"agents.specialized_ml_agent\"", "_MODULE: agents",
     "_PATH: agents"},
    {"spec-env-fatal", object, "\"60001\"", "tcp://10.0.0.1:80", "\" 60001 \""},
    {"spec-env-fatal", object, "\"60001\"", "\"0\"", "\"1\""},
    {"spec-env-fatal", object, "TENSORFLOW_VERSION: \"2.15.0\"", "OH_ALLOW_CORS_ORIGINS: \"*\"",
     "OH_ALLOW_CORS_ORIGINS: '[\"*\"]'"},
    {"spec-env-misread", object, "\"true\"", "\"yes\"", "\"false\""},
    {"spec-env-misread", object, "\"true\"", "\"on\"", "\"TRUE\""},
    {"spec-env-secret", object, "TENSORFLOW_VERSION: \"2.15.0\"", "OPENAI_API_KEY: sk-1234",
     "OPENAI_API_KEY: ${OPENAI_API_KEY}"},
    {"spec-env-secret", object, "TENSORFLOW_VERSION:", "DB_PASSWORD:", "MAX_TOKENS:"},
    {"spec-env-secret", object, "\"2.15.0\"", "a/ghp_0123456789abcdefghijklmnopqrstuvwxyz",
     "a/ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

/* base with its first `from` replaced; the caller's. */
static char *changed(const char *base, const char *from, const char *to)
{
    char *text = malloc(strlen(base) + strlen(to) + 1);
    const char *at = strstr(base, from);
    if (!at)
        fail_msg("\"%s\" is not in the text", from);
    memcpy(text, base, (size_t)(at - base));
    (void)stpcpy(stpcpy(text + (at - base), to), at + strlen(from));
    return text;
}

/* False, after having said so: something else is found. */
static bool finds(const char *base, const char *from, const char *to, const char *rule,
                  size_t times)
{
    char *text = changed(base, from, to);
    json_t *found = spec_findings(text, strlen(text));
    bool good =
        json_array_size(found) == times && (!rule || spec_count(found, rule, 0, 0) == times);
    if (!good)
        print_error("%s -> %s: expected %zu x %s, got\n%s", from, to, times,
                    rule ? rule : "nothing", spec_lines(found));
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *f = json_array_get(found, i);
        bool whole = rule && strcmp(rule, "spec-owner-missing") == 0;
        assert_true(whole || json_integer_value(json_object_get(f, "column")) > 0);
    }
    json_decref(found);
    free(text);
    return good;
}

static void the_seeds_own_examples_are_good(void **state)
{
    (void)state;
    assert_true(finds(object, "kind", "kind", NULL, 0));
    assert_true(finds(flat, "name", "name", NULL, 0));
}

static void each_rule_finds_what_breaks_it_and_nothing_else(void **state)
{
    (void)state;
    size_t bad = 0;
    for (size_t i = 0; i < CASES; i++) {
        bad += !finds(cases[i].base, cases[i].from, cases[i].broken, cases[i].rule, 1);
        bad += !finds(cases[i].base, cases[i].from, cases[i].near, NULL, 0);
    }
    assert_int_equal(bad, 0);
}

static void no_rule_is_without_a_case(void **state)
{
    (void)state;
    for (size_t k = HR_SPEC_YAML_NOT_TEXT; k < HR_SPEC_HELD_AGENT; k++) {
        size_t n = 0;
        for (size_t i = 0; i < CASES; i++)
            n += strcmp(cases[i].rule, hr_spec_rules[k].id) == 0;
        if (!n)
            fail_msg("%s: no case breaks it", hr_spec_rules[k].id);
    }
}

/* A specification that is none of the two forms at all. */
static void other_files_are_refused_in_a_few_lines(void **state)
{
    (void)state;
    json_t *found = spec_findings("- a\n", 4);
    assert_string_equal(spec_lines(found), "1:1 spec-type : expected a map, got a list\n");
    json_decref(found);
    found = spec_findings("spec: {}\n", 9);
    if (spec_count(found, "spec-missing", 0, 0) != 5)
        fail_msg("%s", spec_lines(found));
    assert_string_equal(spec_lines(found), "1:1 spec-missing : apiVersion is missing\n"
                                           "1:1 spec-missing : kind is missing\n"
                                           "1:1 spec-missing : metadata/name is missing\n"
                                           "1:1 spec-missing : metadata/version is missing\n"
                                           "1:7 spec-missing /spec: image is missing\n"
                                           "0:0 spec-owner-missing : there is no owner\n");
    json_decref(found);
}

/* The kernel's limit is one of bytes. */
static void a_variable_fits_into_a_process(void **state)
{
    (void)state;
    enum { LIMIT = 128 * 1024 - 1, NAME = 2 /* "V=" */ };
    static char value[LIMIT + 1];
    for (int more = 0; more < 2; more++) {
        memset(value, 'v', sizeof(value));
        value[LIMIT - NAME + more] = '\0';
        char *text = changed(object, "TENSORFLOW_VERSION: \"2.15.0\"", "V: \"@@@\"");
        char *whole = changed(text, "@@@", value);
        json_t *found = spec_findings(whole, strlen(whole));
        assert_int_equal(spec_count(found, "spec-env-fatal", 0, 0), more);
        assert_int_equal(json_array_size(found), more);
        json_decref(found);
        free(whole);
        free(text);
    }
}

/* What is in a part of a wrong type is not missing too. */
static void one_mistake_is_said_once(void **state)
{
    (void)state;
    static const char text[] = "apiVersion: openhands.ai/v1\nkind: SandboxSpec\nmetadata: [x]\n"
                               "spec: {image: \"a:1\"}\n";
    json_t *found = spec_findings(text, sizeof(text) - 1);
    assert_string_equal(spec_lines(found), "3:11 spec-type /metadata: expected a map, got a list\n"
                                           "0:0 spec-owner-missing : there is no owner\n");
    json_decref(found);
}

static void places_and_pointers_are_those_of_the_value(void **state)
{
    (void)state;
    char *text = changed(object, "6006", "\"6006\"");
    json_t *found = spec_findings(text, strlen(text));
    assert_string_equal(spec_lines(found), "34:13 spec-port /spec/ports/1/port: expected a number "
                                           "from 1 to 65535, got \"6006\", which is text\n");
    json_decref(found);
    free(text);
    text = changed(object, "\"true\"", "no");
    found = spec_findings(text, strlen(text));
    assert_string_equal(spec_lines(found),
                        "28:23 yaml-not-text /spec/environment/OH_ENABLE_VSCODE: no is the boolean "
                        "false: write \"no\"\n");
    json_decref(found);
    free(text);
}

/* ---- the table of the README ----------------------------------------------------------------- */

static void the_readme_has_every_rule(void **state)
{
    (void)state;
    static const char *const severities[] = {"note", "warning", "error"};
    static char text[64 * 1024];
    FILE *in = fopen(HR_SPEC_README, "r");
    assert_non_null(in);
    assert_true(fread(text, 1, sizeof(text) - 1, in) > 0);
    (void)fclose(in);
    size_t rows = 0;
    for (const char *at = text; (at = strstr(at, "\n| `")); at++)
        rows++;
    assert_int_equal(rows, HR_SPEC_NRULES);
    for (size_t i = 0; i < HR_SPEC_NRULES; i++) {
        assert_non_null(hr_spec_rules[i].id);
        char row[512];
        (void)snprintf(row, sizeof(row), "\n| `%s` | %s | %s |", hr_spec_rules[i].id,
                       severities[hr_spec_rules[i].severity], hr_spec_rules[i].title);
        if (!strstr(text, row))
            fail_msg("the README lacks%s", row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeds_own_examples_are_good),
        cmocka_unit_test(each_rule_finds_what_breaks_it_and_nothing_else),
        cmocka_unit_test(no_rule_is_without_a_case),
        cmocka_unit_test(other_files_are_refused_in_a_few_lines),
        cmocka_unit_test(a_variable_fits_into_a_process),
        cmocka_unit_test(one_mistake_is_said_once),
        cmocka_unit_test(places_and_pointers_are_those_of_the_value),
        cmocka_unit_test(the_readme_has_every_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
