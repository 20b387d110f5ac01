/* propagation: how soon one server knows the subscriptions made at another one.
 *
 * A client at the far server makes a great many; one at the near server says something to
 * the last of them, again and again, until that arrives. Then each of them is tried, in
 * another order, and must get what is meant for it: a server that tells of the last one
 * first gains nothing.
 */
#include "load.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { SUBJECT_MAX = 64, FRAME_MAX = 2 * SUBJECT_MAX, BUFFER_SIZE = 256 * 1024,
       AGAIN_US = 1000, TOGETHER = 500, PATIENCE_MS = 5000,
       STRIDE = 7919 };             /* a prime that counts are not multiples of */

struct listener {
    struct connection connection;
    size_t held;
    char buffer[BUFFER_SIZE];
};

static int subscribe_line(char *where, long i)
{
    return snprintf(where, SUBJECT_MAX, "SUB dev.%ld.state.%ld %ld\r\n", i % 1000, i, i + 1);
}

static int publish_frame(char *where, long i)
{
    return snprintf(where, FRAME_MAX, "PUB dev.%ld.state.%ld 2\r\nhi\r\n", i % 1000, i);
}

static int expected_frame(char *where, long i)
{
    return snprintf(where, FRAME_MAX, "MSG dev.%ld.state.%ld %ld 2\r\nhi\r\n", i % 1000, i, i + 1);
}

static void subscribe_all(struct connection *c, long count)
{
    enum { BATCH_BYTES = 64 * 1024 };
    char *batch = allocate(BATCH_BYTES);
    size_t filled = 0;
    for (long i = 0; i < count; i++) {
        filled += (size_t)subscribe_line(batch + filled, i);
        if (filled > BATCH_BYTES - SUBJECT_MAX || i == count - 1) {
            connection_write_all(c, batch, filled);
            filled = 0;
        }
    }
}

/* Whether the frame is next; what it takes is dropped. Control lines are answered. */
static bool take(struct listener *l, const char *frame, size_t size)
{
    const char *end;
    bool pong = false;
    l->held += connection_read(&l->connection, l->buffer + l->held, BUFFER_SIZE - l->held);
    while (l->held >= 4 && memcmp(l->buffer, "MSG ", 4) != 0
           && (end = memchr(l->buffer, '\n', l->held))) {
        size_t line = (size_t)(end - l->buffer) + 1;
        connection_control_line(&l->connection, l->buffer, line - 1, &pong);
        l->held -= line;
        memmove(l->buffer, l->buffer + line, l->held);
    }
    if (l->held < size || memcmp(l->buffer, frame, size) != 0)
        return false;
    l->held -= size;
    memmove(l->buffer, l->buffer + size, l->held);
    return true;
}

static void await_last(struct connection *near, struct listener *far, long last)
{
    char frame[FRAME_MAX], expected[FRAME_MAX];
    size_t size = (size_t)publish_frame(frame, last);
    size_t expected_size = (size_t)expected_frame(expected, last);
    do {
        connection_write_all(near, frame, size);
        sleep_us(AGAIN_US);
    } while (!take(far, expected, expected_size));
}

/* `also` may come first, any number of times, unless it is NULL. */
static void expect(struct listener *far, long i, long tried, const char *also)
{
    char expected[FRAME_MAX];
    size_t size = (size_t)expected_frame(expected, i);
    while (!take(far, expected, size)) {
        struct pollfd p = {.fd = far->connection.fd, .events = POLLIN};
        if (also && take(far, also, strlen(also)))
            continue;
        if (far->held >= FRAME_MAX && memcmp(far->buffer, "MSG ", 4) == 0)
            fail("subscription %ld, tried after %ld others: got %.60s", i, tried, far->buffer);
        if (poll(&p, 1, PATIENCE_MS) == 0)
            fail("subscription %ld, tried after %ld others: got %.*s", i, tried,
                 (int)(far->held < 60 ? far->held : 60), far->buffer);
    }
}

static void try_all(struct connection *near, struct listener *far, long count)
{
    char *batch = allocate(TOGETHER * FRAME_MAX), last[FRAME_MAX];
    expected_frame(last, count - 1);
    for (long done = 0; done < count; done += TOGETHER) {
        long stop = done + TOGETHER < count ? done + TOGETHER : count;
        size_t filled = 0;
        for (long k = done; k < stop; k++)
            filled += (size_t)publish_frame(batch + filled, k * STRIDE % count);
        connection_write_all(near, batch, filled);
        /* what the last one got besides the first that was heard is still under way */
        for (long k = done; k < stop; k++)
            expect(far, k * STRIDE % count, k, k ? NULL : last);
    }
}

void run_propagation(const struct options *options)
{
    struct connection near;
    struct listener *far = allocate(sizeof *far);
    long last = options->count - 1;
    if (!options->fars)
        fail("--far-port is missing");
    if (options->count % STRIDE == 0)
        fail("--count must not be a multiple of %d", STRIDE);
    connection_open(&near, options, "publisher", 0);
    connection_open(&far->connection, options, "subscriber", 0);
    propagate(options);
    control_ready();
    uint64_t start = now_ns();
    subscribe_all(&far->connection, options->count);
    await_last(&near, far, last);
    double seconds = seconds_since(start);
    connection_sync(&near);
    try_all(&near, far, options->count);
    control_done("\"subscriptions\": %ld, \"seconds\": %.6f, \"subscription_rate\": %.1f",
                 options->count, seconds, (double)options->count / seconds);
}
