/* SPDX-License-Identifier: MIT
 * A shared object that is no plugin. */
int handrail_test_not_a_plugin(void);

__attribute__((visibility("default"))) int handrail_test_not_a_plugin(void)
{
    return 42;
}
