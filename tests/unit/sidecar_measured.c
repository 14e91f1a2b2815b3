/* SPDX-License-Identifier: MIT
 * What is measured, and how: the arithmetic of policies, and each method against the real thing: a
 * port, a file system that never answers, files of a cgroup, heartbeats on a board. */
#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "http_fixture.h"
#include "sidecar/checks/registry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture fix;
static struct hr_board *board;
static int board_fd = -1;
static struct hr_board_service server;
static int results;
static int64_t skew; /* added to the clock */

static int64_t clock_now(void)
{
    return hr_now_ms() + skew;
}

static void on_result(struct hr_measure *m, void *arg)
{
    (void)m;
    (void)arg;
    results++;
}

static void put(uint32_t state, uint32_t starts, int pid)
{
    server.state = state;
    server.starts = starts;
    server.pid = pid;
    server.started_ms = clock_now();
    hr_board_put_service(board, 0, &server);
}

static int set_up(void **state)
{
    (void)state;
    const struct hr_board_head head = {.supervisor_pid = getppid(), .nservices = 1};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    results = 0;
    skew = 0;
    (void)sigaction(SIGCHLD, &ignore, NULL); /* as in the sidecar */
    if (hr_board_create(&board, &board_fd) || fixture_open(&fix, &fixture_limits))
        return -1;
    hr_board_put_head(board, &head);
    server = (struct hr_board_service){.name = "server", .last_status = -1};
    put(HR_UP, 1, 42);
    return 0;
}

static int tear_down(void **state)
{
    struct sigaction normal = {.sa_handler = SIG_DFL};
    (void)state;
    fixture_close(&fix);
    hr_board_unmap(board);
    hr_close(&board_fd);
    (void)sigaction(SIGCHLD, &normal, NULL);
    return 0;
}

static void fill(struct hr_measure *m, const char *name, struct hr_policy policy)
{
    m->name = m->what = name;
    m->policy = policy;
    m->failing_ms = policy.period_ms;
    m->loop = fix.loop;
    m->board = board;
    m->now_ms = clock_now;
    m->on_result = on_result;
}

/* Until there is one result more; the milliseconds it took, or -1 after 10 s. */
static int64_t until_result(void)
{
    int before = results;
    int64_t start = hr_now_ms();
    while (results == before) {
        if (hr_now_ms() - start > 10000)
            return -1;
        pump(fix.loop, 5);
    }
    return hr_now_ms() - start;
}

/* ---- policies ---- */

static void note(struct hr_measure *m, enum hr_found found)
{
    const struct hr_finding f = {.found = found, .message = "as said"};
    hr_measure_note(m, &f, clock_now());
}

static void failures_and_successes_in_a_row(void **state)
{
    struct hr_measure m = {.life = 1};
    (void)state;
    fill(&m, "x", (struct hr_policy){1000, 100, 2, 3});
    hr_measure_init(&m);
    assert_int_equal(m.result, HR_UNMEASURED);
    note(&m, HR_FOUND_GOOD);
    note(&m, HR_FOUND_GOOD);
    assert_int_equal(m.result, HR_UNMEASURED);
    assert_string_equal(m.last.message, "well again, 2 of 3 times");
    note(&m, HR_FOUND_GOOD);
    assert_int_equal(m.result, HR_OK);
    note(&m, HR_FOUND_BAD);
    note(&m, HR_FOUND_GOOD); /* the count of failures begins anew */
    note(&m, HR_FOUND_BAD);
    assert_int_equal(m.result, HR_OK);
    note(&m, HR_FOUND_BAD);
    assert_int_equal(m.result, HR_FAIL);
    note(&m, HR_FOUND_GOOD);
    note(&m, HR_FOUND_BAD); /* and that of successes */
    note(&m, HR_FOUND_GOOD);
    note(&m, HR_FOUND_GOOD);
    assert_int_equal(m.result, HR_FAIL);
    note(&m, HR_FOUND_GOOD);
    assert_int_equal(m.result, HR_OK);
    note(&m, HR_FOUND_DOWN); /* beyond doubt */
    assert_int_equal(m.result, HR_FAIL);
    note(&m, HR_FOUND_NOTHING);
    assert_int_equal(m.result, HR_UNKNOWN);
    assert_int_equal(m.failing_since, 0);
    note(&m, HR_FOUND_BAD); /* it was no success that has to be doubted first */
    assert_int_equal(m.result, HR_FAIL);
    assert_int_equal(m.good, 8);
    assert_int_equal(m.bad, 6);
}

