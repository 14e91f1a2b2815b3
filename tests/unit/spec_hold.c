/* SPDX-License-Identifier: MIT
 * A specification held against images and containers: what is known of them is given as data. */
#include "check.h"
#include "spec_help.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char spec[] = "id: agents/ml:1\n"
                           "name: ML agent\n"
                           "version: 1.0.0\n"
                           "working_dir: %s\n"
                           "initial_env: {LOG_JSON: \"true\", OPENAI_API_KEY: \"${KEY}\"}\n"
                           "agent:\n"
                           "  type: custom\n"
                           "  module: agents.ml\n"
                           "  class_name: MLAgent\n"
                           "  capabilities: [workspace-search, data_analysis]\n"
                           "permissions: {owner: a@b.c}\n"
                           "memory_limit: 4Gi\n"
                           "cpu_limit: \"1.5\"\n"
                           "ports: [{name: agent-server, port: 8000}, {name: web, port: 8080}]\n";

enum { ENV = 8 };

/* A place, and what it borrows. */
struct fixture {
    struct hr_spec_place p;
    char *env[ENV];
    const char *working_dir;
};

static char json_on[] = "LOG_JSON=true";
static char json_off[] = "LOG_JSON=1";
static char key[] = "OPENAI_API_KEY=sk-1";
static char module[] = "CUSTOM_AGENT_MODULE=agents.ml";
static char other_module[] = "CUSTOM_AGENT_MODULE=agents";
static char class[] = "CUSTOM_AGENT_CLASS=MLAgent";

/* A container in which everything is as it should be. */
static void good(struct fixture *f)
{
    *f = (struct fixture){.env = {json_on, key, module, class}, .working_dir = "/"};
    hr_spec_place_init(&f->p, true);
    f->p.env = f->env;
    f->p.version = "1.58.0";
    f->p.offered = json_pack("{s:b, s:b}", "workspace_search", 1, "data_analysis", 1);
    f->p.memory = (int64_t)4 << 30;
    f->p.millicores = 1500;
    f->p.uid = 10001;
    f->p.nlistening = 2;
    f->p.listening[0] = 60001;
    f->p.listening[1] = 8000;
}

static void another_module(struct fixture *f)
{
    f->env[2] = other_module;
}
static void another_module_in_an_image(struct fixture *f)
{
    f->env[2] = other_module;
    f->p.running = false;
}
static void no_class(struct fixture *f)
{
    f->env[3] = NULL;
}
static void no_class_in_an_image(struct fixture *f)
{
    f->env[3] = NULL;
    f->p.running = false;
}
static void old_server(struct fixture *f)
{
    f->p.version = "1.19.9";
}
static void first_server(struct fixture *f)
{
    f->p.version = "1.20.0";
}
static void another_value(struct fixture *f)
{
    f->env[0] = json_off;
}
static void no_value(struct fixture *f)
{
    f->env[0] = module;
}
static void another_value_in_an_image(struct fixture *f)
{
    f->env[0] = json_off;
    f->p.running = false;
}
static void less_memory(struct fixture *f)
{
    f->p.memory--;
}
static void more_memory(struct fixture *f)
{
    f->p.memory++;
}
static void less_processor(struct fixture *f)
{
    f->p.millicores--;
}
static void more_processor(struct fixture *f)
{
    f->p.millicores++;
}
static void no_folder(struct fixture *f)
{
    f->working_dir = "/no/such/folder";
}
static void no_folder_in_an_image(struct fixture *f)
{
    f->working_dir = "/no/such/folder";
    f->p.running = false;
}
static void as_root(struct fixture *f)
{
    f->p.uid = 0;
}
static void as_another(struct fixture *f)
{
    f->p.uid = 1;
}
static void nobody_listens(struct fixture *f)
{
    f->p.nlistening = 1;
}
static void another_order(struct fixture *f)
{
    f->p.listening[0] = 8000;
    f->p.nlistening = 1;
}
static void fewer_tools(struct fixture *f)
{
    json_object_del((json_t *)(uintptr_t)f->p.offered, "data_analysis");
}
static void more_tools(struct fixture *f)
{
    (void)json_object_set_new((json_t *)(uintptr_t)f->p.offered, "more", json_true());
}

