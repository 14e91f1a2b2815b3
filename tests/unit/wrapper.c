/* SPDX-License-Identifier: MIT
 * handrail.hpp, seen from the host: what a plugin in C++ answers to the C of the ABI. */
#include "check.h"
#include "fake_host.h"
#include "handrail/phase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const handrail_plugin *plugin;
static handrail_host host; /* all services */
static char resource[256];
static char told[256];

static handrail_status add_resource(const handrail_host *h, handrail_call *c, const char *uri,
                                    const char *mime, const void *data, size_t len)
{
    (void)h, (void)c;
    (void)snprintf(resource, sizeof(resource), "%s %s %.*s", uri, mime, (int)len,
                   (const char *)data);
    return HANDRAIL_OK;
}

static void tell(const handrail_host *h, handrail_call *c, handrail_log_level level,
                 const char *msg, size_t len)
{
    (void)h, (void)c;
    (void)snprintf(told, sizeof(told), "%d %.*s", level, (int)len, msg);
}

static int start(void **state)
{
    (void)state;
    plugin = fake_host_load(WRAPPER_PLUGIN);
    host = fake_host;
    host.add_resource = add_resource;
    host.tell = tell;
    return 0;
}

static void *create(const handrail_host *h, const char *config)
{
    void *self = NULL;
    handrail_call c;

    fake_call_init(&c);
    assert_int_equal(plugin->create(h, &c, config, strlen(config), &self), HANDRAIL_OK);
    assert_non_null(self);
    fake_call_free(&c);
    return self;
}

static void the_descriptor(void **state)
{
    (void)state;
    assert_int_equal(plugin->struct_size, sizeof(*plugin));
    assert_int_equal(plugin->built_minor, HANDRAIL_ABI_MINOR);
    assert_int_equal(plugin->needs_minor, 0);
    assert_string_equal(plugin->id, "wrapper");
    assert_string_equal(plugin->version, "1.2.3");
    assert_null(plugin->config_schema);
    assert_null(plugin->needs_extensions);
    assert_non_null(plugin->get_extension);
    const handrail_tool *tool = plugin->tools[0];
    assert_null(plugin->tools[1]);
    assert_int_equal(tool->struct_size, sizeof(*tool));
    assert_int_equal(tool->flags, HANDRAIL_TOOL_READ_ONLY);
    assert_string_equal(tool->name, "act");
    assert_string_equal(tool->title, "Act");
    assert_string_equal(tool->description, "Does what it is told.");
    assert_string_equal(tool->input_schema, "{\"type\": \"object\"}");
    assert_string_equal(tool->output_schema, "{\"type\": \"object\"}");
    assert_int_equal(tool->max_concurrency, 2);
    assert_int_equal(tool->timeout_ms, 3);
}

static void creating_and_destroying(void **state)
{
    static const struct {
        const char *config, *reason;
        handrail_status status;
    } cases[] = {
        {"error", "not now", HANDRAIL_E_UNAVAILABLE},
        {"odd", "an exception that is no std::exception", HANDRAIL_E_FAILED},
    };
    char last[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *self = NULL;
        handrail_call c;
        fake_call_init(&c);
        assert_int_equal(plugin->create(&host, &c, cases[i].config, strlen(cases[i].config), &self),
                         cases[i].status);
        assert_null(self);
        assert_string_equal(c.error, cases[i].reason);
        fake_call_free(&c);
    }
    void *self = create(&host, "tell");
    assert_string_equal(told, "60 made");
    (void)fake_host_log_lines(last, sizeof(last));
    assert_string_equal(last, "made");
    plugin->destroy(self);
    (void)fake_host_log_lines(last, sizeof(last));
    assert_string_equal(last, "destroyed");
}

