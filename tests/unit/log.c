/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* The log's poll(): there is always room, which a second writer then takes. */
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    (void)n;
    (void)timeout;
    fds->revents = POLLOUT;
    return 1;
}

static int ends[2];

static void fill(void)
{
    static const char block[4096];
    int writer = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(writer >= 0);
    while (write(writer, block, sizeof(block)) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
    (void)close(writer);
}

static void drain(char *last, size_t size)
{
    ssize_t n = 0;
    memset(last, 0, size);
    while ((n = read(ends[0], last, size - 1)) > 0)
        last[n] = '\0';
}

static void a_full_pipe_never_blocks(void **state)
{
    static char text[1 << 20];
    (void)state;
    fill();
    (void)alarm(10); /* deadly, should it block after all */
    for (int i = 0; i < 3; i++)
        hr_error("lost");
    (void)alarm(0);
    drain(text, sizeof(text));
    hr_error("heard");
    drain(text, sizeof(text));
    assert_non_null(strstr(text, "3 log lines were dropped"));
    assert_non_null(strstr(text, " error: heard\n"));
    assert_null(strstr(text, "lost"));
}

static void the_others_descriptor_still_blocks(void **state)
{
    (void)state;
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}

static void one_message_is_one_line(void **state)
{
    char text[256];
    (void)state;
    hr_error("a\nb\rc");
    drain(text, sizeof(text));
    assert_non_null(strstr(text, " error: a b c\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipe_never_blocks),
        cmocka_unit_test(the_others_descriptor_still_blocks),
        cmocka_unit_test(one_message_is_one_line),
    };
    int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (own < 0 || pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ||
        dup2(ends[1], STDERR_FILENO) < 0)
        return 1;
    hr_close(&ends[1]);
    hr_log_init("test", HR_LOG_INFO);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)dup2(own, STDERR_FILENO);
    return failed;
}
