/* SPDX-License-Identifier: MIT */
#include "common/expo.h"

#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
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
    hr_expo_sample(&e, "handrail_x_total", 123456789012345, (char *)NULL);
    assert_null(e.misuse);
    assert_int_equal(hr_expo_finish(&e), 0);
    assert_string_equal(hr_buf_str(&b), "# HELP handrail_x_total Back\\\\slash\\nand line.\n"
                                        "# TYPE handrail_x_total counter\n"
                                        "handrail_x_total{a=\"q\\\"\\\\\\n\",b=\"\"} 3\n"
                                        "handrail_x_total 0.25\n"
                                        "handrail_x_total +Inf\n"
                                        "handrail_x_total 123456789012345\n");
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
    assert_non_null(strstr(text, "h_bucket{l=\"v\",le=\"1.0\"} 2\n"));
    assert_non_null(strstr(text, "h_bucket{l=\"v\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "h_sum{l=\"v\"} 1000.5001\n"));
    assert_non_null(strstr(text, "h_count{l=\"v\"} 3\n"));
    hr_buf_free(&b);
}

/* All types, in both formats, from the same calls. */
static void write_all(struct hr_expo *e)
{
    static const char *const moods[] = {"good", "bad\\"};
    hr_expo_family(e, "a_seconds_total", "counter", "Say \"a\".");
    hr_expo_sample(e, "a_seconds_total", 1.5, "l", "v", (char *)NULL);
    hr_expo_family(e, "b_bytes", "gauge", "B.");
    hr_expo_sample(e, "b_bytes", -2, (char *)NULL);
    hr_expo_family(e, "c_info", "info", "C.");
    hr_expo_sample(e, "c_info", 1, "version", "1", (char *)NULL);
    hr_expo_family(e, "d_mood", "stateset", "D.");
    hr_expo_states(e, "d_mood", moods, 2, 1, "who", "x", (char *)NULL);
    hr_expo_states(e, "d_mood", moods, 2, 2, (char *)NULL);
    hr_expo_family(e, "e", "unknown", "E.");
    hr_expo_sample(e, "e", NAN, (char *)NULL);
    hr_expo_family(e, "f", "gauge", "No samples.");
}

static void both_formats_from_the_same_calls(void **state)
{
    struct hr_buf b;
    struct hr_expo e;
    (void)state;
    hr_buf_init(&b, 4096);
    hr_expo_init(&e, &b);
    write_all(&e);
    assert_int_equal(hr_expo_finish(&e), 0);
    assert_null(e.misuse);
    assert_string_equal(hr_buf_str(&b), "# HELP a_seconds_total Say \"a\".\n"
                                        "# TYPE a_seconds_total counter\n"
                                        "a_seconds_total{l=\"v\"} 1.5\n"
                                        "# HELP b_bytes B.\n"
                                        "# TYPE b_bytes gauge\n"
                                        "b_bytes -2\n"
                                        "# HELP c_info C.\n"
                                        "# TYPE c_info gauge\n"
                                        "c_info{version=\"1\"} 1\n"
                                        "# HELP d_mood D.\n"
                                        "# TYPE d_mood gauge\n"
                                        "d_mood{who=\"x\",d_mood=\"good\"} 0\n"
                                        "d_mood{who=\"x\",d_mood=\"bad\\\\\"} 1\n"
                                        "d_mood{d_mood=\"good\"} 0\n"
                                        "d_mood{d_mood=\"bad\\\\\"} 0\n"
                                        "# HELP e E.\n"
                                        "# TYPE e untyped\n"
                                        "e NaN\n"
                                        "# HELP f No samples.\n"
                                        "# TYPE f gauge\n");
    hr_buf_reset(&b);
    hr_expo_init_as(&e, &b, HR_EXPO_OPENMETRICS);
    write_all(&e);
    assert_int_equal(hr_expo_finish(&e), 0);
    assert_null(e.misuse);
    assert_string_equal(hr_buf_str(&b), "# HELP a_seconds Say \\\"a\\\".\n"
                                        "# TYPE a_seconds counter\n"
                                        "# UNIT a_seconds seconds\n"
                                        "a_seconds_total{l=\"v\"} 1.5\n"
                                        "# HELP b_bytes B.\n"
                                        "# TYPE b_bytes gauge\n"
                                        "# UNIT b_bytes bytes\n"
                                        "b_bytes -2\n"
                                        "# HELP c C.\n"
                                        "# TYPE c info\n"
                                        "c_info{version=\"1\"} 1\n"
                                        "# HELP d_mood D.\n"
                                        "# TYPE d_mood stateset\n"
                                        "d_mood{who=\"x\",d_mood=\"good\"} 0\n"
                                        "d_mood{who=\"x\",d_mood=\"bad\\\\\"} 1\n"
                                        "d_mood{d_mood=\"good\"} 0\n"
                                        "d_mood{d_mood=\"bad\\\\\"} 0\n"
                                        "# HELP e E.\n"
                                        "# TYPE e unknown\n"
                                        "e NaN\n"
                                        "# HELP f No samples.\n"
                                        "# TYPE f gauge\n"
                                        "# EOF\n");
    hr_buf_free(&b);
}