/* What comes of a call, seen from here. */
static void every_way_to_answer(void **state)
{
    static const struct {
        const char *what;
        handrail_status status;
        const char *text, *error;
        int completions;
        handrail_status completed;
    } cases[] = {
        {"text", HANDRAIL_OK, "text", "", 0, 0},
        {"json", HANDRAIL_OK, "", "", 0, 0},
        {"resource", HANDRAIL_OK, "", "", 0, 0},
        {"tell", HANDRAIL_OK, "", "", 0, 0},
        {"throw error", HANDRAIL_E_DENIED, "", "not yours", 0, 0},
        {"throw success", HANDRAIL_E_FAILED, "", "no failure", 0, 0},
        {"throw memory", HANDRAIL_E_NOMEM, "", "", 0, 0},
        {"throw odd", HANDRAIL_E_FAILED, "", "an exception that is no std::exception", 0, 0},
        {"pending without", HANDRAIL_E_FAILED, "", "it answered HANDRAIL_PENDING without defer()",
         0, 0},
        {"defer and drop", HANDRAIL_PENDING, "", "the plugin dropped the request unanswered", 1,
         HANDRAIL_E_FAILED},
        {"defer and fail", HANDRAIL_PENDING, "", "the plugin dropped the request unanswered", 1,
         HANDRAIL_E_FAILED},
        {"defer and throw", HANDRAIL_PENDING, "", "the plugin dropped the request unanswered", 1,
         HANDRAIL_E_FAILED},
        {"defer twice", HANDRAIL_PENDING, "", "the plugin dropped the request unanswered", 1,
         HANDRAIL_E_FAILED},
        {"defer and finish", HANDRAIL_PENDING, "later", "", 1, HANDRAIL_OK},
    };
    void *self = create(&host, "");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        fake_call_init(&c);
        handrail_status status = fake_host_invoke(plugin, self, "act", &c, cases[i].what);
        if (status != cases[i].status || c.completions != cases[i].completions ||
            c.completed != cases[i].completed || strcmp(c.text, cases[i].text) != 0 ||
            strcmp(c.error, cases[i].error) != 0)
            fail_msg("%s: %d, completed %d times, %d, text \"%s\", error \"%s\"", cases[i].what,
                     status, c.completions, c.completed, c.text, c.error);
        fake_call_free(&c);
    }
    assert_string_equal(resource, "report://1 text/plain body");
    assert_string_equal(told, "40 listen");
    plugin->destroy(self);
}

static void a_standard_exception_gives_its_reason(void **state)
{
    void *self = create(&host, "");
    handrail_call c;

    (void)state;
    fake_call_init(&c);
    assert_int_equal(fake_host_invoke(plugin, self, "act", &c, "throw standard"),
                     HANDRAIL_E_FAILED);
    assert_true(strlen(c.error) > 0); /* the library's own words */
    fake_call_free(&c);
    plugin->destroy(self);
}

static void the_state_of_a_call(void **state)
{
    void *self = create(&host, "");
    handrail_call c;

    (void)state;
    fake_call_init(&c);
    c.cancel = true;
    assert_int_equal(fake_host_invoke(plugin, self, "act", &c, "state"), HANDRAIL_OK);
    assert_int_equal(c.blobs, 1);
    fake_call_free(&c);
    plugin->destroy(self);
}

static void health_and_cancel(void **state)
{
    void *self = create(&host, "");
    handrail_call c, other;
    char last[64];

    (void)state;
    fake_call_init(&c);
    fake_call_init(&other);
    assert_int_equal(plugin->health(self, &other), HANDRAIL_E_UNAVAILABLE);
    assert_string_equal(other.text, "well enough");
    assert_int_equal(fake_host_invoke(plugin, self, "act", &c, "defer and park"), HANDRAIL_PENDING);
    assert_int_equal(c.completions, 0);
    plugin->cancel(self, &other);
    (void)fake_host_log_lines(last, sizeof(last));
    assert_string_equal(last, "an exception left cancel()");
    assert_int_equal(c.completions, 0);
    plugin->cancel(self, &c);
    assert_int_equal(c.completions, 1);
    assert_int_equal(c.completed, HANDRAIL_E_CANCELLED);
    fake_call_free(&c);
    fake_call_free(&other);
    plugin->destroy(self);
}

