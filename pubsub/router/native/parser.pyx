# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Bytes become commands here.

Theory of operation. The input of a connection is always in one of four states:

* between two operations (``conn.verb == 0``, no body, tail empty or the first bytes of a
  verb, at most seven);
* in the argument of a verb (``conn.verb``; the tail is the argument so far, leading
  blanks already dropped, never longer than max_control_line allows);
* in a line whose rest does not matter (``conn.verb`` is PING, PONG or OK; nothing is kept);
* in a payload (``conn.body``: the parsed line and a block the payload is collected in,
  into which the descriptor is read directly).

So memory is bounded in each, no byte is looked at again when more arrives but those
of one unfinished line, and the outcome does not depend on how the input was cut.
Behaviour is that of nats-server's parser.go and client.go; the Python backend is the
same, to the byte.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from pubsub import errors

from pubsub.router.native.delivery cimport publish, publish_again, raise_fault
from pubsub.router.native.output cimport (
    block_data, new_block, put, release_block, wall_clock,
)
from pubsub.router.native.recall cimport recalled, remember
from pubsub.router.native.relaying cimport publish_routed
from pubsub.router.native.serverlines cimport read_routed
from pubsub.router.native.subscribing cimport say_ok, subscribe, unsubscribe
from pubsub.router.native.text cimport blank, is_literal, parse_size, split_fields
from pubsub.router.native.types cimport (
    AGONE, CLIENT_KIND, CONNECT, ERR, HPUB, INFO, LEAF_KIND, LMSG, NO_VERB, PARTIAL, PING, PONG,
    PUB, RADDED, RMSG, ROUTE_KIND, SUB, UNKNOWN, UNSUB, Body, Conn, Message,
)
from pubsub.router.native.verbs cimport server_verb_at, verb_at

cdef enum:
    # Bodies this large are shared with the readers' queues; see delivery.SHARE.
    SHARE = 16384
    # Links between servers may send longer lines: they name accounts, queues and origins.
    SERVER_LINE_FACTOR = 16


cdef inline bint from_server(Conn* conn) noexcept nogil:
    """Whether another server is at the other end: those speak a language of their own."""
    return ROUTE_KIND <= conn.kind <= LEAF_KIND


cdef int too_long(Conn* conn, const char* arg, size_t n) except -1:
    """Report an argument over the limit: 1 if it is."""
    cdef size_t limit = conn.core.max_control_line
    if conn.kind != CLIENT_KIND:
        limit *= SERVER_LINE_FACTOR
    if n <= limit:
        return 0
    raise_fault(conn, errors.MaximumControlLineExceeded(
        "max_control_line %d, argument of %d bytes (snip: %s...)"
        % (limit, n, errors.go_quote(arg[:128 if n > 128 else n]))
    ))
    return 1


# --- PUB and HPUB -----------------------------------------------------------------------

cdef int malformed(Conn* conn, str what, const char* arg, size_t n) except -1:
    raise_fault(conn, errors.MalformedArguments(what + ": " + errors.go_quote(arg[:n])))
    return 0


cdef int read_publish(Conn* conn, int verb, const char* arg, size_t n, Message* m) except -1:
    """Parse the arguments of PUB or HPUB: 1 fine, 2 fine but for a fault, 0 closed."""
    cdef const char* starts[4]
    cdef int lengths[4]
    cdef int fields
    cdef int last
    cdef int extra = 1 if verb == HPUB else 0
    if extra and not conn.headers:
        raise_fault(conn, errors.HeadersNotSupported())
        return 0
    fields = split_fields(arg, <int>n, starts, lengths, 3 + extra, False)
    if fields != 2 + extra and fields != 3 + extra:
        malformed(conn, "processHeaderPub Parse Error" if extra else "processPub Parse Error", arg, n)
        return 0
    last = fields - 1
    m.subject = starts[0]
    m.slen = lengths[0]
    m.reply = starts[1] if fields == 3 + extra else starts[0]
    m.rlen = lengths[1] if fields == 3 + extra else 0
    m.szb = starts[last]
    m.szb_len = lengths[last]
    m.size = parse_size(starts[last], lengths[last])
    m.hdr = -1
    m.hdb_len = 0
    m.block = NULL
    m.via = NULL
    m.account = conn.account
    m.qlen = m.olen = 0
    m.answer = m.any_queue = False
    m.abroad = 0
    if extra:
        m.hdb = starts[last - 1]
        m.hdb_len = lengths[last - 1]
        m.hdr = parse_size(m.hdb, m.hdb_len)
        if m.hdr < 0:
            malformed(conn, "processHeaderPub Bad or Missing Header Size", arg, n)
            return 0
        if m.size < 0:
            malformed(conn, "processHeaderPub Bad or Missing Total Size", arg, n)
            return 0
        if m.hdr > m.size:
            malformed(conn, "processHeaderPub Header Size larger then TotalSize", arg, n)
            return 0
    elif m.size < 0:
        malformed(conn, "processPub Bad or Missing Size", arg, n)
        return 0
    if m.size > conn.max_payload and conn.max_payload != -1:
        raise_fault(conn, errors.MaximumPayloadViolation("%d vs %d" % (m.size, conn.max_payload)))
        return 0
    if conn.pedantic and not is_literal(m.subject, m.slen):
        raise_fault(conn, errors.InvalidPublishSubject())
        return 0 if conn.closed else 2
    return 1


