/* requests: requesters with one request each under way, and one responder.
 *
 * As the clients' request functions do it: a requester has one wildcard subscription
 * `_INBOX.RRRR.*`, and each request its own reply subject under it.
 *
 * One thread serves them all, the responder included. With a thread for the responder, on
 * two cores, the server would have to share its core with one of the two.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { INBOX_DIGITS = 4, TOKEN_DIGITS = 8, REPLY_SIZE = 7 + INBOX_DIGITS + 1 + TOKEN_DIGITS,
       BUFFER_SIZE = 256 * 1024, PATIENCE_MS = 5000 };

struct requester {
    struct connection connection;
    uint64_t number, token;
    char *request;
    size_t request_size, stamp_offset;
    char *expected;                 /* the reply's frame */
    size_t expected_size, received;
    char *buffer;
    uint64_t sent_ns;
};

struct latencies {
    uint32_t *ns;
    size_t used, room;
};

struct responder {
    struct connection connection;
    char *in, *out;
    size_t held;
};

struct bench {
    const struct options *options;
    struct requester *requesters;
    struct responder responder;
    struct latencies latencies;
    int epoll;
};

/* ---- the responder ---- */

/* Answers all requests in p[0..n) in one write; how much of it was used. Every request has
   the same length: "MSG bench.service 1 _INBOX.RRRR.TTTTTTTT size". */
static size_t answer(struct connection *c, const char *p, size_t n, size_t size, char *out)
{
    static const char START[] = "MSG bench.service 1 ";
    char digits[24];
    size_t start = sizeof START - 1, used = 0, filled = 0, i = 0;
    int length = snprintf(digits, sizeof digits, " %zu\r\n", size);
    size_t header = start + REPLY_SIZE + (size_t)length, frame = header + size + 2;
    while (n - i >= 4) {
        if (memcmp(p + i, "MSG ", 4) != 0) {
            bool pong = false;
            const char *end = memchr(p + i, '\n', n - i);
            if (!end)
                break;
            connection_control_line(c, p + i, (size_t)(end - p) - i, &pong);
            i = used = (size_t)(end - p) + 1;
            continue;
        }
        if (n - i < frame)
            break;
        if (memcmp(p + i, START, start) != 0
            || memcmp(p + i + start + REPLY_SIZE, digits, (size_t)length) != 0)
            fail("responder: unexpected: %.*s", (int)header - 2, p + i);
        memcpy(out + filled, "PUB ", 4);
        memcpy(out + filled + 4, p + i + start, frame - start);
        filled += 4 + frame - start;
        i = used = i + frame;
    }
    connection_write_all(c, out, filled);
    return used;
}

/* The same where a service is imported: the reply is the server's, and headers come first.
   "HMSG bench.service 1 REPLY HEADERS TOTAL" or MSG without the fifth field. */
static size_t answer_any(struct connection *c, const char *p, size_t n, size_t size, char *out)
{
    size_t used = 0, filled = 0;
    const char *end;
    while ((end = memchr(p + used, '\n', n - used))) {
        const char *line = p + used;
        size_t length = (size_t)(end - line) + 1;
        char reply[64], text[128];
        size_t first = 0, total = 0;
        bool pong = false;
        if (memcmp(line, "MSG ", 4) != 0 && memcmp(line, "HMSG ", 5) != 0) {
            connection_control_line(c, line, length - 1, &pong);
            used += length;
            continue;
        }
        if (length >= sizeof text)
            fail("responder: a line of %zu bytes", length);
        memcpy(text, line, length);
        text[length] = 0;
        int fields = sscanf(text, "%*s %*s %*s %63s %zu %zu", reply, &first, &total);
        size_t headers = fields == 3 ? first : 0;
        if (fields < 3)
            total = first;
        if (fields < 2 || total != headers + size)
            fail("responder: unexpected: %s", text);
        if (n - used < length + total + 2)
            break;
        filled += (size_t)sprintf(out + filled, "PUB %s %zu\r\n", reply, size);
        memcpy(out + filled, line + length + headers, size + 2);
        filled += size + 2;
        used += length + total + 2;
    }
    connection_write_all(c, out, filled);
    return used;
}

static void responder_init(struct responder *r, const struct options *options)
{
    connection_open(&r->connection, options, "responder", 0);
    connection_write_all(&r->connection, "SUB bench.service 1\r\n", 21);
    connection_sync(&r->connection);
    r->in = allocate(BUFFER_SIZE);
    r->out = allocate(BUFFER_SIZE);
}

static void respond(struct responder *r, const struct options *options)
{
    r->held += connection_read(&r->connection, r->in + r->held, BUFFER_SIZE - r->held);
    size_t used = (options->users ? answer_any : answer)(&r->connection, r->in, r->held,
                                                         options->size, r->out);
    r->held -= used;
    memmove(r->in, r->in + used, r->held);
}

/* ---- requesters ---- */

static void requester_init(struct requester *r, struct bench *bench, int number)
{
    size_t size = bench->options->size, room = HEADER_MAX + size + 2;
    char line[64];
    connection_open(&r->connection, bench->options, "requester", number);
    r->number = (uint64_t)number;
    r->request = allocate(room);
    r->expected = allocate(room);
    r->buffer = allocate(room);
    r->stamp_offset = (size_t)snprintf(r->request, room, "PUB bench.service _INBOX.%0*d.%0*d %zu\r\n",
                                       INBOX_DIGITS, number, TOKEN_DIGITS, 0, size);
    memset(r->request + r->stamp_offset, 'x', size);
    memcpy(r->request + r->stamp_offset + size, "\r\n", 2);
    r->request_size = r->stamp_offset + size + 2;
    r->expected_size = (size_t)snprintf(r->expected, room, "MSG _INBOX.%0*d.%0*d 1 %zu\r\n",
                                        INBOX_DIGITS, number, TOKEN_DIGITS, 0, size)
                       + size + 2;
    int n = snprintf(line, sizeof line, "SUB _INBOX.%0*d.* 1\r\n", INBOX_DIGITS, number);
    connection_write_all(&r->connection, line, (size_t)n);
    connection_sync(&r->connection);
}

