/* SPDX-License-Identifier: MIT
 * What a request's target means. */
#include "sidecar/http/framing.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

static void triples_become_bytes(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {"", ""},
        {"/readyz", "/readyz"},
        {"/%72%65adyz", "/readyz"},
        {"%2F%2f", "//"},
        {"%41%", "A%"},
        {"%4", "%4"},
        {"%4g%g4%%41", "%4g%g4%A"},
        {"%2541", "%41"}, /* once only */
        {"/livez%00x", "/livez%00x"},
        {"%0%00%000", "%0%00%000"},
        {"%ff%01", "\xff\x01"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%s", cases[i].text);
        assert_int_equal(hr_http_unescape(text), strlen(cases[i].want));
        assert_string_equal(text, cases[i].want);
    }
}

static void a_whole_url_means_its_path(void **state)
{
    (void)state;
    assert_string_equal(hr_http_target_path("/livez"), "/livez");
    assert_string_equal(hr_http_target_path("*"), "*");
    assert_string_equal(hr_http_target_path(""), "");
    assert_string_equal(hr_http_target_path("http://10.0.0.1:60010/livez/x"), "/livez/x");
    assert_string_equal(hr_http_target_path("HTTP://[::1]/"), "/");
    assert_string_equal(hr_http_target_path("http://host"), "/");
    assert_string_equal(hr_http_target_path("http:/livez"), "http:/livez");
    assert_string_equal(hr_http_target_path("/http://host/livez"), "/http://host/livez");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triples_become_bytes),
        cmocka_unit_test(a_whole_url_means_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
