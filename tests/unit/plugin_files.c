/* SPDX-License-Identifier: MIT
 * The plugins' files, and the URLs in them. */
#include "sidecar/preflight/plugin_files.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char told[8192]; /* "name url\n" of each */
static int count;

static void note(void *arg, const char *file, const char *name, const char *url)
{
    size_t n = strlen(told);
    (void)arg;
    assert_non_null(file);
    (void)snprintf(told + n, sizeof(told) - n, "%s %s\n", name, url);
    count++;
}

static void parse(const char *text)
{
    told[0] = '\0';
    count = 0;
    hr_plugin_file_parse("file", text, strlen(text), note, NULL);
}

static void servers_with_a_url_are_told(void **state)
{
    (void)state;
    parse("{\"mcpServers\": {\"a\": {\"url\": \"http://127.0.0.1:1/mcp\"},"
          "\"b\": {\"command\": \"npx\", \"args\": []},"
          "\"c\": {\"type\": \"http\", \"url\": \"https://example.org/\", \"enabled\": true}}}");
    assert_string_equal(told, "a http://127.0.0.1:1/mcp\nc https://example.org/\n");
    parse("{\"mcpServers\": {\"a\": {\"url\": \"http://127.0.0.1:1/\", \"enabled\": false},"
          "\"b\": {\"url\": \"http://127.0.0.1:2/\", \"disabled\": true}}}");
    assert_int_equal(count, 0);
}

static void our_own_file_is_passed_over(void **state)
{
    (void)state;
    parse("{\"x-handrail\": \"written by handrail\","
          "\"mcpServers\": {\"handrail\": {\"url\": \"http://127.0.0.1:60011/mcp\"}}}");
    assert_int_equal(count, 0);
}

static void nonsense_is_passed_over(void **state)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "[]",
                                        "{}",
                                        "null",
                                        "{\"mcpServers\": []}",
                                        "{\"mcpServers\": {\"a\": 1}}",
                                        "{\"mcpServers\": {\"a\": {\"url\": 5}}}",
                                        "{\"mcpServers\": {\"a\": {\"url\": \"http",
                                        "{\"mcpServers\": {\"a\": {\"url\": null}}} trailing"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        parse(texts[i]);
        assert_int_equal(count, 0);
    }
}

static void one_file_tells_so_many(void **state)
{
    char text[8192] = "{\"mcpServers\": {\"first\": {}";
    (void)state;
    for (int i = 0; i < HR_PLUGIN_SERVERS_PER_FILE + 5; i++) {
        size_t n = strlen(text);
        (void)snprintf(text + n, sizeof(text) - n, ", \"s%d\": {\"url\": \"http://127.0.0.1/\"}",
                       i);
    }
    (void)snprintf(text + strlen(text), 3, "}}");
    parse(text);
    assert_int_equal(count, HR_PLUGIN_SERVERS_PER_FILE);
}

/* ---- folders ---- */

static char home[] = "/tmp/handrail-plugins-XXXXXX";

static void run(const char *format, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    if (strcmp(format, "mkdir") == 0)
        assert_int_equal(mkdir(path, 0755), 0);
    else if (strcmp(format, "mkfifo") == 0)
        assert_int_equal(mkfifo(path, 0644), 0);
    else if (remove(path) < 0)
        fail_msg("%s: %s", path, strerror(errno));
}

static void put(const char *name, const char *text, size_t pad)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    while (pad--)
        assert_int_equal(fputc(' ', f), ' ');
    assert_int_equal(fclose(f), 0);
}

static void read_home(void)
{
    told[0] = '\0';
    count = 0;
    hr_plugin_files_read(home, note, NULL);
}

static void both_places_are_read(void **state)
{
    static const char one[] = "{\"mcpServers\": {\"one\": {\"url\": \"http://127.0.0.1:1/\"}}}";
    static const char two[] = "{\"mcpServers\": {\"two\": {\"url\": \"http://127.0.0.1:2/\"}}}";
    static const char *const folders[] = {".agents",
                                          ".agents/plugins",
                                          ".agents/plugins/a",
                                          ".agents/plugins/empty",
                                          ".agents/plugins/fifo",
                                          ".agents/plugins/large",
                                          ".openhands",
                                          ".openhands/plugins",
                                          ".openhands/plugins/b"};
    (void)state;
    read_home(); /* there is nothing at all */
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 9; i++)
        run("mkdir", folders[i]);
    put(".agents/plugins/a/.mcp.json", one, 0);
    put(".agents/plugins/large/.mcp.json", one, HR_PLUGIN_FILE_MAX);
    put(".agents/plugins/.mcp.json", one, 0); /* belongs to no plugin */
    put(".openhands/plugins/b/.mcp.json", two, 0);
    run("mkfifo", ".agents/plugins/fifo/.mcp.json");
    read_home();
    assert_string_equal(told, "one http://127.0.0.1:1/\ntwo http://127.0.0.1:2/\n");
    run("remove", ".agents/plugins/a/.mcp.json");
    run("remove", ".agents/plugins/large/.mcp.json");
    run("remove", ".agents/plugins/.mcp.json");
    run("remove", ".openhands/plugins/b/.mcp.json");
    run("remove", ".agents/plugins/fifo/.mcp.json");
    for (size_t i = 9; i-- > 0;)
        run("remove", folders[i]);
}

