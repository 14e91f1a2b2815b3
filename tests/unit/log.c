/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
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
    hr_error("a\nb\rc\td\x1b]0;e\x07\x7f");
    drain(text, sizeof(text));
    assert_non_null(strstr(text, " error: a b c\td ]0;e  \n"));
    hr_error("a\xe2\x80\xae"
             "b\xe2\x81\xa6"
             "c\xc2\x9b"
             "d\xc3\xa9\xe2\x80\xa8\xe2\x80");
    drain(text, sizeof(text));
    assert_non_null(strstr(text, " error: a b c d\xc3\xa9\xe2\x80\xa8\xe2\x80\n"));
}

/* The whole of what is there, as one JSON object with these fields and no others. */
static void assert_is_our_object(const char *text, const char *level, const char *message)
{
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    json_t *expected = json_pack("{s:s?,s:s,s:s,s:i,s:s}", "time",
                                 json_string_value(json_object_get(line, "time")), "level", level,
                                 "service", "test", "pid", (int)getpid(), "message", message);
    assert_non_null(line);
    assert_true(json_equal(line, expected));
    assert_int_equal(strlen(json_string_value(json_object_get(line, "time"))), HR_LOG_STAMP);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    json_decref(expected);
    json_decref(line);
}

static void as_json_a_message_is_one_object(void **state)
{
    static char big[HR_LOG_LINE * 2];
    char text[HR_LOG_LINE + 1];
    (void)state;
    hr_log_set_format(HR_LOG_JSON);
    hr_warn("a \"b\"\n\xff");
    drain(text, sizeof(text));
    assert_is_our_object(text, "warning", "a \"b\"\n\xef\xbf\xbd");
    memset(big, '\x01', sizeof(big) - 1); /* sixfold, so it is cut, but still an object */
    hr_error("%s", big);
    drain(text, sizeof(text));
    hr_log_set_format(HR_LOG_TEXT);
    big[(strlen(text) - strcspn(text, "\\") - 3) / 6] = '\0';
    assert_true(strlen(text) > HR_LOG_LINE - 6 && strlen(text) <= HR_LOG_LINE);
    assert_is_our_object(text, "error", big);
}

static void the_count_of_lost_lines_is_an_object_too(void **state)
{
    static char text[1 << 20];
    (void)state;
    hr_log_set_format(HR_LOG_JSON);
    fill();
    hr_error("lost");
    drain(text, sizeof(text));
    hr_error("heard");
    hr_log_set_format(HR_LOG_TEXT);
    drain(text, sizeof(text));
    char *second = strchr(text, '\n') + 1;
    assert_is_our_object(second, "error", "heard");
    *second = '\0';
    assert_is_our_object(text, "warning",
                         "1 log lines were dropped: standard error was not being read");
}

static char diverted[256];

static bool take(const char *line, size_t n)
{
    assert_true(n < sizeof(diverted));
    memcpy(diverted, line, n);
    diverted[n] = '\0';
    errno = EIO; /* the caller of hr_log() is not to see it */
    return false;
}

static void diverted_lines_go_there_and_nowhere_else(void **state)
{
    char text[256];
    (void)state;
    hr_log_divert(take);
    errno = 0;
    hr_error("to there");
    assert_int_equal(errno, 0);
    assert_non_null(strstr(diverted, " error: to there\n"));
    hr_log_raw("as it is\n", 9);
    assert_string_equal(diverted, "as it is\n");
    hr_log_divert(NULL);
    hr_error("back");
    drain(text, sizeof(text));
    assert_non_null(strstr(text, " error: back\n"));
    assert_null(strstr(text, "there"));
    assert_null(strstr(text, "dropped")); /* who takes lines counts for himself */
}

static void a_line_for_another_place_keeps_to_its_size(void **state)
{
    char line[64];
    (void)state;
    memset(line, '#', sizeof(line));
    assert_int_equal(hr_log_line(line, 8, HR_LOG_INFO, "x", 1), 0);
    size_t n = hr_log_line(line, 60, HR_LOG_INFO, "a\0b and much more than has room here", 36);
    assert_int_equal(n, 60);
    assert_int_equal(line[n - 1], '\n');
    assert_int_equal(line[n], '#');
    line[n] = '\0';
    assert_non_null(strstr(line, " info: a b and"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipe_never_blocks),
        cmocka_unit_test(the_others_descriptor_still_blocks),
        cmocka_unit_test(one_message_is_one_line),
        cmocka_unit_test(as_json_a_message_is_one_object),
        cmocka_unit_test(the_count_of_lost_lines_is_an_object_too),
        cmocka_unit_test(diverted_lines_go_there_and_nowhere_else),
        cmocka_unit_test(a_line_for_another_place_keeps_to_its_size),
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
