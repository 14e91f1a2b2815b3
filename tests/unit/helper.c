/* SPDX-License-Identifier: MIT
 * Telling the server's helper the pod's phase: to whom, what, how often, and what comes of one that
 * does not take it. */
#include "loader/supervisor/helper.h"

#include "check.h"
#include "common/fd.h"
#include "common/packet.h"
#include "loader/supervisor/notify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* PID 1's socket, and one that is bound as the helper's is: by the kernel, to some name. */
struct both {
    char name[HR_NOTIFY_NAME_MAX];
    int ours;
    int theirs;
    struct hr_helper h;
    struct hr_board_phase pod;
};

static int bound(const struct sockaddr_un *to, socklen_t to_len, const struct sockaddr_un *own,
                 socklen_t own_len)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)to, to_len), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)own, own_len), 0);
    return fd;
}

static const struct sockaddr_un any = {.sun_family = AF_UNIX};

static socklen_t address_of(int fd, struct sockaddr_un *ret)
{
    socklen_t len = sizeof(*ret);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return len;
}

static void begin(struct both *b)
{
    struct sockaddr_un to;
    *b = (struct both){.ours = -1, .theirs = -1};
    assert_int_equal(hr_notify_open(b->name, &b->ours), 0);
    socklen_t len = address_of(b->ours, &to);
    b->theirs = bound(&to, len, &any, sizeof(any.sun_family));
}

static void end(struct both *b)
{
    hr_close(&b->ours);
    hr_close(&b->theirs);
}

/* They say something, and are heard. */
static void speak(struct both *b, int fd)
{
    struct hr_packet p;
    char text[64];
    assert_int_equal(send(fd, "WATCHDOG=1", 10, 0), 10);
    assert_int_equal(hr_packet_read(b->ours, text, sizeof(text), &p), 0);
    assert_int_equal(p.from, getpid());
    hr_helper_heard(&b->h, &p.sender, p.sender_len);
}

