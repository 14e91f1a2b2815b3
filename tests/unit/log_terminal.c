/* SPDX-License-Identifier: MIT
 * The log on a terminal that nobody reads.  A program of its own: where the log writes to is
 * decided once. */
#include "common/log.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool not_ours; /* another user's: it cannot be opened again */

int open(const char *path, int flags, ...)
{
    if (not_ours && strncmp(path, "/proc/", 6) == 0) {
        errno = EACCES;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

static int reader;
static int kept;
static char text[1 << 20]; /* what has come */
static size_t len;

static void begin(bool ours)
{
    reader = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0 && grantpt(reader) == 0 && unlockpt(reader) == 0);
    int terminal = open(ptsname(reader), O_RDWR | O_NOCTTY | O_CLOEXEC);
    kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(terminal >= 0 && kept >= 0 && dup2(terminal, STDERR_FILENO) >= 0);
    hr_close(&terminal);
    not_ours = !ours;
    len = 0;
    hr_log_init("test", HR_LOG_INFO);
    (void)alarm(20); /* deadly, should something block after all */
}

static int end(void **state)
{
    (void)state;
    (void)alarm(0);
    (void)dup2(kept, STDERR_FILENO);
    hr_close(&kept);
    hr_close(&reader);
    return 0;
}

/* Take what comes, until it ends with these words or nothing comes any more. */
static void take_until(const char *words)
{
    for (int quiet = 0; quiet < (*words ? 5000 : 200); quiet++) {
        ssize_t n = read(reader, text + len, sizeof(text) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
        text[len] = '\0';
        if (*words && len >= strlen(words) && strcmp(text + len - strlen(words), words) == 0)
            return;
        if (n <= 0)
            (void)usleep(1000); /* the kernel hands on a terminal's bytes in a thread of its own */
        else
            quiet = 0;
    }
}

static void a_terminal_that_nobody_reads_does_not_block(void)
{
    char many[2000];
    memset(many, 'x', sizeof(many) - 1);
    many[sizeof(many) - 1] = '\0';
    for (int i = 0; i < 200; i++)
        hr_error("%s", many);
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0); /* the others' flag */
    take_until("");
    hr_error("heard");
    take_until(" error: heard\r\n");
    const char *count = strstr(text, " log lines were dropped: ");
    assert_non_null(count);
    assert_non_null(strstr(count, " error: heard\r\n"));
    while (count > text && count[-1] != '\n')
        count--;
    /* A line of its own, whatever was cut. */
    const char *said = strstr(count, " warning: ");
    assert_true(said && said - count < HR_LOG_STAMP + (int)sizeof(" test[1234567]"));
}

static void one_that_is_not_ours_does_not_block(void **state)
{
    (void)state;
    begin(false);
    a_terminal_that_nobody_reads_does_not_block();
}

static void nor_does_one_that_is(void **state)
{
    (void)state;
    begin(true);
    a_terminal_that_nobody_reads_does_not_block();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_that_is_not_ours_does_not_block, end),
        cmocka_unit_test_teardown(nor_does_one_that_is, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
