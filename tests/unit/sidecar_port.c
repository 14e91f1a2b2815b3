/* SPDX-License-Identifier: MIT
 * Whose port it is, with real processes of different ages on it. */
#include "sidecar/checks/port.h"

#include "check.h"
#include "common/fd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A listening socket on any port of the loopback, of IPv4 or IPv6. */
static int listener(int family, int *ret_port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *at =
        family == AF_INET ? (struct sockaddr *)(void *)&four : (struct sockaddr *)(void *)&six;
    socklen_t len = family == AF_INET ? sizeof(four) : sizeof(six);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, at, len) < 0)
        return -1;
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, at, &len), 0);
    *ret_port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
    return fd;
}

/* A process that does nothing, with all of our descriptors or with none. */
static pid_t child(int keep)
{
    int done[2];
    char byte = 0;
    assert_int_equal(pipe(done), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid) {
        (void)close(done[1]);
        assert_int_equal(read(done[0], &byte, 1), 0); /* its end: they are closed by now */
        (void)close(done[0]);
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int fd = 3; fd < 1024 && !keep; fd++)
        if (fd != done[1])
            (void)close(fd);
    (void)close(done[1]);
    for (;;)
        (void)pause();
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Longer than a tick, in which the ages of processes are told. */
static void grow_older(void)
{
    struct timespec t = {.tv_nsec = 50L * 1000 * 1000};
    (void)nanosleep(&t, NULL);
}

static void of_family(int family)
{
    int port = 0;
    int fd = listener(family, &port);
    if (fd < 0 && family == AF_INET6)
        skip();
    assert_true(fd >= 0);
    assert_false(hr_port_is_foreign(port, getpid())); /* the server's own */
    grow_older();
    pid_t server = child(0);
    assert_true(hr_port_is_foreign(port, server)); /* ours, and we were there before it */
    pid_t heir = child(1);
    hr_close(&fd);
    assert_false(hr_port_is_foreign(port, server)); /* younger than it: may be its child */
    grow_older();
    pid_t next = child(0);
    assert_true(hr_port_is_foreign(port, next)); /* it outlived the server before */
    end(heir);
    assert_false(hr_port_is_foreign(port, next)); /* nobody's */
    end(server);
    end(next);
}

static void a_port_belongs_to_the_server_or_to_what_is_younger(void **state)
{
    (void)state;
    of_family(AF_INET);
}

static void the_same_with_ipv6(void **state)
{
    (void)state;
    of_family(AF_INET6);
}

static void a_connection_is_no_listener(void **state)
{
    (void)state;
    int port = 0;
    int fd = listener(AF_INET, &port);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(one, (struct sockaddr *)&to, sizeof(to)), 0);
    int other = accept(fd, NULL, NULL);
    assert_true(other >= 0);
    hr_close(&fd); /* what is accepted stays, and its local port is the same */
    grow_older();
    pid_t server = child(0);
    assert_false(hr_port_is_foreign(port, server));
    end(server);
    hr_close(&one);
    hr_close(&other);
}

/* Whoever answers, it is another one; the board does not show the end yet. */
static void a_server_that_is_gone(void **state)
{
    (void)state;
    int port = 0;
    int fd = listener(AF_INET, &port);
    pid_t server = child(0);
    end(server);
    assert_true(hr_port_is_foreign(port, server));
    hr_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_belongs_to_the_server_or_to_what_is_younger),
        cmocka_unit_test(the_same_with_ipv6),
        cmocka_unit_test(a_connection_is_no_listener),
        cmocka_unit_test(a_server_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
