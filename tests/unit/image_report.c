/* SPDX-License-Identifier: MIT
 * Findings, printed in each format. */
#include "loader/image/report.h"

#include "check.h"

#include <errno.h>
#include <string.h>

static const struct hr_rule port_taken = {"port-taken", HR_FOUND_ERROR, "a port is taken",
                                          "Two servers cannot have one port.", "Use another."};
static const struct hr_rule unpinned = {"unpinned-base", HR_FOUND_WARNING, "no version",
                                        "It changes under you.", "Pin it."};

static char text[256 * 1024];

static const char *printed(const struct hr_report *r, int expected_code)
{
    memset(text, 0, sizeof(text));
    FILE *out = fmemopen(text, sizeof(text) - 1, "w");
    assert_non_null(out);
    assert_int_equal(hr_report_end(r, out), expected_code);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void fill(struct hr_report *r)
{
    hr_report_init(r, "lint");
    hr_report_add(r, &port_taken, &(struct hr_place){.file = "a b", .line = 3, .column = 7}, NULL,
                  "EXPOSE %d", 60000);
    hr_report_add(r, &unpinned, &(struct hr_place){.file = "/x.json", .pointer = "/tools/0"},
                  "Write :1.58.0.", "bad \xff byte, \033[31mred");
    hr_report_add(r, &unpinned, NULL, NULL, "nowhere");
}

static void text_is_for_people(void **state)
{
    (void)state;
    struct hr_report r;
    fill(&r);
    assert_string_equal(printed(&r, HR_REPORT_EXIT_FOUND),
                        "a b:3:7: error: EXPOSE 60000 [port-taken]\n"
                        "    fix: Use another.\n"
                        "/x.json: warning: /tools/0: bad \xef\xbf\xbd byte, ^[[31mred "
                        "[unpinned-base]\n"
                        "    fix: Write :1.58.0.\n"
                        "warning: nowhere [unpinned-base]\n"
                        "    fix: Pin it.\n"
                        "handrail lint: 1 error, 2 warnings\n");
    hr_report_free(&r);
}

static void json_holds_the_same(void **state)
{
    (void)state;
    struct hr_report r;
    fill(&r);
    assert_int_equal(hr_report_option(&r, "--format=json"), 1);
    json_t *all = json_loads(printed(&r, HR_REPORT_EXIT_FOUND), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(all);
    assert_int_equal(json_integer_value(json_object_get(all, "errors")), 1);
    assert_int_equal(json_integer_value(json_object_get(all, "warnings")), 2);
    const json_t *f = json_array_get(json_object_get(all, "findings"), 0);
    assert_string_equal(json_string_value(json_object_get(f, "rule")), "port-taken");
    assert_int_equal(json_integer_value(json_object_get(f, "column")), 7);
    json_decref(all);
    hr_report_free(&r);
}

static void sarif_has_results_with_places(void **state)
{
    (void)state;
    struct hr_report r;
    const char *rule = NULL, *level = NULL, *uri = NULL;
    int line = 0;
    fill(&r);
    assert_int_equal(hr_report_option(&r, "--format=sarif"), 1);
    json_t *all = json_loads(printed(&r, HR_REPORT_EXIT_FOUND), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(all);
    json_t *run = json_array_get(json_object_get(all, "runs"), 0);
    json_t *results = json_object_get(run, "results");
    assert_int_equal(json_array_size(results), 3);
    assert_int_equal(json_unpack(json_array_get(results, 0),
                                 "{s:s, s:s, s:[{s:{s:{s:s}, s:{s:i}}}]}", "ruleId", &rule, "level",
                                 &level, "locations", "physicalLocation", "artifactLocation", "uri",
                                 &uri, "region", "startLine", &line),
                     0);
    assert_string_equal(rule, "port-taken");
    assert_string_equal(level, "error");
    assert_string_equal(uri, "a%20b");
    assert_int_equal(line, 3);
    json_decref(all);
    hr_report_free(&r);
}

static void strict_makes_warnings_count(void **state)
{
    (void)state;
    struct hr_report r;
    hr_report_init(&r, "lint");
    (void)printed(&r, 0);
    hr_report_add(&r, &unpinned, NULL, NULL, "nowhere");
    (void)printed(&r, 0);
    assert_int_equal(hr_report_option(&r, "--strict"), 1);
    (void)printed(&r, HR_REPORT_EXIT_FOUND);
    assert_int_equal(hr_report_option(&r, "--format=xml"), -EINVAL);
    assert_int_equal(hr_report_option(&r, "--other"), 0);
    hr_report_free(&r);
}

static void more_than_fits_is_counted(void **state)
{
    (void)state;
    struct hr_report r;
    hr_report_init(&r, "lint");
    for (int i = 0; i < HR_FINDINGS_MAX + 5; i++)
        hr_report_add(&r, &port_taken, NULL, NULL, "%d", i);
    assert_int_equal(json_array_size(r.findings), HR_FINDINGS_MAX);
    assert_non_null(strstr(printed(&r, HR_REPORT_EXIT_FOUND),
                           "1005 errors, 0 warnings (5 of them not shown)\n"));
    hr_report_free(&r);
}

static void sorts_by_place(void **state)
{
    (void)state;
    static const uint32_t places[][2] = {{9, 1}, {2, 0}, {7, 3}, {7, 1}, {2, 0}};
    struct hr_report r;
    hr_report_init(&r, "lint");
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        hr_report_add(&r, &unpinned,
                      &(struct hr_place){.file = "f", .line = places[i][0], .column = places[i][1]},
                      "-", "%zu", i);
    hr_report_sort(&r, 1);
    const char *out = printed(&r, 0);
    for (const char *order = "01432"; *order; order++) {
        char message[] = {' ', *order, ' ', '\0'};
        const char *found = strstr(out, message);
        assert_non_null(found);
        out = found;
    }
    hr_report_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_by_place),
        cmocka_unit_test(text_is_for_people),
        cmocka_unit_test(json_holds_the_same),
        cmocka_unit_test(sarif_has_results_with_places),
        cmocka_unit_test(strict_makes_warnings_count),
        cmocka_unit_test(more_than_fits_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