static void phases(void **state)
{
    static const struct {
        const char *phase;
        handrail_status status;
        const char *error;
    } cases[] = {
        {"claimed", HANDRAIL_OK, ""},
        {"failed", HANDRAIL_E_UNAVAILABLE, "no more"},
        {"stopped", HANDRAIL_E_FAILED, "an exception that is no std::exception"},
    };
    char last[64];
    void *self = create(&host, "");

    (void)state;
    assert_null(plugin->get_extension(self, "handrail.phase/2"));
    const handrail_phase_listener *l = plugin->get_extension(self, HANDRAIL_PHASE);
    assert_non_null(l);
    assert_ptr_equal(plugin->get_extension(self, HANDRAIL_PHASE), l);
    assert_int_equal(l->struct_size, sizeof(*l));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        fake_call_init(&c);
        assert_int_equal(l->on_phase(self, &c, cases[i].phase, "{\"a\":1} and more", 7),
                         cases[i].status);
        assert_string_equal(c.error, cases[i].error);
        fake_call_free(&c);
    }
    (void)fake_host_log_lines(last, sizeof(last));
    assert_string_equal(last, "claimed {\"a\":1}");
    plugin->destroy(self);
}

static size_t present(const handrail_host *h, char *json, size_t size)
{
    static const char event[] = "{\"phase\":\"warm\"}";
    (void)h;
    if (json && size >= sizeof(event))
        memcpy(json, event, sizeof(event));
    return sizeof(event) - 1;
}

static const void *has_phases(const handrail_host *h, const char *id)
{
    static const handrail_phase_source source = {.struct_size = sizeof(source), .present = present};
    (void)h;
    return strcmp(id, HANDRAIL_PHASE) == 0 ? &source : NULL;
}

/* What the host says of it, and what comes of a host that knows nothing of phases. */
static void the_present_phase(void **state)
{
    handrail_host knows = host;

    (void)state;
    knows.get_extension = has_phases;
    for (int i = 0; i < 2; i++) {
        void *self = create(i ? &knows : &host, "");
        handrail_call c;
        fake_call_init(&c);
        assert_int_equal(fake_host_invoke(plugin, self, "act", &c, "phase"), HANDRAIL_OK);
        assert_string_equal(c.text, i ? "{\"phase\":\"warm\"}" : "");
        fake_call_free(&c);
        plugin->destroy(self);
    }
}

static void a_deferred_that_is_replaced(void **state)
{
    void *self = create(&host, "");
    handrail_call first, second;

    (void)state;
    fake_call_init(&first);
    fake_call_init(&second);
    assert_int_equal(fake_host_invoke(plugin, self, "act", &first, "defer and park"),
                     HANDRAIL_PENDING);
    assert_int_equal(fake_host_invoke(plugin, self, "act", &second, "defer and park"),
                     HANDRAIL_PENDING);
    assert_int_equal(first.completions, 1);
    assert_int_equal(first.completed, HANDRAIL_E_FAILED);
    assert_string_equal(first.error, "the plugin dropped the request unanswered");
    assert_int_equal(second.completions, 0);
    plugin->cancel(self, &second);
    assert_int_equal(second.completions, 1);
    fake_call_free(&first);
    fake_call_free(&second);
    plugin->destroy(self);
}

static void a_host_of_minor_0(void **state)
{
    handrail_host old = host;
    handrail_call c;

    (void)state;
    old.struct_size = offsetof(handrail_host, add_resource);
    old.abi_minor = 0;
    told[0] = '\0';
    void *self = create(&old, "tell");
    fake_call_init(&c);
    assert_int_equal(fake_host_invoke(plugin, self, "act", &c, "resource"), HANDRAIL_E_UNSUPPORTED);
    assert_int_equal(fake_host_invoke(plugin, self, "act", &c, "tell"), HANDRAIL_OK);
    assert_string_equal(told, "");
    fake_call_free(&c);
    plugin->destroy(self);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(the_descriptor),
        cmocka_unit_test(creating_and_destroying),
        cmocka_unit_test(every_way_to_answer),
        cmocka_unit_test(a_standard_exception_gives_its_reason),
        cmocka_unit_test(the_state_of_a_call),
        cmocka_unit_test(health_and_cancel),
        cmocka_unit_test(phases),
        cmocka_unit_test(the_present_phase),
        cmocka_unit_test(a_deferred_that_is_replaced),
        cmocka_unit_test(a_host_of_minor_0),
    };

    return cmocka_run_group_tests_name("wrapper", all, start, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
