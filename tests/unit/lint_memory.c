/* SPDX-License-Identifier: MIT
 * handrail lint without memory: each allocation fails once.  It then says so, or says less, and
 * leaves nothing behind; the sanitizers see to the rest. */
#include "loader/image/lint/ignore.h"
#include "loader/image/lint/lint.h"

#include "check.h"
#include "failing_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
    long n = 1;
    for (bool failed = true; failed; n++) {
        fail_allocation(n);
        int err = run();
        failed = allocation_has_failed();
        assert_true(err == 0 || (failed && err == -ENOMEM));
    }
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
