/* SPDX-License-Identifier: MIT
 * One connection to the health listener, on any bytes: framing, paths, queries, negotiation, and
 * the making of every page.  Whatever comes in, what goes out must begin with a status that we
 * give, must not be an answer for a page that could not be made, and the next client must be
 * answered as if nothing had been. */
#include "health_fixture.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUTPUT_MAX = 64 * 1024 * 1024 };

static void must(int true_)
{
    if (!true_)
        abort();
}

/* "HTTP/1.1 404 Not Found\r\n..." */
static void must_be_ours(const char *text)
{
    static const long statuses[] = {100, 200, 400, 404, 405, 411, 413, 414, 431, 501, 503, 505};
    char *end = NULL;
    must(strncmp(text, "HTTP/1.1 ", 9) == 0);
    long status = strtol(text + 9, &end, 10);
    must(end == text + 12 && *end == ' ');
    int known = 0;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        known |= status == statuses[i];
    must(known);
    must(strstr(text, "\r\n\r\n") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char probe[] = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static struct health_fixture f;
    struct hr_buf out;
    if (!f.loop)
        health_fixture_open(&f);
    hr_buf_init(&out, OUTPUT_MAX);
    health_fixture_say(&f, data, size, &out);
    if (out.len)
        must_be_ours(hr_buf_str(&out));
    out.len = 0;
    health_fixture_say(&f, probe, sizeof(probe) - 1, &out);
    must(strncmp(hr_buf_str(&out), "HTTP/1.1 200 OK\r\n", 17) == 0);
    must(out.len > 6 && memcmp(out.data + out.len - 6, "\r\n\r\nok", 6) == 0);
    hr_buf_free(&out);
    return 0;
}
