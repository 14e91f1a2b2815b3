/* SPDX-License-Identifier: MIT
 * The user's MCP servers: one that answers, one that says nothing, one that refuses, and their
 * later lives. */
#include "sidecar/preflight/foreign.h"

#include "check.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "http_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 5000, ROUND_MS = 300 };

#define SILENT(n)  "unreachable{how=\"silent\"} " n "\n"
#define FAILING(n) "unreachable{how=\"failing\"} " n "\n"

static char home[] = "/tmp/handrail-foreign-XXXXXX";
static char file[512];
static int log_pipe[2];
static struct fixture fixture; /* the server that answers */
static struct hr_client *client;
static struct hr_foreign *foreign;

static const struct hr_foreign_config quick = {
    .home = home, .timeout_ms = 150, .first_ms = ROUND_MS, .again_ms = ROUND_MS};

/* Everything logged since the last call. */
static const char *logged(void)
{
    static char text[65536];
    ssize_t n = read(log_pipe[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

static void put(const char *text)
{
    int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, text, strlen(text)), 0);
    hr_close(&fd);
}

static void put_server(const char *name, int port, const char *path)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{\"mcpServers\": {\"%s\": {\"url\": \"http://u:sekrit@127.0.0.1:%d%s\"}}}",
                   name, port, path);
    put(text);
}

static const char *metrics(void)
{
    static char text[4096];
    struct hr_buf out;
    struct hr_expo e;
    hr_buf_init(&out, sizeof(text) - 1);
    hr_expo_init(&e, &out);
    hr_foreign_collect(&e, foreign);
    assert_int_equal(hr_expo_finish(&e), 0);
    (void)snprintf(text, sizeof(text), "%s", hr_buf_str(&out));
    hr_buf_free(&out);
    return text;
}

/* Run until the metrics say so. */
static void until(const char *sample)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (!strstr(metrics(), sample) && hr_now_ms() < end)
        pump(fixture.loop, 5);
    has(metrics(), sample);
}

/* Run until the log has that; all that was logged meanwhile. */
static const char *until_logged(const char *part)
{
    static char text[65536];
    int64_t end = hr_now_ms() + WAIT_MS;
    text[0] = '\0';
    while (!strstr(text, part) && hr_now_ms() < end) {
        size_t n = strlen(text);
        (void)snprintf(text + n, sizeof(text) - n, "%s", logged());
        pump(fixture.loop, 5);
    }
    has(text, part);
    return text;
}

static void until_seen(const char *part)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (!strstr(hr_buf_str(&fixture.seen), part) && hr_now_ms() < end)
        pump(fixture.loop, 5);
    has(hr_buf_str(&fixture.seen), part);
}

static void no_child_is_left(void)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (waitid(P_ALL, 0, NULL, WEXITED | WNOHANG | WNOWAIT) == 0 && hr_now_ms() < end)
        pump(fixture.loop, 5);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void start(const struct hr_foreign_config *cfg)
{
    struct hr_foreign_config c = *cfg;
    c.loop = fixture.loop;
    c.client = client;
    assert_int_equal(hr_foreign_new(&c, &foreign), 0);
    hr_foreign_start(foreign);
}

