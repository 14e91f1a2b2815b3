/* SPDX-License-Identifier: MIT
 * The answer to a scrape: its format, its type, its compression. */
#include "sidecar/metrics/page.h"

#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static struct hr_metrics metrics;
static int series; /* that collect() writes */

static void collect(struct hr_expo *e, void *arg)
{
    (void)arg;
    hr_expo_family(e, "handrail_x_total", "counter", "X.");
    for (int i = 0; i < series; i++) {
        char label[16];
        (void)snprintf(label, sizeof(label), "%d", i);
        hr_expo_sample(e, "handrail_x_total", i, "i", label, NULL);
    }
}

static int set_up(void **state)
{
    (void)state;
    metrics = (struct hr_metrics){.count = 0};
    hr_metrics_add(&metrics, collect, NULL);
    series = 1;
    return 0;
}

static struct hr_metrics_page get(const char *accept, const char *encoding)
{
    struct hr_metrics_page page = {.out = NULL};
    assert_int_equal(hr_metrics_page(&metrics, accept, encoding, &page), 0);
    return page;
}

static void the_type_says_what_it_is(void **state)
{
    (void)state;
    struct hr_metrics_page page = get(NULL, NULL);
    assert_string_equal(page.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_null(page.encoding);
    assert_null(strstr(hr_buf_str(&page.body), "# EOF"));
    hr_metrics_page_free(&page);
    page = get("application/openmetrics-text", NULL);
    assert_string_equal(page.type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_null(page.encoding);
    assert_string_equal(page.body.data + page.body.len - 6, "# EOF\n");
    hr_metrics_page_free(&page);
}

/* What a gzip file holds. */
static void unpack(const struct hr_buf *in, struct hr_buf *out)
{
    z_stream z = {.next_in = (z_const Bytef *)in->data, .avail_in = (uInt)in->len};
    assert_int_equal(hr_buf_reserve(out, 8U << 20), 0);
    z.next_out = (Bytef *)out->data;
    z.avail_out = 8U << 20;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK); /* gzip and nothing else */
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    out->len = z.total_out;
    out->data[out->len] = '\0';
    assert_int_equal(inflateEnd(&z), Z_OK);
}

static void compressed_it_is_the_same_page(void **state)
{
    static const char *const accepts[] = {"text/plain", "application/openmetrics-text"};
    (void)state;
    series = 10000;
    for (int i = 0; i < 2; i++) {
        struct hr_metrics_page plain = get(accepts[i], "gzip;q=0");
        struct hr_metrics_page packed = get(accepts[i], "gzip");
        struct hr_buf again;
        hr_buf_init(&again, 16U << 20);
        assert_null(plain.encoding);
        assert_non_null(packed.encoding);
        assert_string_equal(packed.encoding, "gzip");
        assert_ptr_equal(plain.type, packed.type);
        unpack(&packed.packed, &again);
        assert_int_equal(again.len, plain.body.len);
        assert_memory_equal(again.data, plain.body.data, again.len);
        assert_true(packed.packed.len < plain.body.len / 4);
        hr_buf_free(&again);
        hr_metrics_page_free(&plain);
        hr_metrics_page_free(&packed);
    }
}

static void only_what_is_worth_it(void **state)
{
    (void)state;
    struct hr_metrics_page page = get(NULL, "gzip"); /* too short */
    assert_null(page.encoding);
    /* what does not get shorter */
    uint32_t x = 1;
    hr_buf_reset(&page.body);
    for (int i = 0; i < 20000; i++) {
        x = x * 1664525 + 1013904223;
        assert_int_equal(hr_buf_addc(&page.body, (char)(x >> 24)), 0);
    }
    assert_int_equal(hr_metrics_gzip(&page), -E2BIG);
    assert_int_equal(page.packed.len, 0);
    /* ... and one that does, after it */
    series = 1000;
    assert_int_equal(hr_metrics_page(&metrics, NULL, "gzip", &page), 0);
    assert_ptr_equal(page.out, &page.packed);
    hr_metrics_page_free(&page);
}

static void a_page_that_cannot_be_made_is_an_error(void **state)
{
    struct hr_metrics_page page = {.out = NULL};
    (void)state;
    series = HR_METRICS_MAX / 25;
    assert_int_equal(hr_metrics_page(&metrics, NULL, "gzip", &page), -E2BIG);
    hr_metrics_page_done(&page);
    assert_null(page.body.data);
    series = 1;
    assert_int_equal(hr_metrics_page(&metrics, NULL, "gzip", &page), 0);
    hr_metrics_page_free(&page);
}

/* Many scrapes of all kinds later there is as much in use as before, and it is the same memory. */
static void scrapes_allocate_nothing(void **state)
{
    static const char *const accepts[] = {"text/plain", "application/openmetrics-text"};
    struct hr_metrics_page page = {.out = NULL};
    const char *body = NULL;
    const char *packed = NULL;
    size_t before = 0;
    (void)state;
    series = 1000;
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(hr_metrics_page(&metrics, accepts[i % 2], i % 3 ? "gzip" : NULL, &page),
                         0);
        hr_metrics_page_done(&page);
        if (i == 10) {
            before = mallinfo2().uordblks;
            body = page.body.data;
            packed = page.packed.data;
        }
    }
    assert_int_equal(mallinfo2().uordblks, before);
    assert_ptr_equal(page.body.data, body);
    assert_ptr_equal(page.packed.data, packed);
    hr_metrics_page_free(&page);
}

/* One that is unusually large costs its memory while it is being sent. */
static void what_is_large_is_not_kept(void **state)
{
    struct hr_metrics_page page = {.out = NULL};
    (void)state;
    series = 100000;
    assert_int_equal(hr_metrics_page(&metrics, NULL, "gzip", &page), 0);
    assert_true(page.body.cap > HR_METRICS_KEPT_MAX && page.packed.cap > HR_METRICS_KEPT_MAX);
    hr_metrics_page_done(&page);
    assert_null(page.body.data);
    assert_null(page.packed.data);
    hr_metrics_page_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_type_says_what_it_is, set_up),
        cmocka_unit_test_setup(compressed_it_is_the_same_page, set_up),
        cmocka_unit_test_setup(only_what_is_worth_it, set_up),
        cmocka_unit_test_setup(a_page_that_cannot_be_made_is_an_error, set_up),
        cmocka_unit_test_setup(scrapes_allocate_nothing, set_up),
        cmocka_unit_test_setup(what_is_large_is_not_kept, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
