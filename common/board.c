/* SPDX-License-Identifier: MIT
 * The board.  See board.h.
 *
 * The sequence lock is the usual one: odd while a record is being written, and a reader whose two
 * looks at the number differ throws its copy away.  The fences are those of Boehm, "Can seqlocks
 * get along with programming language memory models?" (2012), section 4. */
#include "board.h"

#include "fd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

#define BOARD_MAGIC   0x44524f42u /* "BORD" */
#define BOARD_VERSION 6u
/* A writer takes less than a microsecond, unless it loses its processor meanwhile; the last tries
 * wait for that, a millisecond each. */
enum { READ_TRIES = 1000, PATIENT_TRIES = 10 };

struct head_record {
    atomic_uint seq;
    uint32_t pad;
    struct hr_board_head data;
};

struct service_record {
    atomic_uint seq;
    uint32_t pad;
    struct hr_board_service data;
};

struct output_record {
    atomic_uint seq;
    uint32_t pad;
    struct hr_board_output data;
};

struct server_record {
    atomic_uint seq;
    uint32_t pad;
    struct hr_board_server data;
};

struct phase_record {
    atomic_uint seq;
    uint32_t pad;
    struct hr_board_phase data;
};

struct crash_record {
    atomic_uint seq;
    uint32_t pad;
    struct hr_board_crash data;
};

struct hr_board {
    uint32_t magic;
    uint32_t version;
    uint32_t size;
    uint32_t pad;
    struct head_record head;
    struct server_record server;
    struct phase_record phase;
    struct service_record services[HR_MAX_SERVICES];
    struct output_record outputs[HR_MAX_SERVICES];
    struct crash_record crashes[HR_CRASHES_MAX];
};

const char *hr_state_name(uint32_t state)
{
    static const char *const names[HR_NSTATES] = {"down",     "starting", "up",
                                                  "stopping", "backoff",  "failed"};
    return state < HR_NSTATES ? names[state] : "unknown";
}

const char *hr_end_name(uint32_t end)
{
    static const char *const names[HR_NENDS] = {"done", "stopped", "exec",   "hung",
                                                "late", "oom",     "signal", "code"};
    return end < HR_NENDS ? names[end] : "unknown";
}

static void record_write(atomic_uint *seq, void *to, const void *from, size_t n)
{
    unsigned s = atomic_load_explicit(seq, memory_order_relaxed) | 1;
    atomic_store_explicit(seq, s, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    memcpy(to, from, n);
    atomic_store_explicit(seq, s + 1, memory_order_release);
}

static int record_read(const atomic_uint *seq, void *to, const void *from, size_t n)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < READ_TRIES + PATIENT_TRIES; i++) {
        if (i >= READ_TRIES)
            (void)nanosleep(&pause, NULL);
        unsigned before = atomic_load_explicit(seq, memory_order_acquire);
        if (before & 1)
            continue;
        memcpy(to, from, n);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(seq, memory_order_relaxed) == before)
            return 0;
    }
    return -EAGAIN;
}

