/* SPDX-License-Identifier: MIT */
#include "common/board.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void a_reader_sees_what_was_put(void **state)
{
    struct hr_board *w = NULL;
    const struct hr_board *r = NULL;
    struct hr_board_service s = {.name = "server", .pid = 42, .last_status = -1};
    struct hr_board_service got;
    struct hr_board_head head = {.supervisor_pid = 1, .nservices = 1};
    int fd = -1;
    (void)state;
    assert_int_equal(hr_board_create(&w, &fd), 0);
    hr_board_put_head(w, &head);
    hr_board_put_service(w, 0, &s);
    assert_int_equal(hr_board_open(fd, &r), 0);
    assert_int_equal(hr_board_get_service(r, 0, &got), 0);
    assert_memory_equal(&got, &s, sizeof(s));
    assert_int_equal(hr_board_get_service(r, 1, &got), -ENOENT);
    head.draining = 1;
    hr_board_put_head(w, &head);
    assert_int_equal(hr_board_get_head(r, &head), 0);
    assert_int_equal(head.draining, 1);
    struct hr_board_phase phase = {.seen = HR_SEEN_ALL};
    struct hr_board_phase shown = {.seen = 0};
    hr_phase_enter(&phase, HR_POD_WARM, 7, 8);
    hr_board_put_phase(w, &phase);
    assert_int_equal(hr_board_get_phase(r, &shown), 0);
    assert_memory_equal(&shown, &phase, sizeof(phase));
    hr_board_unmap(r);
    hr_board_unmap(w);
    hr_close(&fd);
}

static void a_reader_cannot_write(void **state)
{
    struct hr_board *w = NULL;
    int fd = -1;
    (void)state;
    assert_int_equal(hr_board_create(&w, &fd), 0);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(write(fd, "x", 1), -1);
    hr_board_unmap(w);
    hr_close(&fd);
}

static void other_files_are_refused(void **state)
{
    const struct hr_board *r = NULL;
    int fd = -1;
    (void)state;
    assert_int_equal(hr_memfd_sealed("x", "short", 5, &fd), 0);
    assert_int_equal(hr_board_open(fd, &r), -EPROTO);
    assert_null(r);
    hr_close(&fd);
}

/* The board of another handrail begins with three words: what it is, its version, its size. */
static void other_versions_are_refused(void **state)
{
    struct hr_board *w = NULL;
    const struct hr_board *r = NULL;
    int fd = -1;
    (void)state;
    assert_int_equal(hr_board_create(&w, &fd), 0);
    for (size_t i = 0; i < 3; i++) {
        uint32_t *word = (uint32_t *)(void *)w + i;
        (*word)++;
        assert_int_equal(hr_board_open(fd, &r), -EPROTO);
        assert_null(r);
        (*word)--;
    }
    assert_int_equal(hr_board_open(fd, &r), 0);
    hr_board_unmap(r);
    hr_board_unmap(w);
    hr_close(&fd);
}

/* A writer that was killed while it wrote leaves the record's number odd; it is the word behind the
 * four of the board's own head. */
static void a_reader_does_not_wait_for_ever(void **state)
{
    struct hr_board *w = NULL;
    struct hr_board_head head = {.nservices = 1};
    struct hr_board_head got = {.nservices = 7};
    struct hr_board_service s;
    int fd = -1;
    (void)state;
    assert_int_equal(hr_board_create(&w, &fd), 0);
    hr_board_put_head(w, &head);
    ((uint32_t *)(void *)w)[4] |= 1;
    assert_int_equal(hr_board_get_head(w, &got), -EAGAIN);
    assert_int_equal(got.nservices, 7);
    assert_int_equal(hr_board_get_service(w, 0, &s), -EAGAIN);
    hr_board_put_head(w, &head); /* the next writer mends it */
    assert_int_equal(hr_board_get_head(w, &got), 0);
    assert_int_equal(got.nservices, 1);
    hr_board_unmap(w);
    hr_close(&fd);
}

static void *write_late(void *board)
{
    static const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
    const struct hr_board_head head = {.nservices = 1};
    (void)nanosleep(&pause, NULL);
    hr_board_put_head(board, &head);
    return NULL;
}

