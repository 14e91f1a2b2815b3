/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/ambient.h"

#include "check.h"
#include "common/buf.h"
#include "common/fd.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/handrail-home-XXXXXX";
static char file[256];
static struct hr_ambient ambient;

static void put(const char *text)
{
    int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, text, strlen(text)), 0);
    (void)close(fd);
}

static void it_is_written_for_the_server_to_find(void **state)
{
    struct stat st;
    (void)state;
    (void)umask(0);
    assert_int_equal(hr_ambient_write(&ambient, "http://127.0.0.1:5/mcp", "secret"), 0);
    assert_string_equal(ambient.path, file);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    json_t *root = json_load_file(file, 0, NULL);
    const char *url = NULL;
    const char *authorization = NULL;
    assert_int_equal(json_unpack(root, "{s:{s:{s:s, s:{s:s}}}}", "mcpServers", "handrail", "url",
                                 &url, "headers", "Authorization", &authorization),
                     0);
    assert_string_equal(url, "http://127.0.0.1:5/mcp");
    assert_string_equal(authorization, "Bearer secret");
    json_decref(root);
}

static void it_is_replaced_by_the_next_start(void **state)
{
    struct hr_buf b;
    (void)state;
    assert_int_equal(hr_ambient_write(&ambient, "http://127.0.0.1:6/mcp", "new"), 0);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    hr_buf_init(&b, 10000);
    assert_int_equal(hr_read_fd(fd, &b), 0);
    assert_non_null(strstr(hr_buf_str(&b), ":6/mcp"));
    assert_null(strstr(hr_buf_str(&b), ":5/mcp"));
    hr_buf_free(&b);
    (void)close(fd);
}

static void it_is_removed_at_the_end(void **state)
{
    (void)state;
    hr_ambient_remove(&ambient);
    assert_int_equal(access(file, F_OK), -1);
    hr_ambient_remove(&ambient); /* again: nothing */
}

static void a_foreign_file_stays(void **state)
{
    static const char *const foreign[] = {"{\"mcpServers\":{}}", "not json at all", ""};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        put(foreign[i]);
        assert_int_equal(hr_ambient_write(&ambient, "http://127.0.0.1:5/mcp", "t"), -EEXIST);
        hr_ambient_remove(&ambient);
        assert_int_equal(access(file, F_OK), 0);
    }
    (void)unlink(file);
    assert_int_equal(symlink("/tmp/handrail-nowhere", file), 0); /* not followed */
    assert_int_equal(hr_ambient_write(&ambient, "http://127.0.0.1:5/mcp", "t"), -EEXIST);
    assert_int_equal(access("/tmp/handrail-nowhere", F_OK), -1);
    (void)unlink(file);
}

static void a_file_replaced_by_somebody_is_not_removed(void **state)
{
    (void)state;
    assert_int_equal(hr_ambient_write(&ambient, "http://127.0.0.1:5/mcp", "t"), 0);
    put("{\"mine\":true}");
    hr_ambient_remove(&ambient);
    assert_int_equal(access(file, F_OK), 0);
    (void)unlink(file);
}

static void a_slash_at_the_end_of_home_is_not_doubled(void **state)
{
    char slash[sizeof(home) + 1];
    (void)state;
    (void)snprintf(slash, sizeof(slash), "%s/", home);
    (void)setenv("HOME", slash, 1);
    assert_int_equal(hr_ambient_write(&ambient, "http://127.0.0.1:5/mcp", "t"), 0);
    assert_string_equal(ambient.path, file);
    hr_ambient_remove(&ambient);
    (void)setenv("HOME", home, 1);
}

static void a_home_that_cannot_be_used_is_told(void **state)
{
    (void)state;
    (void)setenv("HOME", "/proc/nowhere", 1);
    assert_true(hr_ambient_write(&ambient, "http://127.0.0.1:5/mcp", "t") < 0);
    assert_string_equal(ambient.path, "");
    (void)setenv("HOME", "relative", 1);
    assert_int_equal(hr_ambient_write(&ambient, "http://127.0.0.1:5/mcp", "t"), -ENOENT);
}

static int clean_up(void **state)
{
    static const char *const folders[] = {"/.agents/plugins/handrail", "/.agents/plugins",
                                          "/.agents", ""};
    int left = 0;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s%s", home, folders[i]);
        left |= rmdir(path); /* fails if anything else was left in there */
    }
    return left;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_written_for_the_server_to_find),
        cmocka_unit_test(it_is_replaced_by_the_next_start),
        cmocka_unit_test(it_is_removed_at_the_end),
        cmocka_unit_test(a_foreign_file_stays),
        cmocka_unit_test(a_file_replaced_by_somebody_is_not_removed),
        cmocka_unit_test(a_slash_at_the_end_of_home_is_not_doubled),
        cmocka_unit_test(a_home_that_cannot_be_used_is_told),
    };
    hr_log_init("test", HR_LOG_ERROR);
    if (!mkdtemp(home))
        return 1;
    (void)setenv("HOME", home, 1);
    (void)snprintf(file, sizeof(file), "%s/.agents/plugins/handrail/.mcp.json", home);
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