static void what_is_not_about_the_server_outlives_it(void **state)
{
    struct hr_measure m = {.of_server = false};
    (void)state;
    fill(&m, "x", (struct hr_policy){1000, 100, 1, 1});
    hr_measure_init(&m);
    note(&m, HR_FOUND_GOOD);
    put(HR_BACKOFF, 1, 0);
    struct hr_life life = hr_life_read(board);
    assert_false(hr_measure_new_life(&m, &life));
    assert_int_equal(m.result, HR_OK);
    assert_int_equal(hr_measure_delay_ms(&m, &life, clock_now()), 1000);
    m.of_server = true;
    assert_int_equal(hr_measure_delay_ms(&m, &life, clock_now()), -1);
}

static bool easy;

static bool is_easy(const struct hr_measure *m)
{
    (void)m;
    return easy;
}

static void the_pace_is_easy_while_something_else_knows(void **state)
{
    struct hr_measure m = {.of_server = true, .life = 1, .easy_ms = 5000, .is_easy = is_easy};
    (void)state;
    struct hr_life life = hr_life_read(board);
    fill(&m, "x", (struct hr_policy){2000, 100, 3, 1});
    m.failing_ms = 250;
    m.refused_ms = 10;
    note(&m, HR_FOUND_GOOD);
    easy = false;
    assert_int_equal(hr_measure_delay_ms(&m, &life, clock_now()), 2000);
    easy = true;
    assert_int_equal(hr_measure_delay_ms(&m, &life, clock_now()), 5000);
    m.policy.period_ms = 7000; /* as it was set */
    assert_int_equal(hr_measure_delay_ms(&m, &life, clock_now()), 7000);
    note(&m, HR_FOUND_BAD);
    m.policy.period_ms = 100;
    assert_int_equal(hr_measure_delay_ms(&m, &life, clock_now() + 5), 100); /* no longer easy */
}

/* ---- ports ---- */

static struct hr_connect port;

static void port_of_ours(int number)
{
    memset(&port, 0, sizeof(port));
    fill(&port.m, "port/n", (struct hr_policy){50, 200, 2, 1});
    port.m.of_server = true;
    assert_int_equal(hr_connect_init(&port, "127.0.0.1", number), 0);
}

static void a_port_opens_and_closes(void **state)
{
    (void)state;
    port_of_ours(fix.port);
    hr_measure_start(&port.m);
    assert_in_range(until_result(), 0, 2000);
    assert_int_equal(port.m.result, HR_OK);
    assert_true(port.m.last.has_value);
    assert_int_equal(port.fd, -1);
    hr_http_free(fix.http);
    fix.http = NULL;
    hr_close(&fix.listen_fd);
    assert_in_range(until_result(), 0, 2000);
    assert_int_equal(port.m.result, HR_FAIL); /* at once: nobody doubts a closed port */
    put(HR_BACKOFF, 1, 0);
    hr_measure_board_changed(&port.m);
    int before = results;
    pump(fix.loop, 200);
    assert_int_equal(results, before); /* nobody is asked without a process */
    hr_measure_stop(&port.m);
    assert_int_equal(hr_connect_init(&port, "localhost", 1), -EINVAL);
}

/* Whoever listens on another address than the server does is found all the same. */
static void a_port_of_another_address(void **state)
{
    static const char *const hosts[] = {"::1", "127.0.0.2", "127.0.0.1", "::1"};
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (i == 3) { /* the last time there is nobody */
            hr_http_free(fix.http);
            fix.http = NULL;
            hr_close(&fix.listen_fd);
        }
        port_of_ours(fix.port);
        assert_int_equal(hr_connect_init(&port, hosts[i], fix.port), 0);
        hr_measure_start(&port.m);
        assert_in_range(until_result(), 0, 2000);
        assert_int_equal(port.m.result, i < 3 ? HR_OK : HR_FAIL);
        assert_int_equal(port.m.down, i == 3);
        assert_int_equal(port.fd, -1);
        hr_measure_stop(&port.m);
    }
}

/* A pod that was frozen for ten minutes goes on where it was. */
static void time_in_which_we_did_not_run_is_no_failure(void **state)
{
    (void)state;
    int number = fix.port;
    hr_http_free(fix.http);
    fix.http = NULL;
    hr_close(&fix.listen_fd);
    port_of_ours(number);
    port.m.policy.period_ms = port.m.failing_ms = 50;
    hr_measure_start(&port.m);
    (void)until_result();
    int64_t before = clock_now() - port.m.failing_since;
    assert_in_range(before, 0, 2000);
    skew += 600000; /* between two questions */
    (void)until_result();
    assert_in_range(clock_now() - port.m.failing_since, before, before + 5000);
    int64_t since = port.m.failing_since;
    (void)until_result(); /* in time: it counts again */
    assert_true(port.m.failing_since == since);
    hr_measure_stop(&port.m);
    skew -= 600000;
}