/* A port on which connections are accepted by the kernel, and nothing is ever said. */
static int silent_listener(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static int set_up(void **state)
{
    (void)state;
    (void)logged();
    return fixture_open(&fixture, &fixture_limits) || hr_client_new(fixture.loop, &client);
}

static int tear_down(void **state)
{
    (void)state;
    hr_foreign_free(foreign);
    foreign = NULL;
    hr_client_free(client);
    fixture_close(&fixture);
    while (waitpid(-1, NULL, 0) > 0) /* a child that was killed in the middle */
        ;
    return unlink(file) < 0 && errno != ENOENT;
}

static void one_that_answers_is_asked_once(void **state)
{
    (void)state;
    put_server("good", fixture.port, "/mcp");
    start(&quick);
    until_seen("POST /mcp {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\"");
    pump(fixture.loop, 2 * ROUND_MS);
    assert_string_equal(logged(), "");
    assert_null(strstr(hr_buf_str(&fixture.seen) + 1, "POST"));
    has(metrics(), SILENT("0"));
    has(metrics(), FAILING("0"));
    no_child_is_left();
}

static void a_refusing_status_is_an_answer(void **state)
{
    (void)state;
    put_server("wants a key", fixture.port, "/missing"); /* 404 */
    start(&quick);
    until_seen("POST /missing");
    pump(fixture.loop, 2 * ROUND_MS);
    assert_string_equal(logged(), "");
    has(metrics(), FAILING("0"));
}

static void one_that_says_nothing_is_said_at_the_second_time(void **state)
{
    int port = 0;
    int fd = silent_listener(&port);
    char shown[64];
    (void)state;
    put_server("mute", port, "/mcp?key=sekrit");
    start(&quick);
    until(SILENT("1"));
    assert_string_equal(logged(), "");
    (void)snprintf(shown, sizeof(shown), "\"mute\" at http://127.0.0.1:%d does not answer", port);
    const char *said = until_logged(shown);
    has(said, "warning: ");
    has(said, file);
    has(said, "the native ones included");
    assert_null(strstr(said, "sekrit"));
    pump(fixture.loop, 3 * ROUND_MS); /* once is enough */
    assert_string_equal(logged(), "");
    has(metrics(), SILENT("1"));
    hr_close(&fd);
}

static void one_that_refuses_is_another_matter(void **state)
{
    int port = 0;
    int fd = silent_listener(&port);
    (void)state;
    hr_close(&fd);
    put_server("gone", port, "/mcp");
    start(&quick);
    until(FAILING("1"));
    assert_string_equal(logged(), "");
    const char *said = until_logged("cannot be reached");
    has(said, "\"gone\" at ");
    assert_null(strstr(said, "native"));
    has(metrics(), FAILING("1"));
    has(metrics(), SILENT("0"));
}

static void one_that_comes_late_is_not_said(void **state)
{
    (void)state;
    put_server("late", fixture.port, "/mcp");
    hr_http_free(fixture.http); /* it listens, and nobody serves yet */
    fixture.http = NULL;
    start(&quick);
    until(SILENT("1"));
    assert_int_equal(fixture_serve(&fixture, &fixture_limits), 0);
    until(SILENT("0"));
    pump(fixture.loop, ROUND_MS);
    assert_string_equal(logged(), "");
}

static void one_that_comes_back_is_told(void **state)
{
    (void)state;
    put_server("back", fixture.port, "/mcp");
    hr_http_free(fixture.http);
    fixture.http = NULL;
    start(&quick);
    (void)until_logged("does not answer");
    assert_int_equal(fixture_serve(&fixture, &fixture_limits), 0);
    (void)until_logged("answers now");
    has(metrics(), SILENT("0"));
}

static void garbage_is_an_answer(void **state)
{
    int port = 0;
    int fd = silent_listener(&port);
    (void)state;
    put_server("ssh", port, "/");
    start(&quick);
    assert_true(pump_readable(fixture.loop, fd, 2000));
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(peer >= 0);
    assert_int_equal(write(peer, "SSH-2.0-x\r\n", 11), 11);
    pump(fixture.loop, 2 * ROUND_MS); /* a second try would be seen */
    has(metrics(), FAILING("0"));
    has(metrics(), SILENT("0"));
    assert_int_equal(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), -1);
    hr_close(&peer);
    hr_close(&fd);
}

static void what_cannot_be_asked_is_not_counted(void **state)
{
    (void)state;
    put("{\"mcpServers\": {\"a\": {\"url\": \"https://127.0.0.1/\"},"
        "\"b\": {\"url\": \"http://mcp.example.org/\"}, \"c\": {\"command\": \"x\"}}}");
    start(&quick);
    pump(fixture.loop, 700);
    assert_string_equal(logged(), "");
    has(metrics(), FAILING("0"));
    assert_string_equal(hr_buf_str(&fixture.seen), "");
}

static void the_same_server_twice_is_asked_once(void **state)
{
    char text[512];
    (void)state;
    (void)snprintf(text, sizeof(text),
                   "{\"mcpServers\": {\"a\": {\"url\": \"http://127.0.0.1:%d/\"},"
                   "\"b\": {\"url\": \"http://k@127.0.0.1:%d/\"}}}",
                   fixture.port, fixture.port);
    put(text);
    start(&quick);
    until_seen("POST");
    pump(fixture.loop, ROUND_MS);
    assert_null(strstr(hr_buf_str(&fixture.seen) + 1, "POST"));
}

static void no_home_is_no_harm(void **state)
{
    struct hr_foreign_config cfg = quick;
    (void)state;
    cfg.home = "relative";
    start(&cfg);
    pump(fixture.loop, 50);
    assert_string_equal(logged(), "");
    hr_foreign_free(foreign);
    cfg.home = "/nonexistent/handrail";
    start(&cfg);
    pump(fixture.loop, 100);
    assert_string_equal(logged(), "");
    has(metrics(), SILENT("0"));
}

