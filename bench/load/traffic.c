/* Publishers and subscribers on one subject (or on one subject each of many).
 *
 * Publishers share `workers` threads, subscribers as many others: one thread that serves
 * sixteen sockets in turn takes less of the cores the server needs than sixteen that wake
 * each other up. All of them write batches and read large pieces.
 *
 * A phase: publishers write until the time is up and then wait for a PONG, after which the
 * server has nothing of theirs unread; subscribers then send a PING, and what is before its
 * PONG is all they will ever get. Both ends must agree exactly.
 */
#include "load.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH_BYTES = 64 * 1024, SUBJECT_DIGITS = 6, BEHIND_PAUSE_US = 50 };

struct publisher {
    struct connection connection;
    uint64_t number;
    uint64_t sequence;              /* of the next message */
    char *batch;
    size_t frame_size, stamp_offset, messages;
    size_t written, filled;         /* of the present batch */
};

struct traffic {
    struct options options;
    struct publisher *publishers;
    struct consumer *consumers;
    char *subject_digits;           /* SUBJECT_DIGITS for each subject */
    uint64_t window;                /* messages */
    uint64_t stop_ns;
    _Atomic uint64_t published;
    pthread_barrier_t start, publishers_done, consumers_done;
    int publisher_workers, consumer_workers;
    int *drain_events;              /* an eventfd per consumer worker */
};

struct worker {
    struct traffic *traffic;
    int number;
};

/* ---- publishers ---- */

static void publisher_init(struct publisher *p, struct traffic *t, int number)
{
    char header[HEADER_MAX];
    size_t size = t->options.size;
    const char *subject = t->options.subjects > 1 ? "wild.000000.v" : "bench.flow";
    int header_size = snprintf(header, sizeof header, "PUB %s %zu\r\n", subject, size);

    connection_open(&p->connection, &t->options, "publisher", number);
    p->number = (uint64_t)number;
    p->frame_size = (size_t)header_size + size + 2;
    p->stamp_offset = (size_t)header_size;
    p->messages = BATCH_BYTES / p->frame_size ? BATCH_BYTES / p->frame_size : 1;
    p->batch = allocate(p->messages * p->frame_size);
    for (size_t i = 0; i < p->messages; i++) {
        char *frame = p->batch + i * p->frame_size;
        memcpy(frame, header, (size_t)header_size);
        memset(frame + header_size, 'x', size);
        memcpy(frame + header_size + size, "\r\n", 2);
    }
}

static void publisher_fill(struct publisher *p, struct traffic *t)
{
    char *frame = p->batch;
    uint64_t subjects = (uint64_t)t->options.subjects;
    for (size_t i = 0; i < p->messages; i++, frame += p->frame_size) {
        if (subjects > 1)
            memcpy(frame + strlen("PUB wild."),
                   t->subject_digits + p->sequence % subjects * SUBJECT_DIGITS, SUBJECT_DIGITS);
        stamp_write(frame + p->stamp_offset, p->number, p->sequence++);
    }
    p->filled = p->messages * p->frame_size;
    p->written = 0;
    atomic_fetch_add_explicit(&t->published, p->messages, memory_order_relaxed);
}

/* Whether the slowest subscriber is too far behind for one more batch. Without this bound a
   run would measure how a server punishes slow consumers instead of how it delivers. */
static bool too_far_ahead(struct traffic *t)
{
    uint64_t least = UINT64_MAX, sum = 0;
    if (!t->options.subscribers)
        return false;
    for (int i = 0; i < t->options.subscribers; i++) {
        uint64_t frames = atomic_load_explicit(&t->consumers[i].frames, memory_order_relaxed);
        sum += frames;
        least = frames < least ? frames : least;
    }
    uint64_t published = atomic_load_explicit(&t->published, memory_order_relaxed);
    return published - (t->options.queue ? sum : least) > t->window;
}