static void send_request(struct requester *r, size_t size)
{
    enum { BEFORE_TOKEN = 7 + INBOX_DIGITS + 1 };
    r->token++;
    fixed_digits(r->request + strlen("PUB bench.service ") + BEFORE_TOKEN, TOKEN_DIGITS, r->token);
    fixed_digits(r->expected + strlen("MSG ") + BEFORE_TOKEN, TOKEN_DIGITS, r->token);
    stamp_write(r->request + r->stamp_offset, r->number, r->token);
    memcpy(r->expected + r->expected_size - size - 2, r->request + r->stamp_offset, size + 2);
    r->sent_ns = now_ns();
    connection_write_all(&r->connection, r->request, r->request_size);
}

static void keep(struct latencies *l, uint64_t ns)
{
    if (l->used == l->room) {
        l->room = l->room ? 2 * l->room : 1 << 20;
        l->ns = realloc(l->ns, l->room * sizeof *l->ns);
        if (!l->ns)
            fail("out of memory");
    }
    l->ns[l->used++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

/* The server's own PING comes between replies: answered, and taken out of the buffer. */
static void skip_control_lines(struct requester *r)
{
    const char *end;
    bool pong = false;
    while (r->received >= 4 && memcmp(r->buffer, "MSG ", 4) != 0
           && (end = memchr(r->buffer, '\n', r->received))) {
        size_t line = (size_t)(end - r->buffer) + 1;
        connection_control_line(&r->connection, r->buffer, line - 1, &pong);
        r->received -= line;
        memmove(r->buffer, r->buffer + line, r->received);
    }
}

/* Whether the reply is complete; it must be the expected one to the byte. */
static bool read_reply(struct requester *r)
{
    size_t room = r->expected_size + HEADER_MAX - r->received;
    r->received += connection_read(&r->connection, r->buffer + r->received, room);
    skip_control_lines(r);
    if (r->received < r->expected_size)
        return false;
    if (memcmp(r->buffer, r->expected, r->expected_size) != 0
        || (r->received > r->expected_size && memcmp(r->buffer + r->expected_size, "MSG ", 4) == 0))
        fail("requester %d: not the reply expected: %.80s", r->connection.number, r->buffer);
    /* the server's own PING may be right behind it */
    r->received -= r->expected_size;
    memmove(r->buffer, r->buffer + r->expected_size, r->received);
    return true;
}

static uint64_t run_phase(struct bench *bench, double seconds)
{
    int busy = bench->options->requesters;
    uint64_t start = now_ns(), stop = start + (uint64_t)(seconds * 1e9), count = 0;
    struct epoll_event events[128];
    for (int i = 0; i < busy; i++)
        send_request(&bench->requesters[i], bench->options->size);
    while (busy) {
        int n = epoll_wait(bench->epoll, events, 128, PATIENCE_MS);
        if (n == 0)
            fail("%d requests are without a reply for %d s", busy, PATIENCE_MS / 1000);
        for (int e = 0; e < n; e++) {
            struct requester *r = events[e].data.ptr;
            if (!r)
                respond(&bench->responder, bench->options);
            if (!r || !read_reply(r))
                continue;
            uint64_t now = now_ns();
            keep(&bench->latencies, now - r->sent_ns);
            count++;
            if (now < stop)
                send_request(r, bench->options->size);
            else
                busy--;
        }
    }
    return count;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_us(const struct latencies *l, double fraction)
{
    size_t index = (size_t)((double)l->used * fraction);
    return (double)l->ns[index < l->used ? index : l->used - 1] / 1e3;
}

void run_requests(const struct options *options)
{
    struct bench bench = {.options = options, .epoll = epoll_create1(0)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    responder_init(&bench.responder, options);
    epoll_ctl(bench.epoll, EPOLL_CTL_ADD, bench.responder.connection.fd, &event);
    bench.requesters = allocate(sizeof *bench.requesters * (size_t)options->requesters);
    for (int i = 0; i < options->requesters; i++) {
        requester_init(&bench.requesters[i], &bench, i);
        event.data.ptr = &bench.requesters[i];
        epoll_ctl(bench.epoll, EPOLL_CTL_ADD, bench.requesters[i].connection.fd, &event);
    }
    propagate(options);
    run_phase(&bench, options->warmup);
    bench.latencies.used = 0;
    control_ready();
    double cpu = own_cpu_seconds();
    uint64_t start = now_ns();
    uint64_t count = run_phase(&bench, options->seconds);
    double seconds = seconds_since(start);
    cpu = own_cpu_seconds() - cpu;
    struct latencies *l = &bench.latencies;
    qsort(l->ns, l->used, sizeof *l->ns, ascending);
    control_done("\"requests\": %llu, \"seconds\": %.6f, \"request_rate\": %.1f, "
                 "\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, "
                 "\"client_cpu_seconds\": %.3f",
                 (unsigned long long)count, seconds, (double)count / seconds,
                 percentile_us(l, 0.5), percentile_us(l, 0.99), percentile_us(l, 0.999),
                 percentile_us(l, 1.0), cpu);
}
