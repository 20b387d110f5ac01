/* One client connection: TCP or TLS, the NATS handshake, control lines. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *connect_line(const struct options *options, const char *role)
{
    static _Thread_local char line[256];
    char login[64] = "";
    if (options->users)
        snprintf(login, sizeof login, ",\"user\":\"%s\",\"pass\":\"bench\"", role);
    snprintf(line, sizeof line,
             "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"version\":\"1.0.0\","
             "\"name\":\"load\",\"protocol\":1,\"headers\":true,\"no_responders\":true%s}\r\n"
             "PING\r\n", login);
    return line;
}

void connection_wait(struct connection *c, short events)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    while (poll(&p, 1, -1) < 0)
        if (errno != EINTR)
            fail("%s %d: poll: %s", c->role, c->number, strerror(errno));
}

size_t connection_read(struct connection *c, void *buffer, size_t size)
{
    ptrdiff_t n = c->tls ? tls_read(c->tls, buffer, size) : recv(c->fd, buffer, size, 0);
    if (n > 0)
        return (size_t)n;
    if (n == 0)
        fail("%s %d: the server closed the connection", c->role, c->number);
    if (errno != EAGAIN && errno != EINTR)
        fail("%s %d: read: %s", c->role, c->number, strerror(errno));
    return WOULD_BLOCK;
}

size_t connection_write(struct connection *c, const void *data, size_t size)
{
    ptrdiff_t n = c->tls ? tls_write(c->tls, data, size) : send(c->fd, data, size, MSG_NOSIGNAL);
    if (n > 0)
        return (size_t)n;
    if (errno != EAGAIN && errno != EINTR)
        fail("%s %d: write: %s", c->role, c->number, strerror(errno));
    return WOULD_BLOCK;
}

void connection_write_all(struct connection *c, const void *data, size_t size)
{
    const char *p = data;
    while (size) {
        size_t n = connection_write(c, p, size);
        if (n == WOULD_BLOCK)
            connection_wait(c, POLLOUT);
        p += n;
        size -= n;
    }
}

void connection_control_line(struct connection *c, const char *line, size_t size, bool *pong)
{
    if (size >= 4 && memcmp(line, "PONG", 4) == 0)
        *pong = true;
    else if (size >= 4 && memcmp(line, "PING", 4) == 0)
        connection_write_all(c, "PONG\r\n", 6);
    else if (size < 4 || (memcmp(line, "INFO", 4) != 0 && memcmp(line, "+OK", 3) != 0))
        fail("%s %d: unexpected: %.*s", c->role, c->number, (int)(size < 80 ? size : 80), line);
}

/* Reads lines until the PONG; nothing but control lines may come. */
static void wait_for_pong(struct connection *c)
{
    char buffer[16384];
    size_t held = 0;
    bool pong = false;
    while (!pong) {
        size_t n = connection_read(c, buffer + held, sizeof buffer - held);
        if (n == WOULD_BLOCK) {
            connection_wait(c, POLLIN);
            continue;
        }
        held += n;
        char *start = buffer, *end;
        while ((end = memchr(start, '\n', held - (size_t)(start - buffer)))) {
            connection_control_line(c, start, (size_t)(end - start), &pong);
            start = end + 1;
        }
        held -= (size_t)(start - buffer);
        memmove(buffer, start, held);
        if (held == sizeof buffer)
            fail("%s %d: a line of more than %zu bytes", c->role, c->number, held);
    }
}

void connection_sync(struct connection *c)
{
    connection_write_all(c, "PING\r\n", 6);
    wait_for_pong(c);
}

/* INFO comes first and in the clear, also where TLS follows: a byte at a time, so that
   nothing of what comes after it is swallowed. */
static void read_info(struct connection *c)
{
    char line[5] = "";
    char byte = 0;
    for (size_t i = 0; byte != '\n'; i++) {
        ptrdiff_t n = recv(c->fd, &byte, 1, 0);
        if (n <= 0)
            fail("%s %d: no INFO: %s", c->role, c->number, n ? strerror(errno) : "closed");
        if (i < 4)
            line[i] = byte;
    }
    if (memcmp(line, "INFO", 4) != 0)
        fail("%s %d: the server said %s... instead of INFO", c->role, c->number, line);
}

void connection_open_at(struct connection *c, const struct sockaddr_in *server,
                        const struct options *options, const char *role, int number)
{
    int one = 1;
    *c = (struct connection){.role = role, .number = number};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("%s %d: socket: %s", role, number, strerror(errno));
    if (connect(c->fd, (const void *)server, sizeof *server) < 0)
        fail("%s %d: connect: %s", role, number, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    read_info(c);
    if (options->tls_ca)
        c->tls = tls_client(c->fd, options->tls_ca);
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    const char *line = connect_line(options, role);
    connection_write_all(c, line, strlen(line));
    wait_for_pong(c);
}

void connection_open(struct connection *c, const struct options *options, const char *role,
                     int number)
{
    bool listens = strcmp(role, "subscriber") == 0 || strcmp(role, "responder") == 0;
    bool far = options->fars && listens;
    const struct sockaddr_in *server = far ? &options->far[number % options->fars]
                                           : &options->server;
    connection_open_at(c, server, options, role, number);
}
