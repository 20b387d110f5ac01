/* idle: opens a great many connections that then do nothing.
 *
 * Some are being opened at the same time, as after a server's restart; each has shaken
 * hands (INFO, CONNECT, PING, PONG) before it counts. They come from several addresses
 * 127.0.0.x, so that no address runs out of ports.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PER_ADDRESS = 5000, TEXT_MAX = 2048, SPARE_FILES = 32 };

enum state { CONNECTING, AWAITING_INFO, AWAITING_PONG, IDLE };

struct idle {
    struct connection connection;
    enum state state;
    char *text;                     /* lines received; NULL once idle */
    size_t received;
};

struct crowd {
    const struct options *options;
    struct idle *all;
    long started, ready;
    int epoll;
};

static void start_one(struct crowd *crowd)
{
    long number = crowd->started++;
    struct idle *i = &crowd->all[number];
    int one = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(number / PER_ADDRESS));
    i->connection = (struct connection){.role = "connection", .number = (int)number};
    int fd = i->connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("connection %ld: socket: %s", number, strerror(errno));
    /* the port is chosen at connect, when the whole 4-tuple is known */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (void *)&source, sizeof source) < 0)
        fail("connection %ld: bind: %s", number, strerror(errno));
    const struct sockaddr_in *server = &crowd->options->server;
    if (connect(fd, (const void *)server, sizeof *server) < 0 && errno != EINPROGRESS)
        fail("connection %ld: connect: %s", number, strerror(errno));
    i->text = allocate(TEXT_MAX);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = i};
    epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void advance(struct crowd *crowd, struct idle *i)
{
    if (i->state == CONNECTING)
        i->state = AWAITING_INFO;
    i->received += connection_read(&i->connection, i->text + i->received,
                                   TEXT_MAX - 1 - i->received);
    i->text[i->received] = 0;
    if (!strchr(i->text, '\n'))
        return;
    if (i->state == AWAITING_INFO) {
        if (strncmp(i->text, "INFO", 4) != 0)
            fail("connection %d: unexpected: %.60s", i->connection.number, i->text);
        const char *line = connect_line(crowd->options, i->connection.role);
        connection_write_all(&i->connection, line, strlen(line));
        i->received = 0;
        i->state = AWAITING_PONG;
    } else if (strstr(i->text, "PONG\r\n")) {
        free(i->text);
        i->text = NULL;
        i->state = IDLE;
        epoll_ctl(crowd->epoll, EPOLL_CTL_DEL, i->connection.fd, NULL);
        crowd->ready++;
    } else if (strstr(i->text, "-ERR")) {
        fail("connection %d: %.60s", i->connection.number, i->text);
    }
}

void run_idle(const struct options *options)
{
    struct crowd crowd = {.options = options, .epoll = epoll_create1(0)};
    struct epoll_event events[256];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < (rlim_t)options->count + SPARE_FILES)
        fail("only %ld files may be open", (long)files.rlim_cur);
    crowd.all = allocate(sizeof *crowd.all * (size_t)options->count);
    control_ready();
    uint64_t start = now_ns();
    while (crowd.ready < options->count) {
        while (crowd.started < options->count
               && crowd.started - crowd.ready < options->in_flight)
            start_one(&crowd);
        int n = epoll_wait(crowd.epoll, events, 256, -1);
        for (int e = 0; e < n; e++)
            advance(&crowd, events[e].data.ptr);
    }
    double seconds = seconds_since(start);
    /* any that was closed meanwhile fails here */
    for (long i = 0; i < options->count; i += 97)
        connection_sync(&crowd.all[i].connection);
    control_done("\"connections\": %ld, \"seconds\": %.6f, \"connect_rate\": %.1f",
                 options->count, seconds, (double)options->count / seconds);
}