/* An address that does not answer at all: the time-out is the frame's. */
static void a_port_that_swallows_everything(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&at, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&at, &len), 0);
    int full[8];
    for (int i = 0; i < 8; i++) { /* its queue is full: the kernel drops what comes */
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(full[i], (struct sockaddr *)(void *)&at, len);
    }
    port_of_ours(ntohs(at.sin_port));
    port.m.what = "connect";
    hr_measure_start(&port.m);
    assert_in_range(until_result(), 150, 5000);
    assert_int_equal(port.m.result, HR_FAIL);
    assert_string_equal(port.m.last.message, "connect: no answer within 200 ms");
    assert_int_equal(port.fd, -1);
    hr_measure_stop(&port.m);
    for (int i = 0; i < 8; i++)
        hr_close(&full[i]);
    hr_close(&fd);
}

/* Asked a thousand times, a closed port is never taken by the question itself. */
static void a_closed_port_is_never_taken(void **state)
{
    (void)state;
    int number = fix.port;
    hr_http_free(fix.http);
    fix.http = NULL;
    hr_close(&fix.listen_fd);
    port_of_ours(number);
    port.m.policy.period_ms = port.m.failing_ms = 1;
    hr_measure_start(&port.m);
    int64_t start = hr_now_ms();
    while (port.m.bad < 1000 && hr_now_ms() - start < 20000)
        pump(fix.loop, 20);
    hr_measure_stop(&port.m);
    assert_int_equal(port.m.good, 0);
    assert_in_range(port.m.bad, 1000, 100000);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)number),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* without SO_REUSEADDR */
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&at, sizeof(at)), 0);
    hr_close(&fd);
}

/* ---- folders ---- */

static char folder[64];