cdef int no_line_end(Conn* conn) except -1:
    raise_fault(conn, errors.UnknownProtocolOperation("no CRLF after a payload"))
    return 0


cdef int start_body(Conn* conn, Message* m, const char* data, size_t n) except -1:
    """The payload is not there completely: remember the line, collect what follows."""
    cdef Body* body = <Body*>malloc(
        sizeof(Body) + m.slen + m.rlen + m.hdb_len + m.szb_len + m.qlen + m.olen
    )
    cdef char* at = <char*>(body + 1)
    if body == NULL:
        raise MemoryError("no memory for a payload")
    memcpy(at, m.subject, m.slen)
    memcpy(at + m.slen, m.reply, m.rlen)
    memcpy(at + m.slen + m.rlen, m.hdb, m.hdb_len)
    memcpy(at + m.slen + m.rlen + m.hdb_len, m.szb, m.szb_len)
    at += m.slen + m.rlen + m.hdb_len + m.szb_len
    memcpy(at, m.queues, m.qlen)
    memcpy(at + m.qlen, m.origin, m.olen)
    body.qlen = m.qlen
    body.olen = m.olen
    body.account = m.account
    body.slen = m.slen
    body.rlen = m.rlen
    body.hdb_len = m.hdb_len
    body.szb_len = m.szb_len
    body.hdr = m.hdr
    body.size = m.size
    body.need = <size_t>m.size + 2
    body.filled = 0
    try:
        body.block = new_block(body.need)
    except MemoryError:
        free(body)
        raise
    conn.body = body
    fill_body(conn, data, n)
    return 0


cdef size_t fill_body(Conn* conn, const char* data, size_t n) except? 0:
    """Add to the payload; how many bytes of ``data`` belonged to it."""
    cdef Body* body = conn.body
    n = min(n, body.need - body.filled)
    memcpy(block_data(body.block) + body.filled, data, n)
    body.filled += n
    body_progress(conn)
    return n


cdef int body_progress(Conn* conn) except -1:
    """Check the CRLF as it arrives; publish what is complete."""
    cdef Body* body = conn.body
    cdef char* data = block_data(body.block)
    cdef char* at = <char*>(body + 1)
    cdef Message m
    if body.filled <= <size_t>body.size:
        return 0
    if data[body.size] != 13 or (body.filled == body.need and data[body.size + 1] != 10):
        forget_body(conn)
        no_line_end(conn)
        return 0
    if body.filled < body.need:
        return 0
    m.subject = at
    m.slen = body.slen
    m.reply = at + body.slen
    m.rlen = body.rlen
    m.hdb = at + body.slen + body.rlen
    m.hdb_len = body.hdb_len
    m.szb = m.hdb + body.hdb_len
    m.szb_len = body.szb_len
    m.hdr = body.hdr
    m.size = body.size
    m.payload = data
    m.block = body.block if body.size >= SHARE else NULL
    m.via = NULL
    m.answer = m.any_queue = False
    m.abroad = 0
    m.queues = m.szb + body.szb_len
    m.qlen = body.qlen
    m.origin = m.queues + body.qlen
    m.olen = body.olen
    m.account = body.account
    conn.body = NULL
    try:
        if not from_server(conn):
            publish(conn, &m, True)
        else:
            publish_routed(conn, &m, NULL)
    finally:
        release_block(body.block)
        free(body)
    return 0


cdef void forget_body(Conn* conn) noexcept:
    if conn.body != NULL:
        release_block(conn.body.block)
        free(conn.body)
        conn.body = NULL


cdef int line_sub(Conn* conn, const char* arg, size_t n) except -1:
    cdef const char* starts[3]
    cdef int lengths[3]
    cdef int fields = split_fields(arg, <int>n, starts, lengths, 3, True)
    cdef int done = 0
    if fields == 2:
        done = subscribe(conn, starts[0], lengths[0], b"", 0, starts[1], lengths[1])
    elif fields == 3:
        done = subscribe(
            conn, starts[0], lengths[0], starts[1], lengths[1], starts[2], lengths[2]
        )
    else:
        malformed(conn, "processSub Parse Error", arg, n)
    if done:
        say_ok(conn)
    return 0