/* Writes what the socket takes; whether it took anything. */
static bool publisher_write(struct publisher *p)
{
    size_t n = connection_write(&p->connection, p->batch + p->written, p->filled - p->written);
    p->written += n;
    return n != WOULD_BLOCK;
}

static void publish_until(struct traffic *t, int first, int step)
{
    while (now_ns() < t->stop_ns) {
        bool progress = false, behind = too_far_ahead(t);
        for (int i = first; i < t->options.publishers; i += step) {
            struct publisher *p = &t->publishers[i];
            if (p->written == p->filled) {
                if (behind)
                    continue;
                publisher_fill(p, t);
            }
            progress |= publisher_write(p);
        }
        if (progress)
            continue;
        if (behind || first + step < t->options.publishers)
            sleep_us(BEHIND_PAUSE_US);
        else
            connection_wait(&t->publishers[first].connection, POLLOUT);
    }
}

static void *publisher_worker(void *argument)
{
    struct worker *worker = argument;
    struct traffic *t = worker->traffic;
    int step = t->publisher_workers;
    for (;;) {
        pthread_barrier_wait(&t->start);
        publish_until(t, worker->number, step);
        for (int i = worker->number; i < t->options.publishers; i += step) {
            struct publisher *p = &t->publishers[i];
            connection_write_all(&p->connection, p->batch + p->written, p->filled - p->written);
            p->written = p->filled;
        }
        for (int i = worker->number; i < t->options.publishers; i += step)
            connection_sync(&t->publishers[i].connection);
        pthread_barrier_wait(&t->publishers_done);
    }
    return NULL;
}

/* ---- subscribers ---- */

static void subscribe(struct traffic *t, int number)
{
    struct consumer *s = &t->consumers[number];
    char line[64];
    consumer_init(s, &t->options, number);
    if (t->options.subjects > 1) {
        for (int i = 0; i < t->options.subjects; i++) {
            int n = snprintf(line, sizeof line, "SUB wild.%06d.* %06d\r\n", i, i);
            connection_write_all(&s->connection, line, (size_t)n);
        }
    } else {
        int n = snprintf(line, sizeof line, "SUB bench.flow %s%d\r\n",
                         t->options.queue ? "workers " : "", number + 1);
        connection_write_all(&s->connection, line, (size_t)n);
    }
    connection_sync(&s->connection);
}

static void *consumer_worker(void *argument)
{
    struct worker *worker = argument;
    struct traffic *t = worker->traffic;
    int step = t->consumer_workers, epoll = epoll_create1(0), waiting = -1;
    int drain = t->drain_events[worker->number];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[64];

    epoll_ctl(epoll, EPOLL_CTL_ADD, drain, &event);
    for (int i = worker->number; i < t->options.subscribers; i += step) {
        event.data.ptr = &t->consumers[i];
        epoll_ctl(epoll, EPOLL_CTL_ADD, t->consumers[i].connection.fd, &event);
    }
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);
        for (int e = 0; e < n; e++) {
            struct consumer *s = events[e].data.ptr;
            uint64_t value;
            if (!s && read(drain, &value, sizeof value) > 0) {
                waiting = 0;
                for (int i = worker->number; i < t->options.subscribers; i += step, waiting++)
                    connection_write_all(&t->consumers[i].connection, "PING\r\n", 6);
                continue;
            }
            /* TLS may hold a whole record back that epoll does not know of */
            while (consumer_read(s) && s->connection.tls)
                continue;
            if (s->pong) {
                s->pong = false;
                if (--waiting == 0)
                    pthread_barrier_wait(&t->consumers_done);
            }
        }
    }
    return NULL;
}

/* ---- both ---- */

