/* subscriptions: one client makes a great many subscriptions; then a sample is tried. */
#include "load.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { BATCH_BYTES = 64 * 1024, LINE_MAX_BYTES = 64, SAMPLES = 100 };

static int subscribe_line(char *where, long i)
{
    return snprintf(where, LINE_MAX_BYTES, "SUB dev.%ld.state.%ld %ld\r\n", i % 1000, i, i + 1);
}

static void subscribe_all(struct connection *c, long count)
{
    char *batch = allocate(BATCH_BYTES);
    size_t filled = 0;
    for (long i = 0; i < count; i++) {
        filled += (size_t)subscribe_line(batch + filled, i);
        if (filled > BATCH_BYTES - LINE_MAX_BYTES) {
            connection_write_all(c, batch, filled);
            filled = 0;
        }
    }
    connection_write_all(c, batch, filled);
    connection_sync(c);
}

/* Publishes to the subscription's subject and compares what comes back to the byte. */
static void try_subscription(struct connection *c, long i)
{
    char line[LINE_MAX_BYTES + 8], expected[2 * LINE_MAX_BYTES], got[2 * LINE_MAX_BYTES];
    size_t received = 0;
    int n = snprintf(line, sizeof line, "PUB dev.%ld.state.%ld 2\r\nhi\r\nPING\r\n", i % 1000, i);
    int m = snprintf(expected, sizeof expected, "MSG dev.%ld.state.%ld %ld 2\r\nhi\r\nPONG\r\n",
                     i % 1000, i, i + 1);
    connection_write_all(c, line, (size_t)n);
    while (received < (size_t)m) {
        size_t more = connection_read(c, got + received, sizeof got - received);
        if (more == WOULD_BLOCK)
            connection_wait(c, POLLIN);
        received += more;
        /* a PING of the server's may come first; it has minutes to be answered */
        if (received >= 6 && memcmp(got, "PING\r\n", 6) == 0)
            memmove(got, got + 6, received -= 6);
    }
    if (received != (size_t)m || memcmp(got, expected, received) != 0)
        fail("subscription %ld: expected %.*s, got %.*s", i, m, expected, (int)received, got);
}

void run_subscriptions(const struct options *options)
{
    struct connection c;
    connection_open(&c, options, "subscriber", 0);
    control_ready();
    uint64_t start = now_ns();
    subscribe_all(&c, options->count);
    double seconds = seconds_since(start);
    for (int k = 0; k < SAMPLES; k++)
        try_subscription(&c, (options->count - 1) * k / (SAMPLES - 1));
    control_done("\"subscriptions\": %ld, \"seconds\": %.6f, \"subscription_rate\": %.1f",
                 options->count, seconds, (double)options->count / seconds);
}