static const struct {
    const char *rule;
    void (*broken)(struct fixture *f);
    void (*near)(struct fixture *f);
} cases[] = {
    {"held-agent", another_module, NULL},
    {"held-agent", another_module_in_an_image, no_class_in_an_image},
    {"held-agent", no_class, NULL},
    {"held-server", old_server, first_server},
    {"held-environment", another_value, another_value_in_an_image},
    {"held-environment", no_value, NULL},
    {"held-memory", less_memory, more_memory},
    {"held-cpu", less_processor, more_processor},
    {"held-working-dir", no_folder, no_folder_in_an_image},
    {"held-user", as_root, as_another},
    {"held-port", nobody_listens, another_order},
    {"held-capability", fewer_tools, more_tools},
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static json_t *hold(const struct fixture *f)
{
    char text[sizeof(spec) + 256];
    int n = snprintf(text, sizeof(text), spec, f->working_dir);
    json_t *found = spec_findings_at(text, (size_t)n, &f->p);
    json_decref((json_t *)(uintptr_t)f->p.offered);
    return found;
}

/* rule: found once, or, NULL, nothing is; the note on what cannot be known is always there. */
static void expect(void (*change)(struct fixture *f), const char *rule)
{
    struct fixture f;
    good(&f);
    if (geteuid() != 0 && access("/", W_OK) != 0)
        f.working_dir = "/tmp"; /* root may write anywhere */
    if (change)
        change(&f);
    json_t *found = hold(&f);
    if (spec_count(found, "not-held", 0, 0) != 1 || json_array_size(found) != 1 + (rule != NULL) ||
        (rule && spec_count(found, rule, 0, 0) != 1))
        fail_msg("expected %s, got\n%s", rule ? rule : "nothing", spec_lines(found));
    json_decref(found);
}

static void each_difference_is_found_and_nothing_else(void **state)
{
    (void)state;
    expect(NULL, NULL);
    for (size_t i = 0; i < CASES; i++) {
        expect(cases[i].broken, cases[i].rule);
        if (cases[i].near)
            expect(cases[i].near, NULL);
    }
}

static void no_rule_is_without_a_case(void **state)
{
    (void)state;
    for (size_t k = HR_SPEC_HELD_AGENT; k < HR_SPEC_NOT_HELD; k++) {
        size_t n = k == HR_SPEC_HELD_STORAGE; /* it has a test of its own */
        for (size_t i = 0; i < CASES; i++)
            n += strcmp(cases[i].rule, hr_spec_rules[k].id) == 0;
        if (!n)
            fail_msg("%s: no case breaks it", hr_spec_rules[k].id);
    }
}

static void storage_is_that_of_the_file_system(void **state)
{
    (void)state;
    static const char form[] = "apiVersion: openhands.ai/v1\nkind: SandboxSpec\n"
                               "metadata: {name: a, version: 1.0.0, owner: a@b.c}\n"
                               "spec: {image: \"a:1\", requirements: {storage: %s}}\n";
    char text[512];
    struct hr_spec_place p;
    hr_spec_place_init(&p, true);
    (void)snprintf(text, sizeof(text), form, "1Pi");
    json_t *found = spec_findings_at(text, strlen(text), &p);
    bool known = access("/workspace", F_OK) == 0; /* where the agent works by default */
    assert_int_equal(spec_count(found, "held-storage", 4, 0), known);
    json_decref(found);
    (void)snprintf(text, sizeof(text), form, "1Mi");
    found = spec_findings_at(text, strlen(text), &p);
    assert_int_equal(spec_count(found, "held-storage", 0, 0), 0);
    json_decref(found);
}

static void what_is_not_known_is_said(void **state)
{
    (void)state;
    char text[sizeof(spec) + 256];
    struct hr_spec_place p;
    hr_spec_place_init(&p, false);
    int n = snprintf(text, sizeof(text), spec, "/");
    json_t *found = spec_findings_at(text, (size_t)n, &p);
    assert_string_equal(spec_lines(found),
                        "0:0 not-held : only looked at for their form, since an image does not "
                        "tell them: owner and permissions, the image's name, the agent, "
                        "capabilities, the environment, memory, processors, the working folder, "
                        "ports\n");
    json_decref(found);
}

static void a_secret_is_not_shown(void **state)
{
    (void)state;
    struct fixture f;
    static char mine[] = "OPENAI_API_KEY=sk-mine";
    static const char text[] = "id: a:1\nname: a\nversion: 1.0.0\npermissions: {owner: a@b.c}\n"
                               "initial_env: {OPENAI_API_KEY: sk-yours}\n";
    good(&f);
    f.env[1] = mine;
    json_t *found = spec_findings_at(text, sizeof(text) - 1, &f.p);
    assert_int_equal(spec_count(found, "held-environment", 5, 0), 1);
    assert_null(strstr(spec_lines(found), "sk-"));
    json_decref(found);
    json_decref((json_t *)(uintptr_t)f.p.offered);
}

static void this_machine_can_be_looked_at(void **state)
{
    (void)state;
    struct hr_spec_place p;
    hr_spec_place_init(&p, true);
    hr_spec_look(&p);
    assert_true(p.memory > 0);
    assert_true(p.millicores > 0);
    assert_int_equal(p.uid, geteuid());
    assert_true(p.nlistening >= -1);
}

static void plugins_offer_their_tools(void **state)
{
    (void)state;
    static struct hr_config c;
    static char echo[] = HR_PLUGINS "/echo.so";
    static char none[] = "/no/such.so";
    c.nplugins = 2;
    (void)snprintf(c.plugins[0].id, sizeof(c.plugins[0].id), "my-echo");
    c.plugins[0].path = echo;
    (void)snprintf(c.plugins[1].id, sizeof(c.plugins[1].id), "com.example.Some-Thing");
    c.plugins[1].path = none;
    json_t *offered = hr_spec_offered(&c);
    static const char *const names[] = {"my_echo", "echo", "com_example_some_thing", "some_thing"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!json_object_get(offered, names[i]))
            fail_msg("%s is not offered", names[i]);
    json_decref(offered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_difference_is_found_and_nothing_else),
        cmocka_unit_test(no_rule_is_without_a_case),
        cmocka_unit_test(storage_is_that_of_the_file_system),
        cmocka_unit_test(what_is_not_known_is_said),
        cmocka_unit_test(a_secret_is_not_shown),
        cmocka_unit_test(this_machine_can_be_looked_at),
        cmocka_unit_test(plugins_offer_their_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
