/* SPDX-License-Identifier: MIT */
#include "common/sockets.h"

#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines as the kernel writes them, on a little-endian machine. */
static const char headline[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode                                                     ";
static const char any_v4[] =
    "   0: 00000000:EA60 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001        0 "
    "1289 1 000000002a1e8ff2 100 0 0 10 0                      ";
static const char connected[] =
    "  12: 0100007F:EA60 0100007F:8A2C 01 00000000:00000000 00:00000000 00000000     0        0 "
    "4711 1 0000000000000000 20 4 30 10 -1";
static const char any_v6[] =
    " 999: 00000000000000000000000000000000:EA61 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 77 1 0000000000000000 100 0 0 10 0";
static const char loopback_v6[] =
    "   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000 4294967295        0 9223372036854775807 1";

static void lines_are_parsed(void **state)
{
    struct hr_socket s;
    (void)state;
    memset(&s, 0x5a, sizeof(s));
    assert_int_equal(hr_sockets_parse(headline, strlen(headline), false, &s), -EPROTO);
    assert_int_equal(hr_sockets_parse(connected, strlen(connected), false, &s), 0);
    assert_int_equal(s.port, 0x5a5a); /* untouched */
    assert_int_equal(hr_sockets_parse(any_v4, strlen(any_v4), false, &s), 1);
    assert_string_equal(s.address, "0.0.0.0");
    assert_int_equal(s.port, 60000);
    assert_int_equal(s.uid, 10001);
    assert_int_equal(s.inode, 1289);
    assert_int_equal(hr_sockets_parse(any_v6, strlen(any_v6), true, &s), 1);
    assert_string_equal(s.address, "::");
    assert_int_equal(s.port, 60001);
    assert_int_equal(hr_sockets_parse(loopback_v6, strlen(loopback_v6), true, &s), 1);
    if (htonl(1) != 1)
        assert_string_equal(s.address, "::1");
    assert_int_equal(s.uid, UINT32_MAX);
    assert_true(s.inode == INT64_MAX);
    /* each file has its own form */
    assert_int_equal(hr_sockets_parse(any_v4, strlen(any_v4), true, &s), -EPROTO);
    assert_int_equal(hr_sockets_parse(any_v6, strlen(any_v6), false, &s), -EPROTO);
}

/* However much of a line is missing, or whatever one byte of it is: no harm. */
static void broken_lines_are_refused(void **state)
{
    struct hr_socket s;
    char line[sizeof(any_v4)];
    size_t whole = (size_t)(strstr(any_v4, "1289") - any_v4) + 1;
    (void)state;
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(hr_sockets_parse(any_v4, n, false, &s), -EPROTO);
    for (size_t i = 0; i < strlen(any_v4); i++) {
        memcpy(line, any_v4, sizeof(any_v4));
        line[i] = '\xff';
        int r = hr_sockets_parse(line, strlen(line), false, &s);
        assert_true(r == 1 || r == -EPROTO);
        if (i < 35)
            assert_true(r == -EPROTO);
    }
    assert_int_equal(hr_sockets_parse(any_v4, strlen(any_v4), false, &s), 1);
}

/* Listen on a port of the kernel's choice; *ret_port. */
static int listen_on(int family, uint16_t *ret_port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr *address =
        family == AF_INET ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    socklen_t n = family == AF_INET ? sizeof(v4) : sizeof(v6);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, address, n) < 0 || listen(fd, 1) < 0 ||
        getsockname(fd, family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, &n) <
            0) {
        (void)close(fd);
        return -1;
    }
    *ret_port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
    return fd;
}

static const struct hr_socket *find(const struct hr_socket *all, int n, uint16_t port)
{
    for (int i = 0; i < n; i++)
        if (all[i].port == port)
            return &all[i];
    return NULL;
}

static void real_sockets_are_found(void **state)
{
    static const struct {
        int family;
        const char *address;
    } cases[] = {{AF_INET, "127.0.0.1"}, {AF_INET6, "::1"}};
    struct hr_sockets by_proc = {.fd = -1};
    struct hr_socket all[256];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint16_t port = 0;
        struct stat st;
        int fd = listen_on(cases[i].family, &port);
        if (fd < 0)
            continue; /* no IPv6 here */
        int n = hr_sockets_listening(&by_proc, all, 256);
        const struct hr_socket *s = find(all, n, port);
        assert_non_null(s);
        assert_string_equal(s->address, cases[i].address);
        assert_int_equal(s->uid, geteuid());
        assert_int_equal(fstat(fd, &st), 0);
        assert_true(s->inode == st.st_ino);
        assert_int_equal(hr_sockets_listening(&by_proc, all, 1),
                         1); /* no more than there is room for */
        (void)close(fd);
        n = hr_sockets_listening(&by_proc, all, 256);
        assert_null(find(all, n, port));
    }
    assert_int_equal(hr_sockets_listening(&by_proc, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_parsed),
        cmocka_unit_test(broken_lines_are_refused),
        cmocka_unit_test(real_sockets_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
