/* SPDX-License-Identifier: MIT
 * Any JSON as all three answers that the status page is made of: it is a page, with the one script
 * that is ours. */
#include "sidecar/page/page.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        n++;
    return n;
}

static void must(int truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_buf out;
    json_t *any = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    if (!any)
        return 0;
    hr_buf_init(&out, HR_PAGE_MAX);
    must(hr_page_render(any, any, any, &out) == 0);
    const char *text = hr_buf_str(&out);
    must(strlen(text) == out.len);
    must(count(text, "<script") == 1 && count(text, "</script") == 1);
    must(count(text, "<style") == 1 && count(text, "<img") == 0);
    must(count(text, "<table") == count(text, "</table>"));
    must(count(text, "<section") == count(text, "</section>"));
    hr_buf_free(&out);
    json_decref(any);
    return 0;
}
