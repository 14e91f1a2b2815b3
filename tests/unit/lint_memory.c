/* SPDX-License-Identifier: MIT
 * handrail lint without memory: each allocation fails once.  It then says so, or says less, and
 * leaves nothing behind; the sanitizers see to the rest. */
#include "loader/image/lint/ignore.h"
#include "loader/image/lint/lint.h"

#include "check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static long left = -1; /* allocations that still succeed; -1: all do */
static bool failed;

static bool give(void)
{
    if (left == 0) {
        failed = true;
        return false;
    }
    left -= left > 0;
    return true;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return give() ? __real_malloc(n) : NULL;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return give() ? __real_calloc(n, size) : NULL;
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
    return give() ? __real_realloc(p, n) : NULL;
}

static const char text[] =
    "# escape=\\\n"
    "ARG TAG=latest\n"
    "# handrail-lint ignore=user-root,nonsense\n"
    "FROM openhands/agent-server:${TAG} AS a\n"
    "ENV A=\"b $C\" API_KEY=abcdefgh OH_ENABLE_VSCODE=yes CUSTOM_AGENT_MODULE=m\n"
    "COPY --from=x <<E <<'F' [\"/a b\", \"/c\"] /d/\n${A}\nE\nx\nF\n"
    "COPY [\"a\", \".env\", \"/opt/handrail\"]\n"
    "RUN --mount=type=cache sh -c 'apt-get update && git clone https://a:b@c'\n"
    "FROM a\nUSER root\nWORKDIR x\nVOLUME /app\nCMD [1]\nNOPE\n";

static int run(void)
{
    struct hr_report r;
    struct hr_ignore ignore;
    hr_report_init(&r, "lint");
    int err = hr_ignore_parse(&ignore, "*.md\n!x\n", 8);
    if (!err)
        err = hr_lint_text(&r, "Dockerfile", "/nonexistent", &ignore, text, sizeof(text) - 1);
    hr_ignore_free(&ignore);
    hr_report_free(&r);
    return err;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    assert_int_equal(run(), 0);
    long n = 0;
    for (;; n++) {
        failed = false;
        left = n;
        int err = run();
        left = -1;
        if (!failed)
            break;
        assert_true(err == 0 || err == -ENOMEM);
    }
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