cdef int line_unsub(Conn* conn, const char* arg, size_t n) except -1:
    cdef const char* starts[2]
    cdef int lengths[2]
    cdef int fields = split_fields(arg, <int>n, starts, lengths, 2, True)
    if fields != 1 and fields != 2:
        return malformed(conn, "processUnsub Parse Error", arg, n)
    # nats-server answers before it removes, which a trace shows.
    say_ok(conn)
    if not conn.closed:
        unsubscribe(
            conn, starts[0], lengths[0], parse_size(starts[1], lengths[1]) if fields == 2 else 0
        )
    return 0


# --- everything else --------------------------------------------------------------------

cdef int line_ping(Conn* conn) except -1:
    conn.last_input = wall_clock()
    if conn.trace:
        (<object>conn.handler).traced("in", "PING", b"")
        (<object>conn.handler).traced("out", "PONG", b"")
    put(conn, b"PONG\r\n", 6)
    if conn.announce:
        conn.announce = False
        (<object>conn.handler).first_ping_received()
    return 0


cdef int line_short(Conn* conn, int verb) except -1:
    """The end of a line whose rest does not matter."""
    if verb == PING:
        return line_ping(conn)
    if verb == PONG:
        if conn.trace:
            (<object>conn.handler).traced("in", "PONG", b"")
        (<object>conn.handler).pong_received()
    return 0


VERBS = (
    "", "CONNECT", "INFO", "PUB", "HPUB", "RMSG", "HMSG", "LMSG", "SUB", "UNSUB", "RS+", "RS-",
    "LS+", "LS-", "A+", "A-", "-ERR",
)


cdef str verb_name(int verb):
    return VERBS[verb]


cdef int line(Conn* conn, int verb, const char* arg, size_t n) except -1:
    """A complete line of any verb with an argument but PUB and HPUB."""
    handler = <object>conn.handler
    if conn.trace and verb != INFO and verb != ERR:
        handler.traced("in", verb_name(verb), <bytes>arg[:n])
    if verb == SUB:
        line_sub(conn, arg, n)
    elif verb == UNSUB:
        line_unsub(conn, arg, n)
    elif RADDED <= verb <= AGONE:
        conn.active = True
        handler.interest_received(verb_name(verb).encode("ascii"), <bytes>arg[:n])
    elif verb == CONNECT:
        handler.connect_received(<bytes>arg[:n])
    elif verb == INFO:
        handler.info_received(<bytes>arg[:n])
    else:
        handler.error_received(<bytes>arg[:n])
    return 0


cdef int unknown(Conn* conn, const char* p, size_t n) except -1:
    raise_fault(conn, errors.UnknownProtocolOperation(
        "no such operation: " + errors.go_quote(p[:32 if n > 32 else n])
    ))
    return 0


cdef int may_begin(Conn* conn, char first) except -1:
    """Before CONNECT: whether another operation may begin."""
    if first == 67 or first == 99:
        return 1
    if (<object>conn.handler).operation_before_connect():
        conn.awaiting_connect = False
        return not conn.closed
    if conn.closed:
        return 0
    raise_fault(conn, errors.AuthorizationViolation())
    return 0


# --- the loop ---------------------------------------------------------------------------