/* One that loses its processor while it writes is there again within milliseconds. */
static void a_reader_waits_for_a_writer_that_is_slow(void **state)
{
    struct hr_board *w = NULL;
    struct hr_board_head got;
    pthread_t writer;
    int fd = -1;
    (void)state;
    assert_int_equal(hr_board_create(&w, &fd), 0);
    ((uint32_t *)(void *)w)[4] |= 1;
    assert_int_equal(pthread_create(&writer, NULL, write_late, w), 0);
    int err = -EAGAIN;
    for (int i = 0; i < 100 && err; i++) /* on a machine where milliseconds are longer */
        err = hr_board_get_head(w, &got);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(err, 0);
    hr_board_unmap(w);
    hr_close(&fd);
}

static void a_place_that_is_nobodys_is_not_there(void **state)
{
    struct hr_board *w = NULL;
    struct hr_board_head head = {.nservices = HR_MAX_SERVICES + 1}; /* more than there can be */
    struct hr_board_service s = {.name = "x"};
    int fd = -1;
    (void)state;
    assert_int_equal(hr_board_create(&w, &fd), 0);
    hr_board_put_head(w, &head);
    assert_int_equal(hr_board_get_service(w, 0, &s), -ENOENT);
    hr_board_put_service(w, HR_MAX_SERVICES - 1, &s);
    assert_int_equal(hr_board_get_service(w, HR_MAX_SERVICES - 1, &s), 0);
    assert_int_equal(hr_board_get_service(w, HR_MAX_SERVICES, &s), -ENOENT);
    hr_board_unmap(w);
    hr_close(&fd);
}

/* A writer in another process fills the record with one byte value at a time; no reader may ever
 * see two values in one record. */
static void no_reader_sees_half_a_record(void **state)
{
    struct hr_board *w = NULL;
    struct hr_board_head head = {.nservices = 1};
    struct hr_board_service s;
    int fd = -1;
    int status = 0;
    (void)state;
    assert_int_equal(hr_board_create(&w, &fd), 0);
    hr_board_put_head(w, &head);
    memset(&s, 0, sizeof(s));
    hr_board_put_service(w, 0, &s);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 300000; i++) {
            memset(&s, i & 0xff, sizeof(s));
            hr_board_put_service(w, 0, &s);
        }
        _exit(0);
    }
    int seen = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        unsigned char want[sizeof(s)];
        if (hr_board_get_service(w, 0, &s))
            continue; /* caught in the middle: said so, which is right */
        memset(want, *(unsigned char *)&s, sizeof(want));
        assert_memory_equal(&s, want, sizeof(s));
        seen++;
    }
    assert_true(seen > 0);
    hr_board_unmap(w);
    hr_close(&fd);
}

static void the_other_records(void **state)
{
    struct hr_board *w = NULL;
    struct hr_board_head head = {.nservices = 2};
    struct hr_board_output o = {.lines = 3, .bytes = 99};
    struct hr_board_server s = {.lag_ms = 7, .agent = HR_AGENT_WRONG, .agent_error = "no"};
    struct hr_board_crash c = {.service = "server"};
    int fd = -1;
    (void)state;
    assert_int_equal(hr_board_create(&w, &fd), 0);
    hr_board_put_head(w, &head);
    assert_int_equal(hr_board_get_crash(w, 0, &c), -ENOENT);
    assert_int_equal(hr_board_get_crash(w, HR_CRASHES_MAX, &c), -ENOENT);
    hr_board_put_output(w, 1, &o);
    hr_board_put_server(w, &s);
    for (c.number = 1; c.number <= HR_CRASHES_MAX + 3; c.number++) /* the ring goes round */
        hr_board_put_crash(w, &c);
    memset(&o, 0, sizeof(o));
    memset(&s, 0, sizeof(s));
    assert_int_equal(hr_board_get_output(w, 1, &o), 0);
    assert_int_equal(o.bytes, 99);
    assert_int_equal(hr_board_get_output(w, 2, &o), -ENOENT);
    assert_int_equal(hr_board_get_server(w, &s), 0);
    assert_string_equal(s.agent_error, "no");
    for (uint32_t slot = 0; slot < HR_CRASHES_MAX; slot++) {
        assert_int_equal(hr_board_get_crash(w, slot, &c), 0);
        assert_int_equal(c.number % HR_CRASHES_MAX, slot);
        assert_in_range(c.number, 4, HR_CRASHES_MAX + 3);
    }
    hr_board_unmap(w);
    hr_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_sees_what_was_put),
        cmocka_unit_test(the_other_records),
        cmocka_unit_test(a_reader_cannot_write),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(no_reader_sees_half_a_record),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(a_reader_does_not_wait_for_ever),
        cmocka_unit_test(a_reader_waits_for_a_writer_that_is_slow),
        cmocka_unit_test(a_place_that_is_nobodys_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
