/* SPDX-License-Identifier: MIT
 * handrail-sidecar itself, started as the supervisor starts it, by this test, beside a server that
 * is this test, too.  What its parts do is tested elsewhere: here it is that they are connected. */
#include "check.h"
#include "common/board.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "fake_server.h"
#include "http_fixture.h"
#include "sidecar/http/client.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 10000, NOBODY = 65534, FIRST_FREE_FD = 20 };

#define SECRET "5ecret-of-the-body"
#define BODY   "{\"session_api_keys\":[\"" SECRET "\"]}"

static struct ev_loop *loop;
static struct hr_client *client;
static struct fake_server server;
static struct hr_board *board;
static int handed[HR_FD_MCP + 1]; /* what the sidecar gets at each number */
static int ours;                  /* end of the packet socket */
static int health_port;
static pid_t sidecar;

static int listener(int *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void board_changed(void)
{
    const uint64_t one = 1;
    assert_int_equal(write(handed[HR_FD_EVENT], &one, sizeof(one)), sizeof(one));
}

static void put_life(enum hr_state server_is, uint32_t starts, uint32_t replay_life)
{
    struct hr_board_service s = {.name = "server",
                                 .state = server_is,
                                 .pid = getpid(),
                                 .starts = starts,
                                 .started_ms = hr_now_ms(),
                                 .last_status = -1};
    struct hr_board_server own = {.replay_life = replay_life,
                                  .recorded = 1,
                                  .beat_ms = hr_now_ms(),
                                  .lag_ms = 12,
                                  .replays = 3};
    (void)snprintf(own.status, sizeof(own.status), "serving");
    hr_board_put_service(board, 0, &s);
    hr_board_put_server(board, &own);
    board_changed();
}

/* In the child.  Not as root if that can be helped: whose files are in /proc shows then whether the
 * process can be dumped. */
static void become_sidecar(int program)
{
    char *const argv[] = {"handrail-sidecar", NULL};
    char *const env[] = {"HANDRAIL_LOG_LEVEL=info", NULL};
    for (int i = HR_FD_SETTINGS; i <= HR_FD_MCP; i++)
        if (fcntl(handed[i], F_DUPFD, FIRST_FREE_FD + i) != FIRST_FREE_FD + i)
            _exit(99);
    for (int i = HR_FD_SETTINGS; i <= HR_FD_MCP; i++)
        if (dup2(FIRST_FREE_FD + i, i) != i || close(FIRST_FREE_FD + i) < 0)
            _exit(98);
    if (getuid() == 0 && (setgid(NOBODY) || setuid(NOBODY)))
        _exit(97);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)fexecve(program, argv, env);
    _exit(96);
}

static void start_sidecar(void)
{
    int program = open(SIDECAR, O_RDONLY | O_CLOEXEC);
    assert_true(program >= 0);
    sidecar = fork();
    assert_true(sidecar >= 0);
    if (!sidecar)
        become_sidecar(fcntl(program, F_DUPFD_CLOEXEC, 2 * FIRST_FREE_FD));
    hr_close(&program);
}

/* The wait status of its end after that signal. */
static int end_sidecar(int sig)
{
    int status = 0;
    assert_int_equal(kill(sidecar, sig), 0);
    assert_int_equal(waitpid(sidecar, &status, 0), sidecar);
    sidecar = 0;
    return status;
}