static void so_many_files_are_read(void **state)
{
    char name[128];
    (void)state;
    run("mkdir", ".agents");
    run("mkdir", ".agents/plugins");
    for (int i = 0; i < HR_PLUGIN_FILES + 3; i++) {
        (void)snprintf(name, sizeof(name), ".agents/plugins/p%d", i);
        run("mkdir", name);
        (void)snprintf(name, sizeof(name), ".agents/plugins/p%d/.mcp.json", i);
        put(name, "{\"mcpServers\": {\"s\": {\"url\": \"http://127.0.0.1/\"}}}", 0);
    }
    read_home();
    assert_int_equal(count, HR_PLUGIN_FILES);
    for (int i = 0; i < HR_PLUGIN_FILES + 3; i++) {
        (void)snprintf(name, sizeof(name), ".agents/plugins/p%d/.mcp.json", i);
        run("remove", name);
        (void)snprintf(name, sizeof(name), ".agents/plugins/p%d", i);
        run("remove", name);
    }
    run("remove", ".agents/plugins");
    run("remove", ".agents");
}

/* ---- URLs ---- */

static void a_url_is_taken_apart(void **state)
{
    static const struct {
        const char *url;
        const char *request;
        const char *shown;
    } good[] = {
        {"http://127.0.0.1:80/mcp", "http://127.0.0.1:80/mcp", "http://127.0.0.1:80"},
        {"http://u:p@127.0.0.1:80/s3cret?k=1#x", "http://127.0.0.1:80/s3cret?k=1",
         "http://127.0.0.1:80"},
        {"http://u@v@10.0.0.1/", "http://10.0.0.1/", "http://10.0.0.1"},
        {"HTTP://LocalHost:8000", "http://LocalHost:8000/", "http://LocalHost:8000"},
        {"http://[::1]:9/mcp", "http://[::1]:9/mcp", "http://[::1]:9"},
        {"http://[fd00::2]", "http://[fd00::2]/", "http://[fd00::2]"},
        {"http://127.0.0.1?key=1", "http://127.0.0.1/?key=1", "http://127.0.0.1"},
        {"http://127.0.0.1:8000/a@b", "http://127.0.0.1:8000/a@b", "http://127.0.0.1:8000"},
        {"http://127.0.0.1:/x", "http://127.0.0.1:/x", "http://127.0.0.1:"},
    };
    char request[128];
    char shown[64];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(hr_plugin_url(good[i].url, request, sizeof(request), shown, sizeof(shown)),
                         0);
        assert_string_equal(request, good[i].request);
        assert_string_equal(shown, good[i].shown);
    }
}

static void what_cannot_be_asked(void **state)
{
    static const struct {
        const char *url;
        int err;
    } bad[] = {
        {"https://127.0.0.1/", -EPROTONOSUPPORT},
        {"file:///etc/passwd", -EPROTONOSUPPORT},
        {"", -EPROTONOSUPPORT},
        {"http://mcp.example.org/", -EHOSTUNREACH},
        {"http://127.0.0.1.example.org/", -EHOSTUNREACH},
        {"http://localhost.example.org/", -EHOSTUNREACH},
        {"http://127.1/", -EHOSTUNREACH},
        {"http://[::1/", -EINVAL},
        {"http://::1/", -EINVAL},
        {"http:///path", -EINVAL},
        {"http://127.0.0.1:0/", -EINVAL},
        {"http://127.0.0.1:65536/", -EINVAL},
        {"http://127.0.0.1:80x/", -EINVAL},
        {"http://127.0.0.1:123456789/", -EINVAL},
        {"http://user@/", -EINVAL},
        {"http://${HOST}/", -EINVAL},
        {"http://127.0.0.1/a b", -EINVAL},
        {"http://127.0.0.1/\r\nX: y", -EINVAL},
        {"http://127.0.0.1/\xc3\xa4", -EINVAL},
    };
    char request[128] = "untouched";
    char shown[64];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (hr_plugin_url(bad[i].url, request, sizeof(request), shown, sizeof(shown)) != bad[i].err)
            fail_msg("%s", bad[i].url);
    assert_string_equal(request, "untouched");
}

static void room_is_kept_to(void **state)
{
    char url[256] = "http://127.0.0.1";
    char request[256];
    char shown[64];
    (void)state;
    memset(url + strlen(url), '/', 20);
    for (size_t size = 0; size < 64; size++) {
        int whole = hr_plugin_url(url, request, 200, shown, size);
        assert_int_equal(whole, size > strlen("http://127.0.0.1") ? 0 : -E2BIG);
        memset(request, '#', sizeof(request));
        if (hr_plugin_url(url, request, size, shown, 64) == 0)
            assert_string_equal(request, url);
        assert_int_equal(request[size], '#');
    }
    assert_int_equal(hr_plugin_url("http://127.0.0.1", request, 18, shown, 64), 0);
    assert_string_equal(request, "http://127.0.0.1/");
    assert_int_equal(hr_plugin_url("http://127.0.0.1", request, 17, shown, 64), -E2BIG);
}

static int make_home(void **state)
{
    (void)state;
    return mkdtemp(home) ? 0 : -1;
}

static int remove_home(void **state)
{
    (void)state;
    return rmdir(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_with_a_url_are_told),
        cmocka_unit_test(our_own_file_is_passed_over),
        cmocka_unit_test(nonsense_is_passed_over),
        cmocka_unit_test(one_file_tells_so_many),
        cmocka_unit_test(both_places_are_read),
        cmocka_unit_test(so_many_files_are_read),
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(what_cannot_be_asked),
        cmocka_unit_test(room_is_kept_to),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
