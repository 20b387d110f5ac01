/* A client that subscribes and unsubscribes as fast as the server lets it, beside a flow.
 *
 * It keeps LIVE subscriptions: each SUB is followed by the UNSUB of the one made LIVE
 * earlier, as clients do that use an inbox per request. One in four is a wildcard. A PING
 * after each batch keeps it from filling the server's buffers.
 */
#include "load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { LIVE = 1000, BATCH = 256, LINE_MAX_BYTES = 96 };

struct churn {
    struct connection connection;
    pthread_t thread;
    uint64_t next_sid;
    uint64_t pairs;
    _Atomic bool running;
};

static int subscribe_line(char *where, uint64_t sid)
{
    return snprintf(where, LINE_MAX_BYTES, "SUB _INBOX.churn.%llu%s %llu\r\n",
                    (unsigned long long)sid, sid % 4 ? "" : ".*", (unsigned long long)sid);
}

static void *churn_loop(void *argument)
{
    struct churn *churn = argument;
    char lines[BATCH * 2 * LINE_MAX_BYTES];
    while (churn->running) {
        int n = 0;
        for (int i = 0; i < BATCH; i++, churn->next_sid++) {
            n += subscribe_line(lines + n, churn->next_sid);
            n += sprintf(lines + n, "UNSUB %llu\r\n",
                         (unsigned long long)(churn->next_sid - LIVE));
        }
        connection_write_all(&churn->connection, lines, (size_t)n);
        connection_sync(&churn->connection);
        churn->pairs += BATCH;
    }
    return NULL;
}

struct churn *churn_open(const struct options *options)
{
    struct churn *churn = allocate(sizeof *churn);
    char line[LINE_MAX_BYTES];
    connection_open(&churn->connection, options, "churn", 0);
    for (churn->next_sid = 1; churn->next_sid <= LIVE; churn->next_sid++)
        connection_write_all(&churn->connection, line,
                             (size_t)subscribe_line(line, churn->next_sid));
    connection_sync(&churn->connection);
    return churn;
}

void churn_start(struct churn *churn)
{
    churn->pairs = 0;
    churn->running = true;
    if (pthread_create(&churn->thread, NULL, churn_loop, churn) != 0)
        fail("a thread could not be started");
}

uint64_t churn_stop(struct churn *churn)
{
    churn->running = false;
    pthread_join(churn->thread, NULL);
    return churn->pairs;
}
