/* A subscriber: counts frames of one length by hopping from one to the next, and looks
 * closely at a sample of them.
 *
 * Of each frame it looks at the first four bytes, so that a lost byte, or a PING in the
 * middle of the stream, is noticed at once. Of one in SAMPLE_EVERY, and the first of each
 * read, it compares the whole header and the payload's stamp.
 */
#include "load.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLE_EVERY = 32, SUBJECT_DIGITS = 6 };

void consumer_init(struct consumer *s, const struct options *options, int number)
{
    connection_open(&s->connection, options, "subscriber", number);
    s->publishers = options->publishers;
    s->every_message = options->publishers == 1 && !options->queue;
    s->header_varies = options->subjects > 1;
    if (s->header_varies)
        s->header_size = (size_t)snprintf(s->header, sizeof s->header,
                                          "MSG wild.000000.v 000000 %zu\r\n", options->size);
    else
        s->header_size = (size_t)snprintf(s->header, sizeof s->header,
                                          "MSG bench.flow %d %zu\r\n", number + 1, options->size);
    s->frame_size = s->header_size + options->size + 2;
    s->sequences = allocate(sizeof *s->sequences * (size_t)options->publishers);
    s->buffer = allocate(READ_SIZE);
}

static _Noreturn void bad_frame(struct consumer *s, const char *frame, const char *what)
{
    fail("subscriber %d: message %llu: %s: %.*s", s->connection.number,
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

/* With one publisher the sequence is the number of the message: a loss or a duplicate is
   seen in the next sample. With several it can only be seen to grow; the count at the end
   tells the rest. */
static void verify_stamp(struct consumer *s, const char *frame)
{
    uint64_t publisher, sequence;
    stamp_read(frame + s->header_size, &publisher, &sequence);
    if (publisher >= (uint64_t)s->publishers)
        bad_frame(s, frame, "not a payload that was published");
    if (s->every_message ? sequence != s->frames : sequence < s->sequences[publisher])
        bad_frame(s, frame, "lost, duplicated or out of order");
    s->sequences[publisher] = sequence + 1;
    s->sampled++;
}

/* All that is complete in p[0..n); how much of it was used. */
static size_t take_frames(struct consumer *s, const char *p, size_t n)
{
    size_t i = 0;
    uint64_t frames = s->frames, next_sample = frames;
    while (n - i >= s->frame_size && memcmp(p + i, "MSG ", 4) == 0) {
        if (frames >= next_sample) {
            atomic_store_explicit(&s->frames, frames, memory_order_relaxed);
            verify_header(s, p + i);
            verify_stamp(s, p + i);
            if (memcmp(p + i + s->frame_size - 2, "\r\n", 2) != 0)
                bad_frame(s, p + i, "no line end after the payload");
            next_sample = frames + SAMPLE_EVERY;
        }
        i += s->frame_size;
        frames++;
    }
    atomic_store_explicit(&s->frames, frames, memory_order_relaxed);
    return i;
}

/* The part that is there of a frame that takes more than one read; 0 if not even its
   stamp arrived. Large messages may all be of this kind, so each of them is verified. */
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
        atomic_fetch_add_explicit(&s->frames, 1, memory_order_relaxed);
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
