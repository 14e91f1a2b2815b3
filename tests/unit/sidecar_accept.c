/* SPDX-License-Identifier: MIT */
#include "sidecar/metrics/accept.h"

#include "check.h"

#include <stddef.h>

#define OM "application/openmetrics-text"

static void formats(void **state)
{
    static const struct {
        const char *accept;
        enum hr_expo_format format;
    } cases[] = {
        {NULL, HR_EXPO_TEXT},
        {"", HR_EXPO_TEXT},
        /* Prometheus 2.42 and 3.5, word for word */
        {OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         HR_EXPO_OPENMETRICS},
        {OM ";version=1.0.0;escaping=allow-utf-8;q=0.6," OM ";version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
            "*/*;q=0.2",
         HR_EXPO_OPENMETRICS},
        /* the same, told to prefer the older one */
        {"text/plain;version=0.0.4;q=0.6," OM ";version=1.0.0;q=0.5,*/*;q=0.1", HR_EXPO_TEXT},
        /* people */
        {"*/*", HR_EXPO_TEXT},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HR_EXPO_TEXT},
        {"text/plain", HR_EXPO_TEXT},
        {"text/*", HR_EXPO_TEXT},
        {"text/plain;q=0.3, */*;q=0.5", HR_EXPO_TEXT},
        /* asked for */
        {OM, HR_EXPO_OPENMETRICS},
        {OM "; version=1.0.0; charset=utf-8", HR_EXPO_OPENMETRICS},
        {OM ";version=\"1.0.0\"", HR_EXPO_OPENMETRICS},
        {"APPLICATION/OpenMetrics-Text;Version=1.0.0;Q=1.0", HR_EXPO_OPENMETRICS},
        {" \t" OM " ; version = 1.0.0 , text/plain", HR_EXPO_OPENMETRICS},
        {"text/plain," OM, HR_EXPO_OPENMETRICS},
        {"application/*, text/plain;q=0.9", HR_EXPO_OPENMETRICS},
        {OM ",*/*", HR_EXPO_OPENMETRICS},
        /* nothing that we have: any answer is better than none */
        {"image/png", HR_EXPO_TEXT},
        {OM ";version=0.0.1", HR_EXPO_TEXT},
        {OM ";version=2.0.0, text/plain;version=1.0.0;q=0.1", HR_EXPO_TEXT},
        {OM ";version", HR_EXPO_TEXT},
        {OM ";q=0", HR_EXPO_TEXT},
        {OM ";q=0,text/plain;q=0", HR_EXPO_TEXT},
        /* the most precise part decides */
        {OM ";q=0, */*;q=1", HR_EXPO_TEXT},
        {OM ";q=0, " OM ";version=1.0.0;q=0.5, text/plain;q=0.4", HR_EXPO_OPENMETRICS},
        {OM ";version=1.0.0;q=0.1, " OM ";q=1, text/plain;q=0.4", HR_EXPO_TEXT},
        {"*/*;q=0.1, text/plain;q=0.2, " OM ";q=0.3", HR_EXPO_OPENMETRICS},
        {OM ";q=0.2," OM ";q=0.6,text/plain;q=0.4", HR_EXPO_OPENMETRICS},
        /* weights that are none */
        {OM ";q=2, text/plain;q=0.001", HR_EXPO_TEXT},
        {OM ";q=1.001, text/plain;q=0.001", HR_EXPO_TEXT},
        {OM ";q=, text/plain;q=0.001", HR_EXPO_TEXT},
        {OM ";q=-1, text/plain;q=0.001", HR_EXPO_TEXT},
        {OM ";q=0.5000, text/plain;q=0.001", HR_EXPO_TEXT},
        {OM ";q=1., text/plain;q=0.999", HR_EXPO_OPENMETRICS},
        {OM ";q=0.002, text/plain;q=0.001", HR_EXPO_OPENMETRICS},
        /* a comma, a semicolon and a quote inside quotes are none */
        {"a/b;c=\"," OM ",\"", HR_EXPO_TEXT},
        {OM ";x=\";q=0,\\\"\";q=1", HR_EXPO_OPENMETRICS},
        {OM ";x=\"never closed, text/plain;q=0", HR_EXPO_OPENMETRICS},
        {",,;;=;q=;=,\"", HR_EXPO_TEXT},
        {",," OM ",,", HR_EXPO_OPENMETRICS},
        {"application/openmetrics-textual", HR_EXPO_TEXT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (hr_accept_format(cases[i].accept) != cases[i].format)
            fail_msg("Accept: %s", cases[i].accept ? cases[i].accept : "(none)");
}

static void encodings(void **state)
{
    static const struct {
        const char *accept;
        bool gzip;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"x-gzip", true},
        {"GZIP;q=0.5", true},
        {"gzip, deflate, br", true},
        {"br;q=1, gzip;q=0.8, *;q=0.1", true},
        {"*", true},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0, *", false},
        {"*;q=0", false},
        {"deflate", false},
        {"identity", false},
        {"identity, gzip;q=0.5", false},
        {"identity;q=0.5, gzip;q=0.5", true},
        {"identity;q=0, gzip;q=0", false},
        {"gzip;q=nonsense", false},
        {"gzipped", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (hr_accept_gzip(cases[i].accept) != cases[i].gzip)
            fail_msg("Accept-Encoding: %s", cases[i].accept ? cases[i].accept : "(none)");
}

static void text_or_json(void **state)
{
    static const struct {
        const char *accept;
        bool text;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/html,application/xhtml+xml,*/*;q=0.8", false},
        {"text/plain", true},
        {"TEXT/*", true},
        {"text/plain, */*", false}, /* equal: JSON, which tells more */
        {"text/plain, */*;q=0.9", true},
        {"text/plain;q=0.5, application/json", false},
        {"application/json;q=0.2, text/plain;q=0.5", true},
        {"application/health+json, text/plain;q=0.9", false},
        {"application/*, text/plain;q=0.9", false},
        {"text/plain;q=0", false},
        {"text/plain;q=x", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (hr_accept_text(cases[i].accept) != cases[i].text)
            fail_msg("Accept: %s", cases[i].accept ? cases[i].accept : "(none)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(encodings),
        cmocka_unit_test(text_or_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
