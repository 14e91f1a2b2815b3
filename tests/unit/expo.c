/* SPDX-License-Identifier: MIT */
#include "common/expo.h"

#include "check.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static void a_page_as_the_format_has_it(void **state)
{
    struct hr_buf b;
    struct hr_expo e;
    (void)state;
    hr_buf_init(&b, 4096);
    hr_expo_init(&e, &b);
    hr_expo_family(&e, "handrail_x_total", "counter", "Back\\slash\nand line.");
    hr_expo_sample(&e, "handrail_x_total", 3, "a", "q\"\\\n", "b", "", (char *)NULL);
    hr_expo_sample(&e, "handrail_x_total", 0.25, (char *)NULL);
    hr_expo_sample(&e, "handrail_x_total", INFINITY, (char *)NULL);
    assert_int_equal(hr_expo_finish(&e), 0);
    assert_string_equal(hr_buf_str(&b), "# HELP handrail_x_total Back\\\\slash\\nand line.\n"
                                        "# TYPE handrail_x_total counter\n"
                                        "handrail_x_total{a=\"q\\\"\\\\\\n\",b=\"\"} 3\n"
                                        "handrail_x_total 0.25\n"
                                        "handrail_x_total +Inf\n");
    hr_buf_free(&b);
}

static void a_histogram_is_cumulative(void **state)
{
    struct hr_buf b;
    struct hr_expo e;
    struct hr_histogram h = {0};
    (void)state;
    hr_histogram_observe(&h, 0.0001); /* on a bound: counts in it */
    hr_histogram_observe(&h, 0.5);
    hr_histogram_observe(&h, 1000);
    hr_buf_init(&b, 8192);
    hr_expo_init(&e, &b);
    hr_expo_family(&e, "h", "histogram", "H.");
    hr_expo_histogram(&e, "h", &h, "l", "v", (char *)NULL);
    const char *text = hr_buf_str(&b);
    assert_non_null(strstr(text, "h_bucket{l=\"v\",le=\"0.0001\"} 1\n"));
    assert_non_null(strstr(text, "h_bucket{l=\"v\",le=\"0.3\"} 1\n"));
    assert_non_null(strstr(text, "h_bucket{l=\"v\",le=\"1\"} 2\n"));
    assert_non_null(strstr(text, "h_bucket{l=\"v\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "h_sum{l=\"v\"} 1000.5001\n"));
    assert_non_null(strstr(text, "h_count{l=\"v\"} 3\n"));
    hr_buf_free(&b);
}

static int near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

static void quantiles_are_estimated_within_their_buckets(void **state)
{
    struct hr_histogram h = {0};
    const double top = hr_histogram_bounds[HR_HISTOGRAM_BUCKETS - 1];
    (void)state;
    assert_true(hr_histogram_quantile(&h, 0.5) < 0);
    hr_histogram_observe(&h, 0.5); /* in (0.3, 1] */
    assert_true(near(hr_histogram_quantile(&h, 0.5), 0.65));
    assert_true(near(hr_histogram_quantile(&h, 1), 1));
    for (int i = 0; i < 99; i++)
        hr_histogram_observe(&h, 0.00001); /* in [0, 0.0001] */
    assert_true(near(hr_histogram_quantile(&h, 0.99), 0.0001));
    assert_true(near(hr_histogram_quantile(&h, 0.495), 0.00005));
    assert_true(near(hr_histogram_quantile(&h, 1), 1));
    assert_true(hr_histogram_quantile(&h, 0) >= 0);
    for (int i = 0; i < 900; i++)
        hr_histogram_observe(&h, 10 * top);
    assert_true(near(hr_histogram_quantile(&h, 0.5), top));
}

static void a_page_that_does_not_fit_is_told(void **state)
{
    struct hr_buf b;
    struct hr_expo e;
    (void)state;
    hr_buf_init(&b, 20);
    hr_expo_init(&e, &b);
    hr_expo_family(&e, "handrail_something_total", "counter", "Long.");
    assert_int_equal(hr_expo_finish(&e), -E2BIG);
    hr_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_as_the_format_has_it),
        cmocka_unit_test(a_histogram_is_cumulative),
        cmocka_unit_test(quantiles_are_estimated_within_their_buckets),
        cmocka_unit_test(a_page_that_does_not_fit_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
