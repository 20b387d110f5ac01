/* A subscriber: steps from frame to frame by their one length, and looks at each of them.
 *
 * The header must be the expected one to the byte, and the payload's stamp the next one of
 * its publisher. At ten million frames a second this costs a few hundredths of a core: the
 * bytes are in the cache, since the kernel has just put them there.
 */
#include "load.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SUBJECT_DIGITS = 6 };

void consumer_init(struct consumer *s, const struct options *options, int number)
{
    connection_open(&s->connection, options, "subscriber", number);
    s->publishers = options->publishers;
    s->gets_all = !options->queue;
    s->header_varies = options->subjects > 1;
    if (s->header_varies)
        s->header_size = (size_t)snprintf(s->header, sizeof s->header,
                                          "MSG wild.000000.v 000000 %zu\r\n", options->size);
    else
        s->header_size = (size_t)snprintf(s->header, sizeof s->header,
                                          "MSG bench.flow %d %zu\r\n", number + 1, options->size);
    s->frame_size = s->header_size + options->size + 2;
    s->next = allocate(sizeof *s->next * (size_t)options->publishers);
    s->buffer = allocate(READ_SIZE);
}

static _Noreturn void bad_frame(struct consumer *s, const char *frame, const char *what)
{
    fail("subscriber %d: about message %llu: %s: %.*s", s->connection.number,
         (unsigned long long)s->frames, what, (int)s->header_size - 2, frame);
}

static void verify_header(struct consumer *s, const char *frame)
{
    if (!s->header_varies) {
        if (memcmp(frame, s->header, s->header_size) != 0)
            bad_frame(s, frame, "not the header expected");
        return;
    }
    /* "MSG wild.DDDDDD.v DDDDDD size": the subscription with that number asked for it */
    uint64_t subject = parse_digits(frame + 9, SUBJECT_DIGITS);
    uint64_t sid = parse_digits(frame + 18, SUBJECT_DIGITS);
    if (subject == UINT64_MAX || subject != sid || memcmp(frame, "MSG wild.", 9) != 0
        || memcmp(frame + 15, ".v ", 3) != 0
        || memcmp(frame + 24, s->header + 24, s->header_size - 24) != 0)
        bad_frame(s, frame, "not the header expected");
}

/* Members of a queue group get some of each publisher's messages, but these in order. */
static void verify_stamp(struct consumer *s, const char *frame)
{
    uint64_t publisher, sequence;
    stamp_read(frame + s->header_size, &publisher, &sequence);
    if (publisher >= (uint64_t)s->publishers)
        bad_frame(s, frame, "not a payload that was published");
    if (s->gets_all ? sequence != s->next[publisher] : sequence < s->next[publisher])
        bad_frame(s, frame, "lost, duplicated or out of order");
    s->next[publisher] = sequence + 1;
}

static void count(struct consumer *s, uint64_t frames)
{
    /* only this thread writes it */
    uint64_t before = atomic_load_explicit(&s->frames, memory_order_relaxed);
    atomic_store_explicit(&s->frames, before + frames, memory_order_relaxed);
}

/* All that is complete in p[0..n); how much of it was used. */
static size_t take_frames(struct consumer *s, const char *p, size_t n)
{
    size_t i = 0;
    uint64_t frames = 0;
    for (; n - i >= s->frame_size && memcmp(p + i, "MSG ", 4) == 0; i += s->frame_size, frames++) {
        verify_header(s, p + i);
        verify_stamp(s, p + i);
        if (memcmp(p + i + s->frame_size - 2, "\r\n", 2) != 0)
            bad_frame(s, p + i, "no line end after the payload");
    }
    count(s, frames);
    return i;
}

/* The part that is there of a frame that takes more than one read; 0 if not even its
   stamp arrived. That its end is where it must be shows in the next frame's start. */
static size_t take_start(struct consumer *s, const char *frame, size_t n)
{
    if (n < s->header_size + STAMP_SIZE)
        return 0;
    verify_header(s, frame);
    verify_stamp(s, frame);
    s->skip = s->frame_size - n;
    return n;
}

/* What arrived of the rest of such a frame. */
static size_t take_rest(struct consumer *s, size_t n)
{
    size_t taken = n < s->skip ? n : s->skip;
    s->skip -= taken;
    if (taken && !s->skip)
        count(s, 1);
    return taken;
}

bool consumer_read(struct consumer *s)
{
    size_t n = connection_read(&s->connection, s->buffer + s->held, READ_SIZE - s->held);
    if (n == WOULD_BLOCK)
        return false;
    uint64_t before = s->frames;
    const char *p = s->buffer;
    n += s->held;
    size_t i = take_rest(s, n);
    while (i < n) {
        i += take_frames(s, p + i, n - i);
        if (n - i < 4)
            break;
        if (memcmp(p + i, "MSG ", 4) == 0) {
            i += take_start(s, p + i, n - i);
            break;
        }
        const char *end = memchr(p + i, '\n', n - i);
        if (!end)
            break;
        connection_control_line(&s->connection, p + i, (size_t)(end - p) - i, &s->pong);
        i = (size_t)(end - p) + 1;
    }
    s->held = n - i;
    memmove(s->buffer, p + i, s->held);
    if (s->frames != before)
        s->last_frame_ns = now_ns();
    return true;
}
