/* SPDX-License-Identifier: MIT
 * page-say FILE: the status page of {"status": ..., "plugins": ..., "crashes": ...}, on standard
 * output; with --policy, the value of its Content-Security-Policy.  For tests/e2e/test_page.py. */
#include "sidecar/page/page.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct hr_buf out;
    if (argc == 2 && strcmp(argv[1], "--policy") == 0)
        return printf("%s", hr_page_policy) < 0;
    json_t *all = argc == 2 ? json_load_file(argv[1], 0, NULL) : NULL;
    if (!all)
        return 1;
    hr_buf_init(&out, HR_PAGE_MAX);
    int err = hr_page_render(json_object_get(all, "status"), json_object_get(all, "plugins"),
                             json_object_get(all, "crashes"), &out);
    if (!err)
        err = fwrite(hr_buf_str(&out), 1, out.len, stdout) != out.len;
    hr_buf_free(&out);
    json_decref(all);
    return err != 0;
}