cdef Py_ssize_t parse(Conn* conn, const char* buf, size_t n) except -1:
    """Act on what is complete; how many bytes were used up (the rest is to be kept)."""
    cdef size_t i = 0
    # Where the operation began, if that is in this buffer.
    cdef size_t begin = n
    cdef int verb = conn.verb
    cdef int used = 0
    cdef size_t length
    cdef const char* end
    cdef Message m
    conn.verb = NO_VERB
    while True:
        if conn.closed:
            return n
        if verb == NO_VERB:
            if i >= n or conn.paused:
                return i
            if recalled(conn, buf + i, n - i, &m):
                i += conn.line_len
                m.payload = buf + i
                if n - i < <size_t>m.size + 2:
                    start_body(conn, &m, buf + i, n - i)
                    return n
                if buf[i + m.size] != 13 or buf[i + m.size + 1] != 10:
                    no_line_end(conn)
                    return n
                i += <size_t>m.size + 2
                publish_again(conn, &m)
                continue
            if conn.awaiting_connect:
                if not may_begin(conn, buf[i]):
                    return n
                if conn.paused:
                    return i
            begin = i
            if buf[i] == 80 and not from_server(conn) and n - i > 3 and buf[i + 1] == 85 and buf[i + 2] == 66:
                verb = PUB
                used = 3
            elif not from_server(conn):
                verb = verb_at(buf + i, n - i, &used)
            else:
                verb = server_verb_at(buf + i, n - i, conn.kind, &used)
            if verb == UNKNOWN:
                unknown(conn, buf + i, n - i)
                return n
            if verb == PARTIAL:
                return i
            if CONNECT < verb < PING and verb != INFO:
                if i + used == n:
                    return i
                if not blank(buf[i + used]):
                    unknown(conn, buf + i, n - i)
                    return n
            i += used
        if verb >= PING:
            end = <const char*>memchr(buf + i, 10, n - i)
            if end == NULL:
                conn.verb = verb
                return n
            i = end - buf + 1
            line_short(conn, verb)
            verb = NO_VERB
            continue
        while i < n and blank(buf[i]):
            i += 1
        end = NULL
        if i + 1 < n:
            end = <const char*>memchr(buf + i + 1, 10, n - i - 1)
        if end == NULL:
            conn.verb = verb
            length = n - i
            if length and buf[n - 1] == 13:
                length -= 1
            if too_long(conn, buf + i, length):
                return n
            return i
        length = end - (buf + i)
        if length and (end - 1)[0] == 13:
            length -= 1
        if length > <size_t>conn.core.max_control_line and too_long(conn, buf + i, length):
            return n
        if not PUB <= verb <= LMSG:
            used = <int>(end - (buf + i)) + 1
            line(conn, verb, buf + i, length)
            i += used
            verb = NO_VERB
            continue
        if conn.trace:
            (<object>conn.handler).traced("in", verb_name(verb), <bytes>(buf + i)[:length])
        if not from_server(conn):
            used = read_publish(conn, verb, buf + i, length, &m)
        else:
            used = read_routed(conn, verb, buf + i, length, &m)
        if used == 0:
            return n
        i = end - buf + 1
        if (verb == PUB or verb == RMSG or verb == LMSG) and used == 1 and begin < i:
            remember(conn, buf + begin, i - begin, &m)
        else:
            conn.line_len = 0
        verb = NO_VERB
        m.payload = buf + i
        if n - i >= <size_t>m.size + 2:
            if buf[i + m.size] != 13 or buf[i + m.size + 1] != 10:
                no_line_end(conn)
                return n
            i += <size_t>m.size + 2
            if not from_server(conn):
                publish(conn, &m, True)
            else:
                publish_routed(conn, &m, NULL)
        else:
            start_body(conn, &m, buf + i, n - i)
            return n


# --- input that has to wait -------------------------------------------------------------

cdef int keep(Conn* conn, const char* data, size_t n) except -1:
    """Append to the tail; an empty tail owns no memory."""
    cdef char* grown
    cdef size_t need = conn.tail_len + n
    if n == 0:
        return 0
    if need > conn.tail_cap:
        grown = <char*>malloc(need * 2)
        if grown == NULL:
            raise MemoryError("no memory for input")
        if conn.tail_len:
            memcpy(grown, conn.tail, conn.tail_len)
        free(conn.tail)
        conn.tail = grown
        conn.tail_cap = need * 2
    memcpy(conn.tail + conn.tail_len, data, n)
    conn.tail_len = need
    return 0


cdef void forget_input(Conn* conn) noexcept:
    free(conn.tail)
    conn.tail = NULL
    conn.tail_len = conn.tail_cap = 0
    conn.verb = NO_VERB
    forget_body(conn)


cdef int consume(Conn* conn, const char* data, size_t n) except -1:
    """Parse ``data`` behind what is waiting already; keep what is not complete."""
    cdef char* joined = NULL
    cdef Py_ssize_t used
    cdef size_t taken
    if conn.closed:
        return 0
    if conn.paused:
        return keep(conn, data, n)
    if conn.body != NULL:
        taken = fill_body(conn, data, n)
        data += taken
        n -= taken
        if conn.closed or n == 0:
            return 0
        if conn.paused:
            return keep(conn, data, n)
    try:
        if conn.tail_len:
            joined = <char*>malloc(conn.tail_len + n)
            if joined == NULL:
                raise MemoryError("no memory for input")
            memcpy(joined, conn.tail, conn.tail_len)
            memcpy(joined + conn.tail_len, data, n)
            n += conn.tail_len
            data = joined
            free(conn.tail)
            conn.tail = NULL
            conn.tail_len = conn.tail_cap = 0
        used = parse(conn, data, n)
        if not conn.closed:
            keep(conn, data + used, n - used)
    finally:
        free(joined)
    return 0
