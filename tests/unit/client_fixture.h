/* SPDX-License-Identifier: MIT
 * What the tests of the HTTP client share: a client, and the one answer it waits for. */
#ifndef HR_TEST_CLIENT_FIXTURE_H
#define HR_TEST_CLIENT_FIXTURE_H

#include "check.h"
#include "common/clock.h"
#include "http_fixture.h"
#include "sidecar/http/client.h"

#include <stdio.h>

struct answer {
    int calls;
    int status;
    size_t len;
    char body[64];
};

static struct hr_client *client;

static void on_done(int status, const char *body, size_t len, void *arg)
{
    struct answer *a = arg;
    a->calls++;
    a->status = status;
    a->len = len;
    (void)snprintf(a->body, sizeof(a->body), "%.*s", (int)(len < 63 ? len : 63), body);
}

static int set_up(void **state)
{
    static struct fixture f;
    *state = &f;
    return fixture_open(&f, &fixture_limits) || hr_client_new(f.loop, &client);
}

static int tear_down(void **state)
{
    hr_client_free(client);
    fixture_close(*state);
    return 0;
}

static void wait_for(const struct fixture *f, const struct answer *a)
{
    int64_t end = hr_now_ms() + 5000;
    while (!a->calls && hr_now_ms() < end)
        pump(f->loop, 5);
    assert_int_equal(a->calls, 1);
}

#endif
