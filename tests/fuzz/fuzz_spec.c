/* SPDX-License-Identifier: MIT
 * A sandbox specification, of any bytes.  Whatever is found has a place in the file, and can be
 * printed. */
#include "loader/image/spec/spec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_lines(const uint8_t *data, size_t size)
{
    size_t n = 1;
    for (size_t i = 0; i < size; i++)
        n += data[i] == '\n' || data[i] == '\r';
    return n;
}

static void check_places(const struct hr_report *r, const uint8_t *data, size_t size)
{
    json_int_t lines = (json_int_t)count_lines(data, size);
    size_t i;
    json_t *f;
    json_array_foreach (r->findings, i, f) {
        json_int_t line = json_integer_value(json_object_get(f, "line"));
        json_int_t column = json_integer_value(json_object_get(f, "column"));
        if (line > lines || column > (json_int_t)size + 1 || !json_object_get(f, "message"))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *out;
    struct hr_report r;
    if (!out)
        out = fopen("/dev/null", "w");
    hr_report_init(&r, "check");
    r.format = size % 2 ? HR_REPORT_TEXT : HR_REPORT_JSON;
    if (hr_spec_check("fuzz.yaml", (const char *)data, size, NULL, &r))
        abort();
    check_places(&r, data, size);
    (void)hr_report_end(&r, out);
    hr_report_free(&r);
    return 0;
}
