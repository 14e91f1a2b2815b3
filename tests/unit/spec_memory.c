/* SPDX-License-Identifier: MIT
 * Every allocation fails in turn while a specification is checked.  The allocator is wrapped by the
 * linker: it counts those of this program, and of jansson and libyaml, which are linked statically.
 * What cannot be read for want of memory must not look as if it had been read, and be good. */
#include "check.h"
#include "failing_memory.h"
#include "spec_help.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char good[] = "id: &id agents/ml:1\n"
                           "name: ML agent\n"
                           "version: 1.0.0\n"
                           "agent: {type: custom, module: a.b, class_name: C, capabilities: [x]}\n"
                           "permissions: {owner: a@b.c, users: &all [a@b.c], groups: *id}\n"
                           "initial_env: {A: '1', OH_VSCODE_PORT: '60001'}\n"
                           "ports: [{name: agent-server, port: 8000}]\n";

/* Its one mistake, a group list that is a text, is found, or -ENOMEM is the answer.  The finding
 * itself may be lost, but it is counted. */
static void checking(void **state)
{
    (void)state;
    int err = -ENOMEM;
    long n = 1;
    long whole = 0;
    for (bool failed = true; failed; n++) {
        struct hr_report r;
        hr_report_init(&r, "check");
        fail_allocation(n);
        err = hr_spec_check("spec.yaml", good, sizeof(good) - 1, NULL, &r);
        failed = allocation_has_failed();
        if (err != -ENOMEM && (err || r.errors != 1))
            fail_msg("allocation %ld: %d, %zu errors", n, err, r.errors);
        whole += err == 0;
        hr_report_free(&r);
    }
    assert_int_equal(err, 0);
    assert_true(n > 100);
    assert_true(whole >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checking)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