/* What would be refused by a scraper is left out, and remembered. */
static void misuse_costs_itself_only(void **state)
{
    static const struct hr_histogram h;
    static const char *const one[] = {"x"};
    struct hr_buf b;
    struct hr_expo e;
    (void)state;
    hr_buf_init(&b, 4096);
#define MISUSE(what, name_)                                                                        \
    do {                                                                                           \
        hr_buf_reset(&b);                                                                          \
        hr_expo_init(&e, &b);                                                                      \
        hr_expo_family(&e, "good", "gauge", "Good.");                                              \
        size_t before = b.len;                                                                     \
        what;                                                                                      \
        assert_int_equal(hr_expo_finish(&e), 0);                                                   \
        assert_non_null(e.misuse);                                                                 \
        assert_string_equal(e.misuse, name_);                                                      \
        assert_int_equal(b.len, before);                                                           \
    } while (0)
    MISUSE(hr_expo_sample(&e, "other", 1, (char *)NULL), "other"); /* not of the family */
    MISUSE(hr_expo_family(&e, "good", "gauge", "Twice."), "good");
    MISUSE((hr_expo_family(&e, "good", "gauge", "Twice."),
            hr_expo_sample(&e, "good", 1, (char *)NULL)),
           "good");
    MISUSE(hr_expo_family(&e, "x", "counter", "No _total."), "x");
    MISUSE(hr_expo_family(&e, "x_total", "gauge", "A gauge."), "x_total");
    MISUSE(hr_expo_family(&e, "x_count", "gauge", "As of a histogram."), "x_count");
    MISUSE(hr_expo_family(&e, "x_info", "gauge", "As of an info."), "x_info");
    MISUSE(hr_expo_family(&e, "x", "summary", "No such type."), "x");
    MISUSE(hr_expo_histogram(&e, "good", &h, (char *)NULL), "good");
    MISUSE(hr_expo_states(&e, "good", one, 1, 0, (char *)NULL), "good");
    hr_expo_family(&e, "c_total", "counter", "C.");
    size_t before = b.len;
    e.misuse = NULL;
    hr_expo_sample(&e, "c_total", -1, (char *)NULL);
    assert_string_equal(e.misuse, "c_total");
    hr_expo_sample(&e, "c_total", NAN, (char *)NULL);
    assert_int_equal(b.len, before);
    hr_buf_free(&b);
}

static void more_families_than_there_are(void **state)
{
    static char names[HR_EXPO_FAMILIES_MAX + 1][16];
    struct hr_buf b;
    struct hr_expo e;
    (void)state;
    hr_buf_init(&b, 65536);
    hr_expo_init(&e, &b);
    for (size_t i = 0; i <= HR_EXPO_FAMILIES_MAX; i++) {
        assert_null(e.misuse);
        (void)snprintf(names[i], sizeof(names[i]), "n%zu", i);
        hr_expo_family(&e, names[i], "gauge", "N.");
    }
    assert_string_equal(e.misuse, names[HR_EXPO_FAMILIES_MAX]);
    hr_buf_free(&b);
}

static void a_label_that_is_not_utf8_is_mended(void **state)
{
    struct hr_buf b;
    struct hr_expo e;
    (void)state;
    hr_buf_init(&b, 4096);
    hr_expo_init(&e, &b);
    hr_expo_family(&e, "g", "gauge", "G.");
    hr_expo_sample(&e, "g", 1, "l", "\xff\"\xc3\xa4\xc3", (char *)NULL);
    assert_int_equal(hr_expo_finish(&e), 0);
    assert_non_null(strstr(hr_buf_str(&b), "\ng{l=\"\xef\xbf\xbd\\\"\xc3\xa4\xef\xbf\xbd\"} 1\n"));
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
        cmocka_unit_test(both_formats_from_the_same_calls),
        cmocka_unit_test(misuse_costs_itself_only),
        cmocka_unit_test(more_families_than_there_are),
        cmocka_unit_test(a_label_that_is_not_utf8_is_mended),
        cmocka_unit_test(a_histogram_is_cumulative),
        cmocka_unit_test(quantiles_are_estimated_within_their_buckets),
        cmocka_unit_test(a_page_that_does_not_fit_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
