/* SPDX-License-Identifier: MIT
 * The peer of the probes: libmicrohttpd and nothing else, as its own examples run it, answering
 * "ok" to everything.  Listens on 127.0.0.1, on the port given, until standard input ends. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    static char ok[] = "ok";
    (void)arg;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    (void)size;
    (void)context;
    struct MHD_Response *r =
        MHD_create_response_from_buffer(sizeof(ok) - 1, ok, MHD_RESPMEM_PERSISTENT);
    (void)MHD_add_response_header(r, "Content-Type", "text/plain; charset=utf-8");
    (void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return result;
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char byte;
    if (argc != 2)
        return 64;
    uint16_t port = (uint16_t)strtol(argv[1], NULL, 10);
    a.sin_port = htons(port);
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, port, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &a,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096U, MHD_OPTION_CONNECTION_LIMIT, 512U, MHD_OPTION_END);
    if (!d)
        return 1;
    (void)puts("listening");
    (void)fflush(stdout);
    (void)!read(STDIN_FILENO, &byte, 1);
    MHD_stop_daemon(d);
    return 0;
}
