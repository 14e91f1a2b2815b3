/* SPDX-License-Identifier: MIT
 * server PORT: a static program that answers every request with "true", as the agent-server answers
 * what handrail asks of it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
                                 "Content-Type: application/json\r\nConnection: close\r\n\r\ntrue";
    long port = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    char asked[4096];

    if (port < 1 || port > 65535 || listener < 0 ||
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 16) != 0)
        return 1;
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            return 1;
        if (read(client, asked, sizeof(asked)) > 0 && write(client, answer, sizeof(answer) - 1) < 0)
            return 1;
        close(client);
    }
}
