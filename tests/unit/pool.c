/* SPDX-License-Identifier: MIT
 * The pool's part of a sidecar as a whole: a board and a PID 1 that are the test's, a volume on
 * disk, and a fake server. */
#include "sidecar/pool/pool.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "fake_server.h"
#include "http_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN     "agents.x-k8s.io/sandbox-name-hash=\"5d1f\"\n"
#define POOLED  OWN "agents.x-k8s.io/warm-pool-sandbox=\"478b\"\n"
#define CLAIMED "agents.x-k8s.io/claim-uid=\"u-1\"\n" OWN

enum { WAIT_MS = 5000, SERVER_LIFE_PID = 42, WALK = 400, NPATHS = 16 };

static struct ev_loop *loop;
static struct fake_server server;
static struct hr_client *client;
static struct hr_board *board;
static int board_fd = -1;
static struct hr_pool *pool;
static struct hr_pool_config cfg;
static struct hr_board_phase pod; /* PID 1's */
static char folder[] = "/tmp/handrail-pool-XXXXXX";
static char dir[64];
static int versions;
static bool changed; /* on the board, and the sidecar has not been told */
static int claims;   /* handed over */
static int refuse;   /* -errno of handing over; 0: it is taken */
static char claim[4096];
static bool is_ready;
static const char *note; /* the annotations */
static int told_labels;  /* how often they were told to be others */

/* ---- PID 1 ---- */

static void publish(void)
{
    hr_phase_enter(&pod, (enum hr_pod_phase)pod.told, hr_now_ms(), hr_wall_ms());
    hr_board_put_phase(board, &pod);
    changed = true;
}

static void notify(const char *line, void *arg)
{
    struct hr_phase_word w;
    (void)arg;
    assert_int_equal(strncmp(line, "PHASE=", 6), 0);
    assert_int_equal(hr_phase_word_parse(line + 6, &w), 0);
    if ((w.seen & HR_SEEN_CLAIMED) && !pod.claimed_ms)
        pod.claimed_ms = hr_now_ms();
    pod.told = w.phase;
    pod.seen |= w.seen;
    memcpy(pod.claim_uid, w.claim_uid, sizeof(pod.claim_uid));
    publish();
}

static void put_hook(uint32_t starts, enum hr_state state)
{
    struct hr_board_service s = {
        .name = "on-claim", .kind = HR_HOOK, .state = state, .starts = starts, .last_status = -1};
    hr_board_put_service(board, 1, &s);
    changed = true;
}

static int hand_over(const char *line, int fd, void *arg)
{
    (void)arg;
    assert_string_equal(line, "CLAIM=1");
    if (refuse)
        return refuse;
    ssize_t n = pread(fd, claim, sizeof(claim) - 1, 0);
    assert_true(n > 0);
    claim[n] = '\0';
    claims++;
    put_hook(1, HR_STARTING);
    return 0;
}

static void on_labels(bool news, void *arg)
{
    (void)news;
    (void)arg;
    told_labels++;
}

static int ready_ok(char *reason, size_t size, void *arg)
{
    (void)arg;
    (void)snprintf(reason, size, "%s", is_ready ? "" : "process failed: not yet");
    return is_ready ? 0 : -1;
}

/* Those it has been in so far, each with a space behind it. */
static const char *phases(void)
{
    static char text[HR_PHASE_STEPS * 16];
    size_t n = 0;
    for (uint32_t i = 0; i < pod.nsteps; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ",
                              hr_pod_phase_name(pod.steps[i].phase));
    return text;
}

static void put_server(uint32_t starts, enum hr_state state)
{
    struct hr_board_service s = {.name = "server",
                                 .state = state,
                                 .starts = starts,
                                 .pid =
                                     state == HR_UP || state == HR_STARTING ? SERVER_LIFE_PID : 0,
                                 .last_status = -1};
    hr_board_put_service(board, 0, &s);
    changed = true;
}

/* ---- the volume ---- */

static void put_file(const char *version, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", dir, version, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, text, strlen(text)), 0);
    hr_close(&fd);
}