static void read_one_and_hang(const char *folder, hr_plugin_server *found, void *arg)
{
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", fixture.port);
    found(arg, folder, "early", url);
    for (;;)
        (void)pause();
}

static void files_that_do_not_come_are_given_up(void **state)
{
    struct hr_foreign_config cfg = quick;
    (void)state;
    cfg.files_ms = 300;
    cfg.read = read_one_and_hang;
    start(&cfg);
    (void)until_logged("could not be read within 300 ms");
    until_seen("POST / "); /* what had come is used */
    no_child_is_left();
}

/* What is left of ours in the process that reads, as the path of a URL. */
static void read_and_tell_of_itself(const char *folder, hr_plugin_server *found, void *arg)
{
    char url[128];
    char name[16] = "";
    int fds = 0;
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        fds += fcntl(fd, F_GETFD) >= 0;
    (void)prctl(PR_GET_NAME, name);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/%s/%d-fds/%d-dumpable", fixture.port,
                   name, fds, prctl(PR_GET_DUMPABLE));
    found(arg, folder, "itself", url);
}

/* Home may be on a file system that hangs: clients' connections must not live on in who reads it.
 */
static void the_reader_has_nothing_of_ours(void **state)
{
    struct hr_foreign_config cfg = quick;
    (void)state;
    cfg.read = read_and_tell_of_itself;
    start(&cfg);
    until_seen("POST /hr-mcp-files/1-fds/0-dumpable ");
}

static void read_and_say_much(const char *folder, hr_plugin_server *found, void *arg)
{
    static char big[8192];
    char url[64];
    memset(big, 'x', sizeof(big) - 1);
    found(arg, big, big, "http://127.0.0.1:1/"); /* cut */
    found(arg, folder, "b", big);                /* left out */
    found(arg, "line\nbreak", "c\033", "http://127.0.0.1:2/");
    for (int i = 0; i < 2 * HR_FOREIGN_SERVERS; i++) {
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:1/%d", i);
        found(arg, folder, "d", url);
    }
}

static void there_is_a_limit_to_everything(void **state)
{
    struct hr_foreign_config cfg = quick;
    char count[64];
    (void)state;
    cfg.read = read_and_say_much;
    start(&cfg);
    (void)snprintf(count, sizeof(count), "unreachable{how=\"failing\"} %d\n", HR_FOREIGN_SERVERS);
    until(count);
    (void)until_logged("line?break: MCP server \"c?\" at http://127.0.0.1:2 ");
}

static void it_can_be_ended_at_any_time(void **state)
{
    int port = 0;
    int fd = silent_listener(&port);
    (void)state;
    put_server("mute", port, "/");
    for (int ms = 0; ms < 40; ms += 4) {
        start(&quick);
        pump(fixture.loop, ms);
        hr_foreign_free(foreign);
        foreign = NULL;
    }
    hr_close(&fd);
}

static int make_home(void **state)
{
    static const char *const folders[] = {".agents", ".agents/plugins", ".agents/plugins/users"};
    char path[256];
    (void)state;
    if (!mkdtemp(home))
        return -1;
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", home, folders[i]);
        if (mkdir(path, 0755))
            return -1;
    }
    (void)snprintf(file, sizeof(file), "%s/.mcp.json", path);
    return 0;
}

static int remove_home(void **state)
{
    static const char *const folders[] = {"/.agents/plugins/users", "/.agents/plugins", "/.agents",
                                          ""};
    char path[256];
    int left = 0;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", home, folders[i]);
        left |= rmdir(path);
    }
    return left;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_that_answers_is_asked_once),
        TEST(a_refusing_status_is_an_answer),
        TEST(one_that_says_nothing_is_said_at_the_second_time),
        TEST(one_that_refuses_is_another_matter),
        TEST(one_that_comes_late_is_not_said),
        TEST(one_that_comes_back_is_told),
        TEST(garbage_is_an_answer),
        TEST(what_cannot_be_asked_is_not_counted),
        TEST(the_same_server_twice_is_asked_once),
        TEST(no_home_is_no_harm),
        TEST(files_that_do_not_come_are_given_up),
        TEST(the_reader_has_nothing_of_ours),
        TEST(there_is_a_limit_to_everything),
        TEST(it_can_be_ended_at_any_time),
    };
    (void)signal(SIGCHLD, SIG_IGN); /* as in the sidecar */
    /* The log goes into a pipe of ours; what is wrong with a test is written to standard output. */
    if (pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK) || dup2(log_pipe[1], STDERR_FILENO) < 0)
        return 1;
    hr_log_init("test", HR_LOG_INFO);
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