static int set_up(void **state)
{
    char settings[500];
    int ends[2];
    int mcp_port = 0;
    (void)state;
    loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    if (fake_server_open(&server, loop) || hr_client_new(loop, &client) ||
        hr_board_create(&board, &handed[HR_FD_BOARD]) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return -1;
    int n = snprintf(settings, sizeof(settings),
                     "{\"agent\":{\"host\":\"127.0.0.1\",\"port\":%d,\"session_key\":\"own\","
                     "\"init_key\":\"init key\",\"deferred\":true},\"mcp\":{\"token\":\"t\"},"
                     "\"ipc_key\":\"00112233445566778899aabbccddeeff"
                     "00112233445566778899aabbccddeeff\",\"plugins\":[]}",
                     server.port);
    assert_int_equal(hr_memfd_sealed("settings", settings, (size_t)n, &handed[HR_FD_SETTINGS]), 0);
    ours = ends[0];
    handed[HR_FD_NOTIFY] = ends[1];
    handed[HR_FD_EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    handed[HR_FD_HEALTH] = listener(&health_port);
    handed[HR_FD_MCP] = listener(&mcp_port);
    struct hr_board_head head = {.supervisor_pid = getpid(),
                                 .nservices = 1,
                                 .started_ms = hr_now_ms(),
                                 .started_wall_ms = hr_wall_ms()};
    hr_board_put_head(board, &head);
    start_sidecar();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (sidecar)
        (void)end_sidecar(SIGKILL);
    hr_client_free(client);
    fake_server_close(&server);
    hr_board_unmap(board);
    for (int i = HR_FD_SETTINGS; i <= HR_FD_MCP; i++)
        hr_close(&handed[i]);
    hr_close(&ours);
    ev_loop_destroy(loop);
    return 0;
}

/* What may come at any time: heartbeats, the pod's phase, which has tests of its own
 * (tests/unit/pool.c), and what was told already of a server that the board still has starting. */
static bool is_by_the_way(const char *text, const char *want)
{
    bool again = strncmp(text, "SERVER=", 7) == 0 ||
                 (strncmp(text, "INIT=", 5) == 0 && strstr(text, " 200"));
    return strcmp(text, "WATCHDOG=1") == 0 || strncmp(text, "PHASE=", 6) == 0 ||
           (again && strcmp(text, want) != 0);
}

static void assert_told(const char *want)
{
    char text[HR_NOTIFICATION_MAX] = "";
    int fd = -1;
    int err = -EAGAIN;
    int64_t end = hr_now_ms() + WAIT_MS;
    while ((err == -EAGAIN || is_by_the_way(text, want)) && hr_now_ms() < end) {
        pump(loop, 5);
        err = hr_packet_receive(ours, text, sizeof(text), &fd);
    }
    assert_int_equal(fd, -1);
    assert_string_equal(text, want);
}

static void order(const char *text, const char *body)
{
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(write(p[1], body, strlen(body)), strlen(body));
    hr_close(&p[1]);
    assert_int_equal(hr_order_send(ours, text, p[0]), 0);
    hr_close(&p[0]);
}

struct answer {
    int status; /* 0: none yet */
    struct hr_buf body;
};

static void on_done(int status, const char *body, size_t len, void *arg)
{
    struct answer *a = arg;
    a->status = status;
    assert_int_equal(hr_buf_add(&a->body, body, len), 0);
}

/* GET from the health listener; the caller frees ret. */
static int get(const char *path, struct hr_buf *ret)
{
    char url[100];
    struct answer a = {.status = 0};
    hr_buf_init(&a.body, 65536);
    assert_int_equal(hr_client_url(url, sizeof(url), "127.0.0.1", health_port, path), 0);
    assert_int_equal(hr_client_get(client, url, WAIT_MS, on_done, &a, NULL), 0);
    while (!a.status)
        pump(loop, 2);
    *ret = a.body;
    return a.status;
}

static void assert_page(const char *path, int status, const char *part)
{
    struct hr_buf page = {.data = NULL};
    int64_t end = hr_now_ms() + WAIT_MS;
    for (;;) {
        int got = get(path, &page);
        bool fine = got == status && strstr(hr_buf_str(&page), part);
        assert_null(strstr(hr_buf_str(&page), SECRET));
        if (!fine && hr_now_ms() > end)
            fail_msg("%s: %d without \"%s\":\n%s", path, got, part, hr_buf_str(&page));
        hr_buf_free(&page);
        if (fine)
            return;
        pump(loop, 20);
    }
}

static void a_server_is_initialised_again_and_then_ready(void **state)
{
    (void)state;
    assert_told("READY=1");
    put_life(HR_STARTING, 2, 2);
    assert_page("/readyz", 503, "[+]ready ok\n[-]init failed: initialisation not replayed yet\n");
    server.init[0] = 500;
    order("INIT 2", BODY);
    assert_told("INIT=2 200"); /* after a second */
    assert_told("SERVER=2");
    put_life(HR_UP, 2, 2);
    assert_string_equal(hr_buf_str(&server.seen),
                        "POST /api/init [init key] {application/json} " BODY "\n"
                        "POST /api/init [init key] {application/json} " BODY "\n");
    assert_page("/readyz", 200, "ok");
    order("PAUSE 2", BODY);
    assert_told("PAUSED=2 204");
    assert_non_null(strstr(server.seen.data, "pause [" SECRET "]"));
    assert_int_equal(hr_order_send(ours, "PAUSE 2", -1), 0);
    assert_told("PAUSED=2 204");
    assert_non_null(strstr(server.seen.data, "pause [own]"));
    assert_int_equal(end_sidecar(SIGTERM), 0);
}

static void the_next_sidecar_goes_on(void **state)
{
    (void)state;
    assert_told("READY=1");
    put_life(HR_STARTING, 1, 1);
    server.init[0] = FAKE_SILENT;
    order("INIT 1", BODY);
    for (int64_t end = hr_now_ms() + WAIT_MS; !server.ninit && hr_now_ms() < end;)
        pump(loop, 5);
    assert_int_equal(server.ninit, 1);
    (void)end_sidecar(SIGKILL);
    order("INIT 1", BODY); /* may come before the process that takes it */
    server.init[1] = 401;
    server.state = "ready";
    start_sidecar();
    assert_told("READY=1");
    assert_told("INIT=1 200");
    assert_told("SERVER=1");
}

static void a_failure_is_seen_where_people_look(void **state)
{
    (void)state;
    assert_told("READY=1");
    put_life(HR_STARTING, 1, 1);
    server.init[0] = 422;
    server.init_text = BODY;
    order("INIT 1", BODY);
    assert_told("INIT=1 422");
    assert_page("/readyz", 503,
                "[-]init failed: initialisation could not be replayed: "
                "POST /api/init answered 422: ");
    assert_page("/metrics", 200, "\nhandrail_check_ok{check=\"init\"} 0\n");
    assert_page("/status", 200, "answered 422");
    assert_page("/plugins", 200, "{\"plugins\":[");
    assert_page("/plugins/x", 404, "/plugins and /crashes");
    put_life(HR_STARTING, 1, 0);
    assert_told("SERVER=1");
    put_life(HR_UP, 1, 0);
    assert_page("/readyz", 200, "ok");
}

static void the_pages_tell_what_the_board_says(void **state)
{
    struct hr_buf page;
    (void)state;
    assert_told("READY=1");
    put_life(HR_STARTING, 1, 0);
    assert_told("SERVER=1");
    hr_board_put_output(board, 0, &(struct hr_board_output){.lines = 5, .bytes = 6});
    for (uint64_t i = 15; i <= 20; i++) { /* across the end of the ring */
        struct hr_board_crash c = {.number = i,
                                   .service = "server",
                                   .reason = "killed by signal 9",
                                   .status = SIGKILL,
                                   .life = 1,
                                   .pid = 77,
                                   .wall_ms = 1700000123045,
                                   .uptime_ms = 2500,
                                   .maxrss_kb = 3,
                                   .oom_kills = i == 20 ? -1 : 1};
        hr_board_put_crash(board, &c);
    }
    assert_int_equal(get("/crashes", &page), 200);
    json_t *all = json_loads(hr_buf_str(&page), 0, NULL);
    hr_buf_free(&page);
    assert_int_equal(json_array_size(all), 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(all, i), "number")),
                         20 - i);
    json_t *want = json_pack(
        "{s:i, s:s, s:i, s:i, s:s, s:{s:i}, s:b, s:s, s:f, s:f, s:f, s:i, s:n}", "number", 20,
        "service", "server", "life", 1, "pid", 77, "time", "2023-11-14T22:15:23.045Z", "exit",
        "signal", 9, "core_dumped", 0, "reason", "killed by signal 9", "uptime_seconds", 2.5,
        "user_seconds", 0., "system_seconds", 0., "max_rss_bytes", 3072, "oom_kills");
    assert_true(json_equal(json_array_get(all, 0), want));
    json_decref(want);
    json_decref(all);
    assert_int_equal(get("/status", &page), 200);
    json_t *status = json_loads(hr_buf_str(&page), 0, NULL);
    json_t *own = json_object_get(status, "server");
    hr_buf_free(&page);
    assert_non_null(own);
    assert_true(json_real_value(json_object_get(own, "heartbeat_age_seconds")) >= 0);
    json_object_del(own, "heartbeat_age_seconds");
    want = json_pack("{s:i, s:s, s:s, s:n, s:b, s:b, s:i, s:i}", "loop_lag_ms", 12, "status",
                     "serving", "agent", "unknown", "agent_error", "recorded", 1, "initialised", 1,
                     "replays", 3, "replay_errors", 0);
    assert_true(json_equal(own, want));
    json_decref(want);
    json_t *service = json_array_get(json_object_get(status, "services"), 0);
    want = json_pack("{s:i, s:i, s:i, s:i}", "lines", 5, "bytes", 6, "dropped_lines", 0,
                     "dropped_bytes", 0);
    assert_true(json_equal(json_object_get(service, "output"), want));
    json_decref(want);
    json_decref(status);
    assert_page("/metrics", 200, "{endpoint=\"/crashes\",code=\"2xx\"} 1\n");
    assert_page("/metrics", 200, "\nhandrail_tree_processes ");
}

/* The files of a process that cannot be dumped are root's in /proc. */
static void its_memory_is_nobodys_business(void **state)
{
    char path[40];
    struct stat st;
    (void)state;
    assert_told("READY=1");
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)sidecar);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, 0);
    (void)snprintf(path, sizeof(path), "/proc/%d", (int)getpid());
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, getuid()); /* so the kernel does tell */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_server_is_initialised_again_and_then_ready),
        T(the_next_sidecar_goes_on),
        T(a_failure_is_seen_where_people_look),
        T(the_pages_tell_what_the_board_says),
        T(its_memory_is_nobodys_business),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