/* As the kubelet does it. */
static void write_labels(const char *labels)
{
    char version[32];
    char path[128];
    char other[128];
    (void)mkdir(dir, 0700);
    (void)snprintf(version, sizeof(version), "..version-%d", versions++);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, version);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file(version, "labels", labels);
    put_file(version, "annotations", note);
    (void)snprintf(path, sizeof(path), "%s/..data_tmp", dir);
    (void)snprintf(other, sizeof(other), "%s/..data", dir);
    assert_int_equal(symlink(version, path), 0);
    assert_int_equal(rename(path, other), 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

/* ---- */

static void look(int ms)
{
    for (int i = 0; i < 8 && changed; i++) {
        changed = false;
        hr_pool_board_changed(pool);
    }
    pump(loop, ms);
}

static void await_phase(enum hr_pod_phase phase)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (pod.phase != (uint32_t)phase && hr_now_ms() < end)
        look(2);
    assert_string_equal(hr_pod_phase_name(pod.phase), hr_pod_phase_name(phase));
    look(2);
}

static void make_pool(void)
{
    assert_int_equal(hr_pool_new(&cfg, &pool), 0);
    hr_pool_start(pool);
}

static void another_sidecar(void)
{
    hr_pool_free(pool);
    make_pool();
}

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    if (!mkdtemp(folder) || hr_board_create(&board, &board_fd) || fake_server_open(&server, loop) ||
        hr_client_new(loop, &client))
        return -1;
    (void)snprintf(dir, sizeof(dir), "%s/podinfo", folder);
    struct hr_board_head head = {.supervisor_pid = getpid(), .nservices = 2};
    hr_board_put_head(board, &head);
    pod = (struct hr_board_phase){0};
    claims = refuse = 0;
    claim[0] = '\0';
    is_ready = true;
    note = "note=\"n\"";
    told_labels = 0;
    server.state = NULL;
    publish();
    put_server(0, HR_DOWN);
    put_hook(0, HR_DOWN);
    cfg = (struct hr_pool_config){.loop = loop,
                                  .board = board,
                                  .client = client,
                                  .host = "127.0.0.1",
                                  .port = server.port,
                                  .podinfo_dir = dir,
                                  .notify = notify,
                                  .hand_over = hand_over,
                                  .ready_ok = ready_ok,
                                  .on_labels = on_labels};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hr_pool_free(pool);
    pool = NULL;
    hr_client_free(client);
    fake_server_close(&server);
    hr_board_unmap(board);
    hr_close(&board_fd);
    ev_loop_destroy(loop);
    (void)nftw(folder, remove_one, NPATHS, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* ---- the tests ---- */

static void from_the_pool_to_its_user(void **state)
{
    (void)state;
    write_labels(POOLED);
    make_pool();
    put_server(1, HR_STARTING);
    await_phase(HR_POD_WARMING);
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    assert_int_equal(claims, 0);
    write_labels(CLAIMED);
    await_phase(HR_POD_CLAIMED);
    assert_string_equal(pod.claim_uid, "u-1");
    assert_int_equal(claims, 1);
    assert_non_null(strstr(claim, "\"uid\":\"u-1\""));
    assert_non_null(strstr(claim, "\"note\":\"n\""));
    assert_string_equal(phases(), "starting warming warm claimed ");
    assert_int_equal(pod.seen, HR_SEEN_POOLED | HR_SEEN_CLAIMED);
}

static void a_claim_waits_for_the_server(void **state)
{
    (void)state;
    write_labels(CLAIMED);
    make_pool();
    put_server(1, HR_STARTING);
    await_phase(HR_POD_WARMING);
    look(20);
    assert_int_equal(pod.seen, HR_SEEN_CLAIMED);
    assert_int_equal(claims, 0);
    put_server(1, HR_UP);
    await_phase(HR_POD_CLAIMED);
    assert_string_equal(phases(), "starting warming claimed ");
    assert_int_equal(claims, 1);
}

static void a_deferred_server_is_warm_when_it_is_known_to_be_dormant(void **state)
{
    (void)state;
    cfg.deferred = true;
    server.state = "no such state";
    make_pool();
    put_server(1, HR_UP);
    await_phase(HR_POD_WARMING);
    look(100);
    assert_int_equal(pod.phase, HR_POD_WARMING);
    put_server(1, HR_STARTING);
    look(2);
    server.state = "dormant";
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    /* Told by the helper, so that nobody has to wait for the next question. */
    server.state = "ready";
    struct hr_board_server own = {.recorded = 1};
    hr_board_put_server(board, &own);
    changed = true;
    await_phase(HR_POD_CLAIMED);
    assert_int_equal(claims, 1);
    assert_non_null(strstr(claim, "\"uid\":null"));
}

/* What the first of them has handed over, or has not, the next one must not do again, or must. */
static void one_claim_whatever_becomes_of_the_sidecar(void **state)
{
    (void)state;
    write_labels(CLAIMED);
    put_server(1, HR_UP);
    make_pool();
    refuse = -EAGAIN;
    await_phase(HR_POD_CLAIMED);
    assert_int_equal(claims, 0);
    another_sidecar();
    look(2);
    assert_int_equal(claims, 0);
    refuse = 0;
    int64_t end = hr_now_ms() + WAIT_MS;
    while (!claims && hr_now_ms() < end)
        look(5);
    assert_int_equal(claims, 1);
    put_hook(1, HR_DOWN); /* done */
    look(5);
    another_sidecar();
    look(50);
    assert_int_equal(claims, 1);
    assert_int_equal(pod.phase, HR_POD_CLAIMED);
}

static void used_after_the_claim(void **state)
{
    (void)state;
    server.info = "{\"uptime\":500,\"idle_time\":100,\"version\":\"1.58.0\"}";
    write_labels(POOLED);
    make_pool();
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    look(50); /* used, but in the pool */
    assert_int_equal(pod.phase, HR_POD_WARM);
    write_labels(CLAIMED);
    await_phase(HR_POD_CLAIMED);
    look(50); /* and before the claim */
    assert_int_equal(pod.phase, HR_POD_CLAIMED);
    server.info = "{\"uptime\":500,\"idle_time\":0}";
    another_sidecar(); /* it asks at once */
    await_phase(HR_POD_ACTIVE);
}

/* One that has had no event says the same of both. */
static void a_fresh_server_is_not_used(void **state)
{
    (void)state;
    server.info = "{\"uptime\":1,\"idle_time\":0}";
    make_pool();
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    look(50);
    assert_int_equal(pod.phase, HR_POD_WARM);
    server.info = "{\"uptime\":9,\"idle_time\":3}";
    another_sidecar();
    await_phase(HR_POD_ACTIVE);
}

/* Controllers write them at any time; who asks is told the present ones. */
static void annotations_alone_are_no_event(void **state)
{
    (void)state;
    write_labels(POOLED);
    make_pool();
    look(50);
    assert_int_equal(told_labels, 1);
    note = "note=\"another\"";
    write_labels(POOLED);
    look(100);
    assert_int_equal(told_labels, 1);
    assert_string_equal(json_string_value(json_object_get(hr_pool_annotations(pool), "note")),
                        "another");
    write_labels(CLAIMED);
    look(100);
    assert_int_equal(told_labels, 2);
}

/* What the helper in the server says of it is not waited for with the next question. */
static void a_use_that_the_helper_tells_of_is_known_at_once(void **state)
{
    struct hr_board_server own = {.lag_ms = 0, .beat_ms = 1};
    (void)state;
    server.info = "{\"uptime\":500,\"idle_time\":500}";
    hr_board_put_server(board, &own);
    make_pool();
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    look(100);
    int before = server.ninfo;
    own.activity++; /* before the server itself knows of it */
    hr_board_put_server(board, &own);
    changed = true;
    look(100);
    assert_int_equal(server.ninfo, before + 1);
    assert_int_equal(pod.phase, HR_POD_WARM);
    server.info = "{\"uptime\":500,\"idle_time\":0}";
    int64_t began = hr_now_ms();
    await_phase(HR_POD_ACTIVE);
    assert_in_range(hr_now_ms() - began, 0, 2000);
    before = server.ninfo;
    own.activity++; /* no news any more */
    hr_board_put_server(board, &own);
    changed = true;
    look(100);
    assert_int_equal(server.ninfo, before);
}

/* In a pool it is being warmed up. */
static void what_the_helper_tells_of_in_the_pool_is_no_use(void **state)
{
    struct hr_board_server own = {.lag_ms = 0, .beat_ms = 1};
    (void)state;
    server.info = "{\"uptime\":500,\"idle_time\":0}";
    write_labels(POOLED);
    make_pool();
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    look(50);
    int before = server.ninfo;
    own.activity++;
    hr_board_put_server(board, &own);
    changed = true;
    look(50);
    assert_int_equal(server.ninfo, before);
    assert_int_equal(pod.phase, HR_POD_WARM);
}

static void has_metric(const char *line, bool there)
{
    struct hr_buf out;
    struct hr_expo e;
    hr_buf_init(&out, 65536);
    hr_expo_init(&e, &out);
    hr_pool_collect(&e, pool);
    assert_int_equal(hr_expo_finish(&e), 0);
    if ((strstr(hr_buf_str(&out), line) != NULL) != there)
        fail_msg("%s \"%s\" in:\n%s", there ? "no" : "a", line, hr_buf_str(&out));
    hr_buf_free(&out);
}

static void conversations_are_counted_with_the_key(void **state)
{
    static const char name[] = "\nhandrail_server_conversations ";
    (void)state;
    server.count = "7";
    server.key = "k";
    make_pool();
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    look(50);
    assert_int_equal(server.ncount, 0); /* not without one */
    has_metric(name, false);
    hr_pool_set_key(pool, "wrong");
    look(100);
    assert_int_equal(server.ncount, 1);
    has_metric(name, false);
    hr_pool_set_key(pool, "k");
    look(100);
    has_metric("\nhandrail_server_conversations 7\n", true);
    put_server(1, HR_BACKOFF); /* what has died has none */
    look(50);
    has_metric(name, false);
    put_server(2, HR_UP);
    server.count = "-1";
    look(100);
    assert_int_equal(server.ncount, 3);
    has_metric(name, false);
}

/* A dormant server has none, and would answer 503. */
static void conversations_of_a_dormant_server_are_not_counted(void **state)
{
    struct hr_board_server own = {.lag_ms = -1};
    (void)state;
    cfg.deferred = true;
    server.state = "dormant";
    server.count = "1";
    make_pool();
    hr_pool_set_key(pool, "k");
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    look(50);
    assert_int_equal(server.ncount, 0);
    server.state = "ready";
    own.recorded = 1;
    hr_board_put_server(board, &own);
    changed = true;
    await_phase(HR_POD_CLAIMED);
    look(50);
    assert_int_equal(server.ncount, 1);
    has_metric("\nhandrail_server_conversations 1\n", true);
}

static unsigned ask_warm(const char *path, const struct hr_checks_query *q, const char *part)
{
    struct hr_buf out;
    hr_buf_init(&out, 4096);
    unsigned status = hr_pool_warm(pool, path, q, &out);
    if (!strstr(hr_buf_str(&out), part))
        fail_msg("not in the answer: %s\n%s", part, hr_buf_str(&out));
    hr_buf_free(&out);
    return status;
}

static unsigned warm(bool verbose, const char *part)
{
    const struct hr_checks_query q = {.verbose = verbose};
    return ask_warm("/warmz", &q, part);
}

static void warmz(void **state)
{
    (void)state;
    make_pool();
    is_ready = false;
    assert_int_equal(warm(false, "[-]ready failed: process failed: not yet\n[+]dormant ok\n"), 503);
    assert_int_equal(warm(false, "warmz check failed\n"), 503);
    is_ready = true;
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    assert_int_equal(warm(false, "ok"), 200);
    assert_int_equal(warm(true, "[+]unused ok\nwarmz check passed\n"), 200);
    write_labels(CLAIMED);
    another_sidecar();
    await_phase(HR_POD_CLAIMED);
    assert_int_equal(warm(false, "[-]unclaimed failed: it has been claimed for 0 s\n"), 503);
}

/* What the other endpoints have, too. */
static void warmz_but_for_one_and_one_alone(void **state)
{
    struct hr_checks_query q = {.verbose = false};
    (void)state;
    write_labels(CLAIMED);
    make_pool();
    put_server(1, HR_UP);
    await_phase(HR_POD_CLAIMED);
    assert_int_equal(ask_warm("/warmz/unused", &q, "ok"), 200);
    assert_int_equal(ask_warm("/warmz/unclaimed", &q, "internal server error: it has been claimed"),
                     503);
    assert_int_equal(ask_warm("/warmz/", &q, ""), 404);
    assert_int_equal(ask_warm("/warmz/unused/", &q, ""), 404);
    hr_checks_exclude(&q, "unclaimed");
    assert_int_equal(ask_warm("/warmz", &q, "ok"), 200);
    hr_checks_exclude(&q, "alive");
    q.verbose = true;
    assert_int_equal(ask_warm("/warmz", &q,
                              "[+]unclaimed excluded: ok\n[+]unused ok\n"
                              "warn: some health checks cannot be excluded: no matches for "
                              "\"alive\"\nwarmz check passed\n"),
                     200);
}

/* A folder in the place of what is to be read, and one that is replaced. */
static void odd_volumes(void **state)
{
    char path[128];
    (void)state;
    assert_int_equal(mkdir(dir, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/labels", dir);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes into it */
    make_pool();
    put_server(1, HR_UP);
    await_phase(HR_POD_WARM);
    assert_int_equal(unlink(path), 0);
    put_file(".", "labels", POOLED); /* no kubelet's, and read all the same */
    look(50);
    assert_int_equal(pod.seen, HR_SEEN_POOLED);
    (void)snprintf(path, sizeof(path), "%s/away", folder);
    assert_int_equal(rename(dir, path), 0);
    write_labels(CLAIMED);
    await_phase(HR_POD_CLAIMED);
}

/* ---- any order ---- */

struct model {
    bool started, up, claim_label, init_done, ever_pooled;
    bool owned; /* for good */
};

static enum hr_pod_phase expected(struct model *m)
{
    if (m->started && m->up && (m->claim_label || m->init_done))
        m->owned = true;
    if (m->owned)
        return HR_POD_CLAIMED;
    if (!m->started)
        return HR_POD_STARTING;
    return m->up ? HR_POD_WARM : HR_POD_WARMING;
}

static unsigned random_of(unsigned n)
{
    static uint32_t x = 88172645;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x % n;
}

static void step(struct model *m, uint32_t *life)
{
    switch (random_of(8)) {
    case 0:
        write_labels(m->claim_label ? CLAIMED : POOLED);
        m->ever_pooled = m->ever_pooled || !m->claim_label;
        break;
    case 1:
        if (random_of(10) == 0) {
            m->claim_label = true;
            write_labels(CLAIMED);
        }
        break;
    case 2: /* the server dies, and is dormant in its next life */
        m->up = m->init_done = false;
        server.state = "dormant";
        put_server(*life, HR_BACKOFF);
        break;
    case 3:
        if (!m->up) {
            m->started = true;
            put_server(++*life, HR_STARTING);
        }
        break;
    case 4:
        if (m->started && !m->up) {
            m->up = true;
            put_server(++*life, HR_UP);
        }
        break;
    case 5:
        if (m->up && random_of(10) == 0) {
            struct hr_board_server own = {.recorded = *life};
            m->init_done = true;
            server.state = "ready";
            hr_board_put_server(board, &own);
            changed = true;
        }
        break;
    case 6: another_sidecar(); break;
    default: changed = true; break;
    }
}

static void every_order(void **state)
{
    struct model m = {0};
    uint32_t life = 0;
    int walks = 0;
    (void)state;
    cfg.deferred = true;
    server.state = "dormant";
    make_pool();
    for (int i = 0; i < WALK; i++) {
        step(&m, &life);
        await_phase(expected(&m));
        if (!m.owned)
            continue;
        /* From the beginning: another container, in which nothing has been claimed. */
        walks++;
        hr_pool_free(pool);
        (void)nftw(dir, remove_one, NPATHS, FTW_DEPTH | FTW_PHYS);
        m = (struct model){0};
        pod = (struct hr_board_phase){0};
        claims = 0;
        server.state = "dormant";
        publish();
        put_hook(0, HR_DOWN);
        put_server(0, HR_DOWN);
        life = 0;
        make_pool();
    }
    assert_true(walks > 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(from_the_pool_to_its_user),
        TEST(a_claim_waits_for_the_server),
        TEST(a_deferred_server_is_warm_when_it_is_known_to_be_dormant),
        TEST(one_claim_whatever_becomes_of_the_sidecar),
        TEST(used_after_the_claim),
        TEST(a_fresh_server_is_not_used),
        TEST(annotations_alone_are_no_event),
        TEST(a_use_that_the_helper_tells_of_is_known_at_once),
        TEST(what_the_helper_tells_of_in_the_pool_is_no_use),
        TEST(conversations_are_counted_with_the_key),
        TEST(conversations_of_a_dormant_server_are_not_counted),
        TEST(warmz),
        TEST(warmz_but_for_one_and_one_alone),
        TEST(odd_volumes),
        TEST(every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