static void start_worker(struct traffic *t, void *(*run)(void *), int number)
{
    pthread_t thread;
    struct worker *worker = allocate(sizeof *worker);
    *worker = (struct worker){t, number};
    if (pthread_create(&thread, NULL, run, worker) != 0)
        fail("a thread could not be started");
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

struct traffic *traffic_open(const struct options *options)
{
    struct traffic *t = allocate(sizeof *t);
    t->options = *options;
    t->consumers = allocate(sizeof *t->consumers * (size_t)(options->subscribers + 1));
    t->publishers = allocate(sizeof *t->publishers * (size_t)options->publishers);
    t->subject_digits = allocate((size_t)options->subjects * SUBJECT_DIGITS);
    for (int i = 0; i < options->subjects; i++)
        fixed_digits(t->subject_digits + i * SUBJECT_DIGITS, SUBJECT_DIGITS, (uint64_t)i);
    for (int i = 0; i < options->subscribers; i++)
        subscribe(t, i);
    for (int i = 0; i < options->publishers; i++)
        publisher_init(&t->publishers[i], t, i);
    propagate(options);
    t->window = options->window / (options->size + 32);

    t->publisher_workers = smaller(options->workers, options->publishers);
    t->consumer_workers = smaller(options->workers, options->subscribers);
    pthread_barrier_init(&t->start, NULL, (unsigned)t->publisher_workers + 1);
    pthread_barrier_init(&t->publishers_done, NULL, (unsigned)t->publisher_workers + 1);
    pthread_barrier_init(&t->consumers_done, NULL, (unsigned)t->consumer_workers + 1);
    t->drain_events = allocate(sizeof(int) * (size_t)(t->consumer_workers + 1));
    for (int i = 0; i < t->consumer_workers; i++) {
        t->drain_events[i] = eventfd(0, 0);
        start_worker(t, consumer_worker, i);
    }
    for (int i = 0; i < t->publisher_workers; i++)
        start_worker(t, publisher_worker, i);
    return t;
}

static uint64_t total_frames(const struct traffic *t)
{
    uint64_t sum = 0;
    for (int i = 0; i < t->options.subscribers; i++)
        sum += t->consumers[i].frames;
    return sum;
}

/* Everybody got everything, once. Counted since the connections were opened. */
static void check_counts(const struct traffic *t)
{
    if (t->options.queue && total_frames(t) != t->published)
        fail("the queue group got %llu of %llu messages", (unsigned long long)total_frames(t),
             (unsigned long long)t->published);
    for (int i = 0; i < t->options.subscribers; i++) {
        uint64_t frames = t->consumers[i].frames;
        if (t->options.queue ? frames == 0 : frames != t->published)
            fail("subscriber %d got %llu of %llu messages", i, (unsigned long long)frames,
                 (unsigned long long)t->published);
    }
}

/* The server that subscribers are connected to may not have heard of all yet when it answers. */
static void await_others(const struct traffic *t)
{
    enum { STEP = 500 };
    uint64_t expected = t->published * (uint64_t)(t->options.queue ? 1 : t->options.subscribers);
    for (double waited = 0; t->options.fars && waited < t->options.seconds + 5;
         waited += STEP / 1e6) {
        if (total_frames(t) >= expected)
            return;
        sleep_us(STEP);
    }
}

struct traffic_result traffic_run(struct traffic *t, double seconds)
{
    uint64_t published = t->published, delivered = total_frames(t), start = now_ns();
    uint64_t end;
    t->stop_ns = start + (uint64_t)(seconds * 1e9);
    pthread_barrier_wait(&t->start);
    pthread_barrier_wait(&t->publishers_done);
    end = now_ns();
    await_others(t);
    for (int i = 0; i < t->consumer_workers; i++)
        if (write(t->drain_events[i], &(uint64_t){1}, sizeof(uint64_t)) < 0)
            fail("eventfd");
    if (t->consumer_workers) {
        pthread_barrier_wait(&t->consumers_done);
        end = start;
        for (int i = 0; i < t->options.subscribers; i++)
            if (t->consumers[i].last_frame_ns > end)
                end = t->consumers[i].last_frame_ns;
    }
    check_counts(t);
    return (struct traffic_result){t->published - published, total_frames(t) - delivered,
                                   (double)(end - start) / 1e9};
}