int hr_board_create(struct hr_board **ret_board, int *ret_fd)
{
    int err = 0;
    int fd = memfd_create("handrail-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    struct hr_board *b = MAP_FAILED;
    if (ftruncate(fd, sizeof(*b)) < 0)
        goto fail;
    b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (b == MAP_FAILED)
        goto fail;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        goto fail;
    /* Kernels before 5.1 do not know it; there, a reader could write, and is trusted not to. */
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
    b->magic = BOARD_MAGIC;
    b->version = BOARD_VERSION;
    b->size = sizeof(*b);
    *ret_board = b;
    *ret_fd = fd;
    return 0;
fail:
    err = -errno;
    if (b != MAP_FAILED)
        (void)munmap(b, sizeof(*b));
    hr_close(&fd);
    return err;
}

void hr_board_put_head(struct hr_board *b, const struct hr_board_head *head)
{
    record_write(&b->head.seq, &b->head.data, head, sizeof(*head));
}

void hr_board_put_service(struct hr_board *b, uint32_t index, const struct hr_board_service *s)
{
    assert(index < HR_MAX_SERVICES);
    record_write(&b->services[index].seq, &b->services[index].data, s, sizeof(*s));
}

void hr_board_put_output(struct hr_board *b, uint32_t index, const struct hr_board_output *o)
{
    assert(index < HR_MAX_SERVICES);
    record_write(&b->outputs[index].seq, &b->outputs[index].data, o, sizeof(*o));
}

void hr_board_put_server(struct hr_board *b, const struct hr_board_server *s)
{
    record_write(&b->server.seq, &b->server.data, s, sizeof(*s));
}

void hr_board_put_phase(struct hr_board *b, const struct hr_board_phase *p)
{
    record_write(&b->phase.seq, &b->phase.data, p, sizeof(*p));
}

void hr_board_put_crash(struct hr_board *b, const struct hr_board_crash *c)
{
    struct crash_record *r = &b->crashes[c->number % HR_CRASHES_MAX];
    record_write(&r->seq, &r->data, c, sizeof(*c));
}

int hr_board_open(int fd, const struct hr_board **ret_board)
{
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return -errno;
    if ((size_t)size != sizeof(struct hr_board))
        return -EPROTO;
    const struct hr_board *b = mmap(NULL, sizeof(*b), PROT_READ, MAP_SHARED, fd, 0);
    if (b == MAP_FAILED)
        return -errno;
    if (b->magic != BOARD_MAGIC || b->version != BOARD_VERSION || b->size != sizeof(*b)) {
        hr_board_unmap(b);
        return -EPROTO;
    }
    *ret_board = b;
    return 0;
}

int hr_board_get_head(const struct hr_board *b, struct hr_board_head *ret)
{
    struct hr_board_head copy;
    int err = record_read(&b->head.seq, &copy, &b->head.data, sizeof(copy));
    if (!err)
        *ret = copy;
    return err;
}

/* Is there a service of that index?  0, -ENOENT, or -errno of the read. */
static int check_index(const struct hr_board *b, uint32_t index)
{
    struct hr_board_head head;
    int err = hr_board_get_head(b, &head);
    if (err)
        return err;
    return index < head.nservices && index < HR_MAX_SERVICES ? 0 : -ENOENT;
}

int hr_board_get_service(const struct hr_board *b, uint32_t index, struct hr_board_service *ret)
{
    struct hr_board_service copy;
    int err = check_index(b, index);
    if (!err)
        err = record_read(&b->services[index].seq, &copy, &b->services[index].data, sizeof(copy));
    if (!err && !copy.name[0])
        err = -ENOENT;
    if (!err)
        *ret = copy;
    return err;
}

int hr_board_get_output(const struct hr_board *b, uint32_t index, struct hr_board_output *ret)
{
    struct hr_board_output copy;
    int err = check_index(b, index);
    if (!err)
        err = record_read(&b->outputs[index].seq, &copy, &b->outputs[index].data, sizeof(copy));
    if (!err)
        *ret = copy;
    return err;
}

int hr_board_get_server(const struct hr_board *b, struct hr_board_server *ret)
{
    struct hr_board_server copy;
    int err = record_read(&b->server.seq, &copy, &b->server.data, sizeof(copy));
    if (!err)
        *ret = copy;
    return err;
}

int hr_board_get_phase(const struct hr_board *b, struct hr_board_phase *ret)
{
    struct hr_board_phase copy;
    int err = record_read(&b->phase.seq, &copy, &b->phase.data, sizeof(copy));
    if (!err)
        *ret = copy;
    return err;
}

int hr_board_get_crash(const struct hr_board *b, uint32_t slot, struct hr_board_crash *ret)
{
    struct hr_board_crash copy;
    if (slot >= HR_CRASHES_MAX)
        return -ENOENT;
    const struct crash_record *r = &b->crashes[slot];
    int err = record_read(&r->seq, &copy, &r->data, sizeof(copy));
    if (!err && !copy.number)
        err = -ENOENT;
    if (!err)
        *ret = copy;
    return err;
}

void hr_board_unmap(const struct hr_board *b)
{
    (void)munmap((void *)(uintptr_t)b, sizeof(*b));
}
