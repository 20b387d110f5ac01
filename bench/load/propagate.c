/* Waits until servers know of each other's subscriptions.
 *
 * After everybody has subscribed, two more connections listen, one at each end, each for
 * what the other one says again and again. Interest travels in the order of the
 * subscriptions, so that when both have heard something, all that was subscribed to before
 * is known at the other end; and the link is there, however long that took.
 */
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { AGAIN_US = 1000, PATIENCE_S = 15, BUFFER_SIZE = 64 * 1024 };

struct end {
    struct connection connection;
    char says[64];                  /* the message, empty */
    bool heard;                     /* what the other end says */
    size_t held;
    char buffer[BUFFER_SIZE];
};

static void open_end(struct end *end, const struct sockaddr_in *server,
                     const struct options *options, int number, const char *from, const char *to)
{
    char line[64];
    connection_open_at(&end->connection, server, options, "probe", number);
    int n = snprintf(line, sizeof line, "SUB bench.probe.%d.%s 1\r\n", number, to);
    connection_write_all(&end->connection, line, (size_t)n);
    connection_sync(&end->connection);
    snprintf(end->says, sizeof end->says, "PUB bench.probe.%d.%s 0\r\n\r\n", number, from);
}

static void listen_at(struct end *end)
{
    char *start = end->buffer, *stop;
    bool pong = false;
    end->held += connection_read(&end->connection, end->buffer + end->held,
                                 BUFFER_SIZE - end->held);
    while ((stop = memchr(start, '\n', end->held - (size_t)(start - end->buffer)))) {
        if (memcmp(start, "MSG ", 4) == 0)
            end->heard = true;
        else if (*start != '\r') /* the payload */
            connection_control_line(&end->connection, start, (size_t)(stop - start), &pong);
        start = stop + 1;
    }
    end->held -= (size_t)(start - end->buffer);
    memmove(end->buffer, start, end->held);
}

void propagate(const struct options *options)
{
    struct end *near = allocate(sizeof *near), *far = allocate(sizeof *far);
    for (int i = 0; i < options->fars; i++) {
        open_end(near, &options->server, options, i, "there", "back");
        open_end(far, &options->far[i], options, i, "back", "there");
        near->heard = far->heard = false;
        near->held = far->held = 0;
        uint64_t start = now_ns();
        while (!near->heard || !far->heard) {
            if (seconds_since(start) > PATIENCE_S)
                fail("server %d: for %d s nothing came %s", i + 2, (int)PATIENCE_S,
                     far->heard ? "back from it" : "through to it");
            connection_write_all(&near->connection, near->says, strlen(near->says));
            connection_write_all(&far->connection, far->says, strlen(far->says));
            sleep_us(AGAIN_US);
            listen_at(near);
            listen_at(far);
        }
        close(near->connection.fd);
        close(far->connection.fd);
    }
}
