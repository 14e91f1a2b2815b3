/* SPDX-License-Identifier: MIT
 * See orders_fixture.h. */
#include "orders_fixture.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "http_fixture.h"
#include "sanitizer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct orders_fixture fix;

static struct hr_board *board;
static int board_fd = -1;
static int sidecar_socket = -1;
static struct hr_client *client;
static struct hr_buf told; /* notifications, a line each */
static int fds_before;
static int undumped_before;

static int count_fds(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n;
}

/* Mappings that are in no core dump: the bodies, and what the kernel has of these. */
static int count_undumped(void)
{
    char *line = NULL;
    size_t size = 0;
    int n = 0;
    FILE *file = fopen("/proc/self/smaps", "re");
    assert_non_null(file);
    while (getline(&line, &size, file) > 0)
        n += strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd");
    free(line);
    (void)fclose(file);
    return n;
}

void assert_bodies(int count)
{
    if (!HR_SANITIZER)
        assert_int_equal(count_undumped() - undumped_before, count);
}

static void notify(const char *line, void *arg)
{
    (void)arg;
    assert_int_equal(hr_buf_addf(&told, "%s\n", line), 0);
}

void put_state(uint32_t starts, int pid, uint32_t state)
{
    struct hr_board_service s = {
        .name = "server", .state = state, .starts = starts, .pid = pid, .last_status = -1};
    hr_board_put_service(board, 0, &s);
    hr_orders_board_changed(fix.orders);
}

void put_life(uint32_t starts, int pid)
{
    put_state(starts, pid, pid ? HR_STARTING : HR_BACKOFF);
}

void put_replay_life(uint32_t life)
{
    struct hr_board_server s = {.replay_life = life, .recorded = life != 0};
    hr_board_put_server(board, &s);
    hr_orders_board_changed(fix.orders);
}

void new_sidecar(void)
{
    hr_orders_free(fix.orders);
    fix.orders = NULL;
    assert_int_equal(hr_orders_new(&fix.cfg, &fix.orders), 0);
    hr_orders_start(fix.orders);
}

int orders_plugins_fd;

static void plugins(int *fd, void *arg)
{
    (void)arg;
    orders_plugins_fd = *fd;
}

int orders_set_up(void **state)
{
    int ends[2];
    (void)state;
    fds_before = count_fds();
    undumped_before = count_undumped();
    fix.loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    hr_buf_init(&told, 65536);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) ||
        hr_board_create(&board, &board_fd) || fake_server_open(&fix.server, fix.loop) ||
        hr_client_new(fix.loop, &client))
        return -1;
    fix.socket = ends[0];
    sidecar_socket = ends[1];
    struct hr_board_head head = {.supervisor_pid = getppid(), .nservices = 1};
    hr_board_put_head(board, &head);
    fix.cfg = (struct hr_orders_config){.loop = fix.loop,
                                        .board = board,
                                        .client = client,
                                        .socket = sidecar_socket,
                                        .host = "127.0.0.1",
                                        .port = fix.server.port,
                                        .init_key = "init key",
                                        .session_key = "own key",
                                        .notify = notify,
                                        .plugins = plugins,
                                        .init_timeout_ms = TIMEOUT_MS,
                                        .init_retry_ms = RETRY_MS,
                                        .pause_timeout_ms = TIMEOUT_MS};
    new_sidecar();
    put_life(2, 42);
    return 0;
}

int orders_tear_down(void **state)
{
    (void)state;
    hr_orders_free(fix.orders);
    fix.orders = NULL;
    hr_client_free(client);
    fake_server_close(&fix.server);
    hr_board_unmap(board);
    hr_close(&board_fd);
    hr_close(&fix.socket);
    hr_close(&sidecar_socket);
    hr_buf_free(&told);
    ev_loop_destroy(fix.loop);
    assert_int_equal(count_fds(), fds_before);
    assert_bodies(0);
    return 0;
}

int pipe_of(const char *text, size_t len)
{
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    assert_true(fcntl(p[1], F_SETPIPE_SZ, 1024 * 1024) > 0);
    if (len)
        assert_int_equal(write(p[1], text, len), len);
    hr_close(&p[1]);
    return p[0];
}

void send_fd(const char *order, int fd)
{
    assert_int_equal(hr_order_send(fix.socket, order, fd), 0);
    hr_close(&fd);
}

void send_body(const char *order, const char *body)
{
    send_fd(order, pipe_of(body, strlen(body)));
}

void assert_told(const char *want)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (told.len < strlen(want) && hr_now_ms() < end)
        pump(fix.loop, 2);
    pump(fix.loop, SETTLE_MS);
    assert_string_equal(hr_buf_str(&told), want);
    hr_buf_reset(&told);
    if (told.data)
        told.data[0] = '\0';
}

void assert_told_number(const char *what, int number)
{
    char want[60];
    (void)snprintf(want, sizeof(want), "%s %d\n", what, number);
    assert_told(want);
}

void limit_descriptors(rlim_t limit)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
}

rlim_t no_descriptors(void)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest = fcntl(fix.socket, F_DUPFD_CLOEXEC, 0);
    assert_true(lowest >= 0);
    limit_descriptors((rlim_t)lowest);
    hr_close(&lowest);
    return before.rlim_cur;
}

void await_init(int count)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (fix.server.ninit < count && hr_now_ms() < end)
        pump(fix.loop, 1);
    pump(fix.loop, RETRY_MS / 5);
    assert_int_equal(fix.server.ninit, count);
}

void assert_seen(const char *want)
{
    assert_string_equal(hr_buf_str(&fix.server.seen), want);
    hr_buf_reset(&fix.server.seen);
    if (fix.server.seen.data)
        fix.server.seen.data[0] = '\0';
}

void assert_init(uint32_t life, int err, const char *part)
{
    char reason[320] = "";
    assert_int_equal(hr_orders_init_ok(fix.orders, life, reason, sizeof(reason)), err);
    if (!strstr(reason, part))
        fail_msg("no \"%s\" in \"%s\"", part, reason);
}
