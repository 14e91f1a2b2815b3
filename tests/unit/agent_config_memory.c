/* SPDX-License-Identifier: MIT
 * Every allocation of reading the two files fails in turn: nothing breaks and nothing is lost, and
 * what is wrong is refused.  The allocator is wrapped by the linker, jansson's with it.  (That what
 * is right is taken cannot be asked: jansson's parser loses characters, silently, when its buffer
 * cannot grow.) */
#include "check.h"
#include "common/log.h"
#include "failing_memory.h"
#include "loader/config/agent_config.h"
#include "loader/config/registry.h"
#include "loader/config/settings.h"

#include <stdlib.h>
#include <string.h>

static const char agent_text[] =
    "{\"agent\":{\"module\":\"/x/b.so\"},\"tools\":[{\"name\":\"t\",\"module\":\"m\"}],"
    "\"environment\":{\"MINE\":\"value\"},\"handrail\":{\"grace\":3,\"check\":[\"disk:free=5%\"],"
    "\"crash-dir\":\"/c\"}}";
static const char registry_text[] = "{\"plugins\":[{\"id\":\"a\",\"path\":\"/a.so\",\"config\":{"
                                    "\"k\":1},\"confinement\":{\"read\":[\"/r\"]}}]}";

static int read_all(const char *agent, const char *registry)
{
    static struct hr_config c;
    c = (struct hr_config){0};
    hr_settings_default(&c);
    int code = hr_agent_config_parse("a", agent, strlen(agent), &c);
    if (!code)
        code = hr_registry_parse("r", registry, strlen(registry), &c);
    if (!code)
        code = hr_agent_config_native(&c);
    if (!code)
        code = hr_agent_config_apply(&c);
    hr_config_free(&c);
    (void)unsetenv("MINE");
    (void)unsetenv("CUSTOM_AGENT_MODULE");
    return code;
}

static void what_is_right(void **state)
{
    long n = 1;
    (void)state;
    for (int left = 1; left; n++) {
        fail_allocation(n);
        (void)read_all(agent_text, registry_text);
        left = allocation_has_failed();
    }
    assert_true(n > 50);
    assert_int_equal(read_all(agent_text, registry_text), 0);
}

static void what_is_wrong(void **state)
{
    (void)state;
    for (int left = 1, n = 1; left; n++) {
        fail_allocation(n);
        int code = read_all("{\"handrail\":{\"grace\":-1}}", registry_text);
        left = allocation_has_failed();
        assert_int_equal(code, 78);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right),
        cmocka_unit_test(what_is_wrong),
    };
    hr_log_init("test", HR_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