/* What they have been told; "" for nothing. */
static const char *told(int fd)
{
    static char text[512];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void tell(struct both *b)
{
    hr_helper_tell(&b->h, b->ours, &b->pod);
}

static void each_phase_once(void **state)
{
    struct both b;
    (void)state;
    begin(&b);
    hr_phase_enter(&b.pod, HR_POD_STARTING, 1, 1000);
    tell(&b); /* nobody is there */
    speak(&b, b.theirs);
    tell(&b); /* late, and all the same */
    assert_string_equal(told(b.theirs), "PHASE=starting\nAT=1970-01-01T00:00:01.000Z");
    tell(&b);
    speak(&b, b.theirs);
    tell(&b);
    assert_string_equal(told(b.theirs), "");
    hr_phase_enter(&b.pod, HR_POD_WARM, 2, 2500);
    hr_phase_enter(&b.pod, HR_POD_CLAIMED, 3, 1795716000123);
    (void)snprintf(b.pod.claim_uid, sizeof(b.pod.claim_uid), "u-1");
    tell(&b);
    assert_string_equal(told(b.theirs),
                        "PHASE=claimed\nFROM=warm\nAT=2026-11-26T18:00:00.123Z\nCLAIM_UID=u-1");
    assert_string_equal(told(b.theirs), "");
    (void)snprintf(b.pod.claim_uid, sizeof(b.pod.claim_uid), "u-2"); /* known later */
    tell(&b);
    tell(&b);
    assert_non_null(strstr(told(b.theirs), "PHASE=claimed\nFROM=warm\n"));
    assert_string_equal(told(b.theirs), "");
    hr_phase_enter(&b.pod, HR_POD_DRAINING, 4, 0);
    tell(&b);
    assert_non_null(strstr(told(b.theirs), "CLAIM_UID=u-2"));
    (void)snprintf(b.pod.claim_uid, sizeof(b.pod.claim_uid), "u-3");
    tell(&b); /* no news to one who is drained */
    assert_string_equal(told(b.theirs), "");
    end(&b);
}

/* Its next life, or another process of the server's, has another socket. */
static void whoever_spoke_last(void **state)
{
    struct both b;
    struct sockaddr_un to;
    (void)state;
    begin(&b);
    int other = bound(&to, address_of(b.ours, &to), &any, sizeof(any.sun_family));
    hr_phase_enter(&b.pod, HR_POD_WARM, 1, 0);
    speak(&b, b.theirs);
    tell(&b);
    assert_string_not_equal(told(b.theirs), "");
    speak(&b, other);
    tell(&b);
    assert_string_equal(told(b.theirs), "");
    assert_string_equal(told(other), "PHASE=warm\nAT=1970-01-01T00:00:00.000Z");
    hr_close(&other);
    hr_phase_enter(&b.pod, HR_POD_CLAIMED, 2, 0);
    tell(&b); /* to nobody */
    assert_int_equal(b.h.len, 0);
    speak(&b, b.theirs);
    tell(&b);
    assert_string_not_equal(told(b.theirs), "");
    end(&b);
}

static void one_that_does_not_read(void **state)
{
    struct both b;
    (void)state;
    begin(&b);
    speak(&b, b.theirs);
    int full = 0;
    for (int i = 0; i < 5000 && !full; i++) {
        hr_phase_enter(&b.pod, i % 2 ? HR_POD_DRAINING : HR_POD_ACTIVE, i, i);
        tell(&b);
        full = b.h.told != b.pod.nsteps;
    }
    assert_true(full);
    assert_true(b.h.len > 0);
    hr_phase_enter(&b.pod, HR_POD_FAILED, 6000, 0);
    tell(&b);
    char last[512] = "";
    for (const char *text = told(b.theirs); *text; text = told(b.theirs))
        (void)snprintf(last, sizeof(last), "%s", text);
    assert_null(strstr(last, "failed"));
    speak(&b, b.theirs);
    tell(&b);
    assert_non_null(strstr(told(b.theirs), "PHASE=failed\n"));
    end(&b);
}

static void addresses_that_are_not_used(void **state)
{
    char path[64];
    struct both b;
    struct sockaddr_un to, file = {.sun_family = AF_UNIX};
    (void)state;
    begin(&b);
    hr_phase_enter(&b.pod, HR_POD_WARM, 1, 0);
    (void)snprintf(path, sizeof(path), "/tmp/handrail-helper-%d", (int)getpid());
    (void)snprintf(file.sun_path, sizeof(file.sun_path), "%s", path);
    int fd = bound(&to, address_of(b.ours, &to), &file, sizeof(file));
    speak(&b, fd); /* a file may be on a file system that hangs */
    assert_int_equal(b.h.len, 0);
    hr_close(&fd);
    assert_int_equal(unlink(path), 0);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, address_of(b.ours, &to)), 0);
    speak(&b, fd); /* without a name */
    assert_int_equal(b.h.len, 0);
    speak(&b, b.theirs);
    assert_true(b.h.len > 0);
    speak(&b, fd); /* which changes nothing */
    assert_true(b.h.len > 0);
    hr_helper_heard(&b.h, &any, sizeof(any.sun_family));
    hr_helper_heard(&b.h, &any, sizeof(any) + 1);
    hr_helper_heard(&b.h, &any, 0);
    tell(&b);
    assert_string_not_equal(told(b.theirs), "");
    hr_close(&fd);
    end(&b);
}

/* The helper's socket is connected to PID 1's: the kernel keeps others out. */
static void nobody_else_is_heard_by_it(void **state)
{
    struct both b;
    struct sockaddr_un theirs;
    (void)state;
    begin(&b);
    int stranger = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = address_of(b.theirs, &theirs);
    assert_int_equal(
        sendto(stranger, "PHASE=warm", 10, MSG_DONTWAIT, (const struct sockaddr *)&theirs, len),
        -1);
    assert_int_equal(errno, EPERM);
    hr_close(&stranger);
    end(&b);
}

static void the_longest_fits(void **state)
{
    char text[HR_HELPER_TEXT];
    struct hr_board_phase pod = {0};
    (void)state;
    for (int i = 0; i < 3 * HR_PHASE_STEPS + 1; i++)
        hr_phase_enter(&pod, i % 2 ? HR_POD_DRAINING : HR_POD_STARTING, i, INT64_MAX / 1000);
    memset(pod.claim_uid, 'u', HR_CLAIM_UID_MAX);
    hr_helper_text(&pod, text);
    assert_true(strlen(text) < sizeof(text) - 1);
    assert_non_null(strstr(text, "FROM=draining\n"));
    assert_string_equal(strstr(text, "CLAIM_UID=") + 10, pod.claim_uid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_phase_once),
        cmocka_unit_test(whoever_spoke_last),
        cmocka_unit_test(one_that_does_not_read),
        cmocka_unit_test(addresses_that_are_not_used),
        cmocka_unit_test(nobody_else_is_heard_by_it),
        cmocka_unit_test(the_longest_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