static void make_folder(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/handrail-checks-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static void prepare_folders(struct hr_folders *f, const char *name, const char *path, bool writable)
{
    memset(f, 0, sizeof(*f));
    fill(&f->m, name, (struct hr_policy){50, 500, 2, 1});
    f->m.what = path;
    f->count = 1;
    f->writable = writable;
    f->free_is_percent = true;
    (void)snprintf(f->path[0], sizeof(f->path[0]), "%s", path);
    assert_int_equal(hr_folders_init(f), 0);
}

static void a_workspace_comes_and_goes(void **state)
{
    struct hr_folders f;
    (void)state;
    make_folder();
    assert_int_equal(rmdir(folder), 0);
    prepare_folders(&f, "workspace", folder, true);
    hr_measure_start(&f.m);
    assert_in_range(until_result(), 0, 5000);
    assert_int_equal(f.m.result, HR_UNKNOWN); /* nobody said that there has to be one */
    assert_non_null(strstr(f.m.last.message, "there is no /tmp"));
    assert_int_equal(mkdir(folder, 0700), 0);
    while (f.m.result != HR_OK)
        assert_in_range(until_result(), 0, 5000);
    assert_int_equal(rmdir(folder), 0);
    while (f.m.result != HR_FAIL) /* but this one was there */
        assert_in_range(until_result(), 0, 5000);
    assert_non_null(strstr(f.m.last.message, "No such file"));
    int fd = open(folder, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    hr_close(&fd);
    assert_in_range(until_result(), 0, 5000);
    assert_non_null(strstr(f.m.last.message, "Not a directory"));
    assert_int_equal(unlink(folder), 0);
    hr_measure_stop(&f.m);
    hr_folders_free(&f);
}

static void a_workspace_that_cannot_be_written_to(void **state)
{
    struct hr_folders f;
    bool mounted = false;
    (void)state;
    make_folder();
    if (geteuid() == 0) { /* for whom modes are nothing */
        mounted = mount("none", folder, "tmpfs", MS_RDONLY, NULL) == 0;
        if (!mounted) {
            (void)rmdir(folder);
            skip();
        }
    }
    assert_true(mounted || chmod(folder, 0500) == 0);
    prepare_folders(&f, "workspace", folder, true);
    hr_measure_start(&f.m);
    assert_in_range(until_result(), 0, 5000);
    assert_int_equal(f.m.result, HR_FAIL);
    assert_non_null(strstr(f.m.last.message, "cannot be written to"));
    hr_measure_stop(&f.m);
    hr_folders_free(&f);
    if (mounted)
        assert_int_equal(umount2(folder, MNT_DETACH), 0);
    (void)rmdir(folder);
}

static void space_by_share_and_by_size(void **state)
{
    struct hr_folders f;
    (void)state;
    prepare_folders(&f, "disk", "/tmp", false);
    hr_measure_start(&f.m);
    assert_in_range(until_result(), 0, 5000);
    assert_int_equal(f.m.result, HR_OK); /* no more than 0 % was asked for */
    assert_true(f.m.last.has_value && f.m.last.value >= 0 && f.m.last.value <= 100);
    json_t *disks = hr_folders_disks(&f);
    assert_int_equal(json_array_size(disks), 1);
    assert_true(json_integer_value(json_object_get(json_array_get(disks, 0), "size_bytes")) > 0);
    json_decref(disks);
    f.free_is_percent = false;
    f.free = INT64_MAX;
    f.m.policy.failures = 2;
    assert_in_range(until_result(), 0, 5000);
    assert_int_equal(f.m.result, HR_OK); /* one is forgiven */
    assert_in_range(until_result(), 0, 5000);
    assert_int_equal(f.m.result, HR_FAIL);
    assert_non_null(strstr(f.m.last.message, "GiB free"));
    hr_measure_stop(&f.m);
    hr_folders_free(&f);
}

/* A file system whose server never answers, as one behind a network that is gone. */
static int mount_dead(const char *on)
{
    char options[128];
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd,
                   (unsigned)getuid(), (unsigned)getgid());
    if (mount("dead", on, "fuse", MS_NOSUID | MS_NODEV, options) == 0)
        return fd;
    int err = -errno;
    hr_close(&fd);
    return err;
}

static void a_dead_file_system_holds_nobody(void **state)
{
    struct hr_folders dead;
    struct hr_folders well;
    int turns = 0;
    (void)state;
    make_folder();
    int fd = mount_dead(folder);
    if (fd < 0) {
        print_message("no file system can be mounted: %s\n", strerror(-fd));
        (void)rmdir(folder);
        skip();
    }
    prepare_folders(&dead, "disk", folder, false);
    prepare_folders(&well, "workspace", "/tmp", true);
    hr_measure_start(&dead.m);
    hr_measure_start(&well.m);
    int64_t start = hr_now_ms();
    for (; (dead.m.result != HR_FAIL || dead.m.failures < 3) && hr_now_ms() - start < 20000;
         turns++)
        pump(fix.loop, 10);
    assert_int_equal(dead.m.result, HR_FAIL);
    assert_non_null(strstr(dead.m.last.message, "no answer within 500 ms"));
    assert_int_equal(well.m.result, HR_OK); /* it was never late */
    assert_in_range(well.m.good, 3, 10000);
    assert_in_range(turns, 20, 10000); /* nor was the loop */
    assert_int_equal(umount2(folder, MNT_FORCE | MNT_DETACH), 0);
    hr_close(&fd);
    start = hr_now_ms();
    while (dead.m.result != HR_OK && hr_now_ms() - start < 20000)
        pump(fix.loop, 10);
    assert_int_equal(dead.m.result, HR_OK); /* and it is seen when it is over */
    hr_measure_stop(&dead.m);
    hr_measure_stop(&well.m);
    hr_folders_free(&dead);
    hr_folders_free(&well);
    (void)rmdir(folder);
}

/* ---- memory ---- */

static struct hr_memory memory;

static void put_file(const char *name, const char *text)
{
    char whole[256];
    (void)snprintf(whole, sizeof(whole), "%s%s", folder, name);
    for (char *p = whole + strlen(folder) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
        *p = '/';
    }
    int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, text, strlen(text)), 0);
    hr_close(&fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void measure_memory(void)
{
    hr_measure_start(&memory.m);
    assert_in_range(until_result(), 0, 2000);
    hr_measure_stop(&memory.m);
}

static void memory_against_its_limit(void **state)
{
    (void)state;
    make_folder();
    put_file("/sys/fs/cgroup/memory.current", "950\n");
    put_file("/sys/fs/cgroup/memory.max", "1000\n");
    put_file("/sys/fs/cgroup/memory.stat", "inactive_file 450\n");
    put_file("/sys/fs/cgroup/memory.pressure", "some avg10=0.00 avg60=0 avg300=0 total=0\n");
    memset(&memory, 0, sizeof(memory));
    fill(&memory.m, "memory", (struct hr_policy){50, 100, 1, 2});
    memory.free_is_percent = true;
    memory.free = 10;
    memory.pressure_percent = 20;
    hr_memory_init(&memory, folder);
    measure_memory();
    measure_memory();
    assert_int_equal(memory.m.result, HR_OK); /* what can be given back is not in use */
    assert_int_equal((int)memory.m.last.value, 50);
    put_file("/sys/fs/cgroup/memory.stat", "inactive_file 10\n");
    measure_memory();
    assert_int_equal(memory.m.result, HR_FAIL);
    memory.free = 5;
    measure_memory();
    measure_memory();
    assert_int_equal(memory.m.result, HR_OK);
    put_file("/sys/fs/cgroup/memory.pressure", "some avg10=20.00 avg60=0 avg300=0 total=9\n");
    measure_memory();
    assert_int_equal(memory.m.result, HR_FAIL);
    assert_non_null(strstr(memory.m.last.message, "20.0 % of the time"));
    put_file("/sys/fs/cgroup/memory.max", "max\n");
    measure_memory();
    assert_int_equal(memory.m.result, HR_UNKNOWN);
    assert_non_null(strstr(memory.m.last.message, "no limit"));
    hr_memory_stop(&memory);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void without_a_cgroup_memory_fails_nothing(void **state)
{
    (void)state;
    make_folder();
    memset(&memory, 0, sizeof(memory));
    fill(&memory.m, "memory", (struct hr_policy){50, 100, 1, 1});
    hr_memory_init(&memory, folder);
    hr_memory_start(&memory); /* whatever this kernel has to listen to */
    measure_memory();
    assert_int_equal(memory.m.result, HR_UNKNOWN);
    hr_memory_stop(&memory);
    (void)rmdir(folder);
}

/* ---- the lag of the loop ---- */

static struct hr_measure alive;
static struct hr_lag lag;

static void measure_lag(void)
{
    hr_measure_start(&lag.m);
    assert_in_range(until_result(), 0, 2000);
    hr_measure_stop(&lag.m);
}

static void prepare_lag(void)
{
    memset(&alive, 0, sizeof(alive));
    alive.life = 1;
    fill(&alive, "GET /alive", (struct hr_policy){1000, 100, 3, 1});
    memset(&lag, 0, sizeof(lag));
    lag.alive = &alive;
    lag.limit_ms = 1000;
    lag.m.of_server = true;
    lag.m.unit = "seconds";
    fill(&lag.m, "loop-lag", (struct hr_policy){50, 100, 1, 1});
    hr_lag_init(&lag);
}

static void lag_by_heartbeats(void **state)
{
    struct hr_board_server own = {.beat_ms = clock_now(), .lag_ms = 300};
    (void)state;
    prepare_lag();
    hr_board_put_server(board, &own);
    measure_lag();
    assert_int_equal(lag.m.result, HR_OK);
    assert_int_equal((int)(lag.m.last.value * 1000 + 0.5), 300);
    own.lag_ms = 1500;
    hr_board_put_server(board, &own);
    measure_lag();
    assert_int_equal(lag.m.result, HR_FAIL);
    own.lag_ms = 0;
    hr_board_put_server(board, &own);
    skew = 11000; /* the next one is due, and not late */
    measure_lag();
    assert_int_equal(lag.m.result, HR_OK);
    skew = 15000;
    measure_lag();
    assert_int_equal(lag.m.result, HR_FAIL);
    assert_in_range((int)(lag.m.last.value * 1000), 5000, 6000);
    assert_non_null(strstr(lag.m.last.message, "no heartbeat"));
}

static void lag_by_the_probe(void **state)
{
    (void)state;
    prepare_lag();
    measure_lag();
    assert_int_equal(lag.m.result, HR_UNKNOWN);
    struct hr_finding f = {.found = HR_FOUND_GOOD, .has_value = true, .value = 0.004};
    hr_measure_note(&alive, &f, clock_now());
    measure_lag();
    assert_int_equal(lag.m.result, HR_OK);
    assert_int_equal((int)(lag.m.last.value * 1000 + 0.5), 4);
    f.found = HR_FOUND_BAD;
    hr_measure_note(&alive, &f, clock_now() - 3000);
    measure_lag();
    assert_int_equal(lag.m.result, HR_FAIL);
    assert_in_range((int)(lag.m.last.value * 1000), 3000, 3900);
    f.found = HR_FOUND_DOWN; /* no loop that could lag */
    hr_measure_note(&alive, &f, clock_now());
    measure_lag();
    assert_int_equal(lag.m.result, HR_UNKNOWN);
}

/* ---- all of them, by settings ---- */

static struct hr_client *client;
static struct hr_checks *checks;
static bool dormant;

static void nothing_to_do(uint32_t starts, void *arg)
{
    (void)starts;
    (void)arg;
}

static bool is_dormant(void *arg)
{
    (void)arg;
    return dormant;
}

static int new_checks(const char *text, const char *key)
{
    json_t *settings = text ? json_loads(text, 0, NULL) : NULL;
    struct hr_checks_config cfg = {.loop = fix.loop,
                                   .board = board,
                                   .client = client,
                                   .host = "127.0.0.1",
                                   .port = fix.port,
                                   .settings = settings,
                                   .session_key = key,
                                   .is_dormant = is_dormant,
                                   .on_ready = nothing_to_do};
    int err = hr_checks_new(&cfg, &checks);
    json_decref(settings);
    return err;
}

static int open_client(void **state)
{
    dormant = false;
    checks = NULL;
    int err = set_up(state);
    return err ? err : hr_client_new(fix.loop, &client);
}

static int close_client(void **state)
{
    hr_checks_free(checks);
    hr_client_free(client);
    return tear_down(state);
}

static void settings_change_what_they_name(void **state)
{
    (void)state;
    assert_int_equal(new_checks("{\"ready\": {\"period_ms\": 500, \"failures\": 7},"
                                " \"alive\": {\"limit_ms\": 1234},"
                                " \"disk\": {\"free_bytes\": 99, \"gates\": [\"ready\"]},"
                                " \"memory\": {\"free_percent\": 1, \"pressure_percent\": 2},"
                                " \"workspace\": {\"path\": \"/w\"},"
                                " \"loop-lag\": {\"limit_ms\": 5, \"gates\": [\"live\", 3]},"
                                " \"port/80\": {}, \"port/8080\": {\"successes\": 2}}",
                                NULL),
                     0);
    assert_int_equal(checks->ready.m.policy.period_ms, 500);
    assert_int_equal(checks->ready.m.easy_ms, 0); /* also while heartbeats come */
    assert_int_equal(checks->ready.m.policy.timeout_ms, 2000);
    assert_int_equal(checks->ready.m.policy.failures, 7);
    assert_int_equal(checks->hang_limit_ms, 1234);
    assert_false(checks->disk.free_is_percent);
    assert_int_equal(checks->disk.free, 99);
    assert_string_equal(checks->disk.path[0], "/w");
    assert_string_equal(checks->workspace.path[0], "/w");
    assert_true(checks->workspace.seen);
    assert_true(checks->memory.free_is_percent);
    assert_int_equal(checks->memory.free, 1);
    assert_int_equal(checks->memory.pressure_percent, 2);
    assert_int_equal(checks->lag.limit_ms, 5);
    assert_int_equal(checks->nports, 2);
    json_t *all = hr_checks_status(checks);
    const json_t *one = NULL;
    size_t i = 0;
    int gated = 0;
    json_array_foreach (all, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        size_t gates = json_array_size(json_object_get(one, "gates"));
        const char *status = json_string_value(json_object_get(one, "status"));
        if (strcmp(name, "disk") == 0 || strcmp(name, "loop-lag") == 0) {
            assert_int_equal(gates, 1); /* not measured yet: not ready, but worth keeping */
            assert_string_equal(status, name[0] == 'd' ? "fail" : "warn");
            gated++;
        } else if (strncmp(name, "port/", 5) == 0) {
            assert_int_equal(gates, 0);
            assert_string_equal(status, "warn");
        }
    }
    assert_int_equal(gated, 2);
    json_decref(all);
}

/* What has not been well in this life of the server is no reason to end the container. */
static void liveness_waits_for_the_first_success(void **state)
{
    static const struct hr_checks_query q = {.verbose = false};
    struct hr_finding f = {.found = HR_FOUND_BAD};
    struct hr_buf out;
    (void)state;
    hr_buf_init(&out, 1024);
    assert_int_equal(new_checks("{\"loop-lag\": {\"gates\": [\"live\"]}}", NULL), 0);
    assert_int_equal(checks->ready.m.easy_ms, 5000); /* no period of /ready is set */
    checks->lag.m.life = 1;
    assert_int_equal(hr_checks_answer(checks, "/livez/loop-lag", &q, &out), 200);
    hr_measure_note(&checks->lag.m, &f, clock_now());
    assert_int_equal(hr_checks_answer(checks, "/livez/loop-lag", &q, &out), 200);
    f.found = HR_FOUND_GOOD;
    hr_measure_note(&checks->lag.m, &f, clock_now());
    f.found = HR_FOUND_BAD;
    hr_measure_note(&checks->lag.m, &f, clock_now());
    assert_int_equal(hr_checks_answer(checks, "/livez/loop-lag", &q, &out), 503);
    hr_buf_free(&out);
}

static void odd_ports_are_refused(void **state)
{
    char text[64 * (HR_CHECK_PORTS_MAX + 1)] = "{";
    (void)state;
    assert_int_equal(new_checks("{\"port/0\": {}}", NULL), -EPROTO);
    assert_int_equal(new_checks("{\"port/x\": {}}", NULL), -EPROTO);
    for (int i = 0; i <= HR_CHECK_PORTS_MAX; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\"port/%d\": {}",
                       i ? "," : "", 100 + i);
    (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "}");
    assert_int_equal(new_checks(text, NULL), -ENOSPC);
    assert_null(checks);
}

static const char *api_says(void)
{
    const struct hr_measure *m = &checks->api.m;
    uint64_t before = m->good + m->bad;
    int64_t asked = m->asked_ms;
    hr_measure_now(&checks->api.m);
    for (int64_t start = hr_now_ms(); hr_now_ms() - start < 5000;) {
        pump(fix.loop, 10);
        if (!m->busy && (m->good + m->bad != before || m->asked_ms != asked))
            break;
    }
    return m->last.message;
}

static void the_api_is_asked_only_when_it_can_answer(void **state)
{
    struct hr_finding ok = {.found = HR_FOUND_GOOD};
    (void)state;
    assert_int_equal(new_checks(NULL, NULL), 0);
    checks->api.m.policy.period_ms = 100000;
    assert_string_equal(api_says(), "not asked: no session key is known");
    hr_checks_set_key(checks, "one");
    assert_string_equal(api_says(), "not asked: the server is not ready");
    dormant = true;
    assert_string_equal(api_says(), "not asked: the server is dormant");
    assert_int_equal(checks->api.m.result, HR_UNKNOWN);
    assert_int_equal(fix.seen.len, 0); /* and nothing was asked */
    dormant = false;
    checks->ready.m.life = 1;
    hr_measure_note(&checks->ready.m, &ok, clock_now());
    checks->api.path[0] = checks->api.path[1] = "/";
    assert_non_null(strstr(api_says(), " answered "));
    assert_true(fix.seen.len > 0);
}

static int seen(const char *what)
{
    int n = 0;
    for (const char *p = hr_buf_str(&fix.seen); (p = strstr(p, what)); p++)
        n++;
    return n;
}

/* What costs the server much is asked once in each of its lives, and not forgotten in it. */
static void the_second_question_is_asked_once_a_life(void **state)
{
    struct hr_finding ok = {.found = HR_FOUND_GOOD};
    (void)state;
    assert_int_equal(new_checks(NULL, "k"), 0);
    checks->api.m.policy = (struct hr_policy){100000, 5000, 2, 1};
    checks->ready.m.life = 1;
    hr_measure_note(&checks->ready.m, &ok, clock_now());
    checks->api.path[0] = "/first";
    checks->api.path[1] = "/second";
    for (int i = 0; i < 2; i++) {
        (void)hr_client_url(checks->api.url[i], HR_PROBE_URL_MAX, "127.0.0.1", fix.port,
                            checks->api.path[i]);
    }
    for (int i = 0; i < 3; i++)
        assert_string_equal(api_says(), "GET /second answered 200");
    assert_int_equal(seen("GET /first"), 3);
    assert_int_equal(seen("GET /second"), 1);
    checks->api.once_status = 500; /* as if that had been its answer */
    assert_string_equal(api_says(), "GET /second answered 500");
    assert_string_equal(api_says(), "GET /second answered 500");
    assert_int_equal(checks->api.m.result, HR_FAIL);
    assert_int_equal(seen("GET /second"), 1);
    put(HR_UP, 2, 43);
    checks->ready.m.life = 2;
    (void)api_says();
    assert_string_equal(api_says(), "GET /second answered 200");
    assert_int_equal(seen("GET /second"), 2);
}

static void what_an_answer_of_ready_means(void **state)
{
    (void)state;
    assert_int_equal(new_checks(NULL, ""), 0);
    struct hr_probe *p = &checks->ready;
    assert_int_equal(p->judge(p, 404, "", 0), HR_FOUND_GOOD); /* a server that has none */
    assert_int_equal(p->judge(p, 503, "", 0), HR_FOUND_BAD);
    assert_int_equal(p->judge(p, 204, "", 0), HR_FOUND_BAD);
}

static void what_an_answer_of_the_api_means(void **state)
{
    static const char dormant_body[] = "{\"exception\":\"503: server is in deferred-init state\"}";
    (void)state;
    assert_int_equal(new_checks(NULL, "k"), 0);
    struct hr_probe *p = &checks->api;
    assert_int_equal(p->judge(p, 500, "", 0), HR_FOUND_BAD);
    assert_int_equal(p->judge(p, 503, "{}", 2), HR_FOUND_BAD);
    assert_int_equal(p->judge(p, 503, dormant_body, sizeof(dormant_body) - 1), HR_FOUND_NOTHING);
    assert_int_equal(p->judge(p, 401, "", 0), HR_FOUND_NOTHING);
    assert_int_equal(p->judge(p, 404, "", 0), HR_FOUND_NOTHING);
    char header[HR_PROBE_HEADER_MAX];
    char key[HR_CHECK_KEY_MAX + 2];
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    hr_checks_set_key(checks, key);
    assert_string_equal(checks->key, ""); /* too long to be sent */
    key[HR_CHECK_KEY_MAX] = '\0';
    hr_checks_set_key(checks, key);
    p->header(p, header, sizeof(header));
    assert_int_equal(strlen(header), strlen("X-Session-API-Key: ") + HR_CHECK_KEY_MAX);
}

/* A heartbeat answers for GET /alive, and slows GET /ready down. */
static void a_fresh_heartbeat_saves_questions(void **state)
{
    struct hr_board_server own = {.beat_ms = hr_now_ms(), .lag_ms = 20};
    struct hr_life life = hr_life_read(board);
    struct hr_finding ok = {.found = HR_FOUND_GOOD};
    (void)state;
    assert_int_equal(new_checks(NULL, NULL), 0);
    hr_board_put_server(board, &own);
    hr_measure_now(&checks->alive.m);
    for (int i = 0; i < 200 && checks->alive.m.result != HR_OK; i++)
        pump(fix.loop, 10);
    assert_int_equal(checks->alive.m.result, HR_OK);
    assert_int_equal(fix.seen.len, 0);
    checks->ready.m.life = 1;
    hr_measure_note(&checks->ready.m, &ok, hr_now_ms());
    assert_int_equal(hr_measure_delay_ms(&checks->ready.m, &life, hr_now_ms()), 5000);
    own.beat_ms -= HR_BEAT_FRESH_MS + 1000; /* too old to say anything */
    hr_board_put_server(board, &own);
    assert_int_equal(hr_measure_delay_ms(&checks->ready.m, &life, hr_now_ms()), 2000);
    hr_measure_now(&checks->alive.m);
    for (int i = 0; i < 200 && !fix.seen.len; i++)
        pump(fix.loop, 10);
    assert_non_null(strstr(hr_buf_str(&fix.seen), "GET /alive"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define C(name) cmocka_unit_test_setup_teardown(name, open_client, close_client)
    const struct CMUnitTest tests[] = {
        T(failures_and_successes_in_a_row),
        T(what_is_not_about_the_server_outlives_it),
        T(the_pace_is_easy_while_something_else_knows),
        T(a_port_opens_and_closes),
        T(time_in_which_we_did_not_run_is_no_failure),
        T(a_port_of_another_address),
        T(a_port_that_swallows_everything),
        T(a_closed_port_is_never_taken),
        T(a_workspace_comes_and_goes),
        T(a_workspace_that_cannot_be_written_to),
        T(space_by_share_and_by_size),
        T(a_dead_file_system_holds_nobody),
        T(memory_against_its_limit),
        T(without_a_cgroup_memory_fails_nothing),
        T(lag_by_heartbeats),
        T(lag_by_the_probe),
        C(settings_change_what_they_name),
        C(liveness_waits_for_the_first_success),
        C(odd_ports_are_refused),
        C(the_api_is_asked_only_when_it_can_answer),
        C(the_second_question_is_asked_once_a_life),
        C(what_an_answer_of_ready_means),
        C(what_an_answer_of_the_api_means),
        C(a_fresh_heartbeat_saves_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
