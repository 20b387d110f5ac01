# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""From a published message to frames in the output of everybody it reaches.

:c:func:`publish` is what a peer's PUB goes through (counters, mapping, permissions,
reserved subjects, hook, ``+OK``), :c:func:`route` the matching and delivering itself.
Python runs only for what is set on the connection or account: trace, permissions
(first use of a subject), mapping, hook, internal readers.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from twisted.logger import Logger

from pubsub import errors

from pubsub.router.native.crossing cimport Crossing
from pubsub.router.native.grave cimport leave
from pubsub.router.native.index cimport delivered_to, primary_of, queue_of, sid_of
from pubsub.router.native.interest cimport ended
from pubsub.router.native.linked cimport distribute
from pubsub.router.native.matching cimport lookup, members
from pubsub.router.native.output cimport (
    block_data, commit, flush_descriptor, new_block, put, put_block, release_block, reserve,
)
from pubsub.router.native.permissions cimport (
    Decisions, expect_answer, may_hear, may_publish,
)
from pubsub.router.native.prefixes cimport (
    ROUTED_START, ack_end, is_routed, remember_reply, routed_start, whole_reply,
)
from pubsub.router.native.relaying cimport count_in, publish_direct
from pubsub.router.native.services cimport cross_back, cross_over
from pubsub.router.native.text cimport write_number
from pubsub.router.native.tracking cimport is_tracked, track_answer, track_request
from pubsub.router.native.types cimport (
    ANSWERS, ENCODED_ACK, LEAF_KIND, ORDINARY, ROUTED_REPLY, ROUTE_KIND, SERVICE, Account, Block, Conn, Core,
    Message, Result, Sub,
)

_log = Logger(namespace="pubsub.router.native")

cdef enum:
    CLIENT = 0
    LEAF = 3
    INTERNAL = 4
    SINK = 5
    # A frame up to this size is kept in one piece; a longer payload may be split over chunks.
    WHOLE_FRAME = 8192
    # A payload this large is shared by its readers' queues instead of copied into each.
    SHARE = 16384
    # Mapped subjects kept per account before starting afresh.
    MAPPED = 4096


cdef int raise_fault(Conn* conn, object fault) except -1:
    (<object>conn.handler).fault(fault)
    return 0


cdef void report(str what) noexcept:
    _log.failure("{what} failed", what=what)


cdef uint64_t draw64(Core* core) noexcept nogil:
    """xorshift64*: both backends draw alike."""
    cdef uint64_t x = core.rng
    x ^= x >> 12
    x ^= x << 25
    x ^= x >> 27
    core.rng = x
    return x * <uint64_t>2685821657736338717


cdef inline uint64_t draw(Core* core) noexcept nogil:
    """Its upper half, for choosing among members."""
    return draw64(core) >> 32


# --- frames -----------------------------------------------------------------------------

cdef inline int append_frame(Conn* dest, Sub* sub, Message* m, bint strip) except -1:
    """``MSG`` or ``HMSG`` for one reader."""
    cdef bint with_headers = m.hdr > 0 and not strip
    cdef const char* payload = m.payload
    cdef size_t body = <size_t>m.size + 2
    cdef size_t head
    cdef char* start
    cdef char* at
    if strip:
        payload += m.hdr
        body -= m.hdr
    # Room for the longest form: verb, separators, a computed size, CRLF.
    head = 5 + m.slen + 1 + sub.sid_len + 1 + m.rlen + 1 + m.hdb_len + 1 + m.szb_len + 20 + 2
    start = reserve(dest, head + body if body <= WHOLE_FRAME else head)
    at = start
    if with_headers:
        memcpy(at, b"HMSG ", 5)
        at += 5
    else:
        memcpy(at, b"MSG ", 4)
        at += 4
    memcpy(at, m.subject, m.slen)
    at += m.slen
    at[0] = 32
    at += 1
    memcpy(at, sid_of(sub), sub.sid_len)
    at += sub.sid_len
    at[0] = 32
    at += 1
    if m.rlen:
        memcpy(at, m.reply, m.rlen)
        at += m.rlen
        at[0] = 32
        at += 1
    if with_headers:
        memcpy(at, m.hdb, m.hdb_len)
        at += m.hdb_len
        at[0] = 32
        at += 1
    if strip:
        at += write_number(at, body - 2)
    else:
        memcpy(at, m.szb, m.szb_len)
        at += m.szb_len
    at[0] = 13
    at[1] = 10
    at += 2
    if body <= WHOLE_FRAME:
        memcpy(at, payload, body)
        commit(dest, at - start + body)
    else:
        commit(dest, at - start)
        if m.block != NULL:
            put_block(dest, m.block, payload - block_data(m.block), body)
        else:
            put(dest, payload, body)
    # when the frame is complete: whoever is told may write, or flush
    if dest.trace:
        trace_frame(dest, start, at - start - 2, payload, body - 2)
    return 0


cdef int trace_frame(Conn* dest, char* line, size_t n, const char* payload, size_t size) except -1:
    cdef int verb = 4 if line[0] == 72 else 3
    handler = <object>dest.handler
    handler.traced("out", (line[:verb]).decode("ascii"), <bytes>line[verb + 1:n])
    if size:
        handler.traced("out", "MSG_PAYLOAD", <bytes>payload[:size])
    return 0


# --- delivering to one subscription -----------------------------------------------------

cdef int call_internal(Conn* dest, Sub* sub, Message* m, bint strip) except -1:
    """A reader inside this process; what it raises is logged and goes no further."""
    cdef int hdr = m.hdr if m.hdr > 0 else 0
    cdef bytes sid = (sid_of(sub))[:sub.sid_len]
    cdef bytes subject = m.subject[:m.slen]
    cdef bytes reply = m.reply[:m.rlen]
    cdef bytes headers = b"" if strip else <bytes>m.payload[:hdr]
    cdef bytes payload = m.payload[hdr:m.size]
    if dest.kind == SINK:
        (<list>dest.batch).append((sid, subject, reply, headers, payload))
        commit_batch(dest)
        return 0
    try:
        (<object>dest.handler).message_received(sid, subject, reply, headers, payload)
    except Exception:
        report("an internal subscriber")
    return 0


cdef void commit_batch(Conn* dest) noexcept:
    """Have the next flush call ``batch_received``."""
    cdef Core* core = dest.core
    if not dest.dirty:
        dest.dirty = True
        dest.dirty_next = NULL
        if core.dirty_tail == NULL:
            core.dirty_head = dest
        else:
            core.dirty_tail.dirty_next = dest
        core.dirty_tail = dest


cdef int hold_back(Core* core, Conn* origin, Conn* dest) except -1:
    """``dest`` is above 75 % of max_pending: 1 go on delivering, 0 drop for it."""
    if core.no_stall:
        return 0
    if not origin.stalled:
        origin.stalled = True
        dest.stalls += 1
        try:
            (<object>origin.handler).stall(0.005 if dest.pending >= core.max_pending else 0.002)
        except Exception:
            report("holding back a fast producer")
    return 1


cdef int slow_consumer(Conn* dest) except -1:
    try:
        raise_fault(dest, errors.SlowConsumer())
    except Exception:
        report("closing a slow consumer")
    return 0


cdef int flush_early(Conn* dest) noexcept:
    """Much was queued in this turn: let a socket that may have room have it now."""
    if flush_descriptor(dest) != 0:
        dest.writing = True
        try:
            (<object>dest.transport).startWriting()
        except Exception:
            report("writing")
    return 0


cdef int send_shown(Core* core, Conn* origin, Conn* dest, Sub* sub, Message* m) except -1:
    """As :c:func:`send_to`, with a reply that leads through a gateway: that is not shown."""
    cdef Message shown = m[0]
    remember_reply(dest, m)
    shown.abroad = 0
    shown.reply += ROUTED_START
    shown.rlen -= ROUTED_START
    return send_to(core, origin, dest, sub, &shown)


cdef int send_to(Core* core, Conn* origin, Conn* dest, Sub* sub, Message* m) except -1:
    cdef bint strip = m.hdr > 0 and not dest.headers
    cdef int size = m.size - m.hdr if strip else m.size
    if m.abroad & ROUTED_REPLY:
        return send_shown(core, origin, dest, sub, m)
    dest.out_msgs += 1
    dest.out_bytes += size
    if dest.kind == CLIENT:
        dest.account.out_msgs += 1
        dest.account.out_bytes += size
    elif dest.kind >= INTERNAL:
        if dest.replies != NULL and m.rlen:
            expect_answer(dest, m.reply, m.rlen)
        call_internal(dest, sub, m, strip)
        return 1
    if dest.pending > core.early_flush and dest.fd >= 0 and not dest.writing:
        flush_early(dest)
    if dest.pending > core.stall_pending and origin != NULL and origin.kind == CLIENT:
        if not hold_back(core, origin, dest):
            return 0
    if origin != NULL and ROUTE_KIND <= origin.kind <= LEAF_KIND and is_tracked(m.reply, m.rlen):
        track_request(dest, m)
    append_frame(dest, sub, m, strip)
    if dest.replies != NULL and m.rlen:
        expect_answer(dest, m.reply, m.rlen)
    if dest.pending > core.max_pending and dest.kind == CLIENT:
        slow_consumer(dest)
    return 1


cdef inline int deliver(Core* core, Conn* origin, Sub* sub, Message* m) except -1:
    """Deliver to one subscription: 1 delivered, 0 not."""
    if sub.role != ORDINARY and sub.conn != NULL:
        return carry(core, origin, sub, m)
    return deliver_here(core, origin, sub, m)


cdef int deliver_one(Core* core, Conn* origin, Sub* sub, Message* m) except -1:
    """As :c:func:`deliver`, for other units."""
    return deliver(core, origin, sub, m)


cdef int carry(Core* core, Conn* origin, Sub* sub, Message* m) except -1:
    """To a subscription that is part of an import."""
    cdef Message changed
    cdef bytes subject
    if m.abroad & ROUTED_REPLY and (sub.role == SERVICE or sub.role == ANSWERS):
        remember_reply(sub.conn, m)
    if sub.role == SERVICE:
        return cross_over(core, origin, sub, m)
    if sub.role == ANSWERS:
        return cross_back(core, origin, sub, m)
    if m.via != NULL:
        # What an account imported as a service it does not export as a stream.
        return 0
    subject = (<Crossing>sub.extra).map(m.subject, m.slen)
    if subject is None:
        return deliver_here(core, origin, sub, m)
    changed = m[0]
    changed.subject = subject
    changed.slen = <int>len(subject)
    return deliver_here(core, origin, sub, &changed)


cdef int deliver_encoded(Core* core, Conn* origin, Sub* sub, Message* m) except -1:
    """As :c:func:`deliver_here`, on the subject behind the ``@`` of its reply."""
    cdef Message shown = m[0]
    cdef int end = ack_end(m.reply, m.rlen)
    shown.abroad &= ~ENCODED_ACK
    if end:
        shown.subject = m.reply + end + 1
        shown.slen = m.rlen - end - 1
        shown.rlen = end
    return deliver_here(core, origin, sub, &shown)


cdef int deliver_here(Core* core, Conn* origin, Sub* sub, Message* m) except -1:
    cdef Conn* dest = sub.conn
    cdef uint64_t count
    cdef uint64_t maximum
    cdef int delivered
    if m.abroad & ENCODED_ACK:
        return deliver_encoded(core, origin, sub, m)
    if dest == NULL or (dest == origin and not origin.echo):
        return 0
    if dest.deliver_check != NULL and not may_hear(
        dest, m.subject, m.slen, queue_of(sub), sub.queue_len
    ):
        return 0
    if dest.closed:
        return 0
    sub.delivered += 1
    if sub.max == 0:
        return send_to(core, origin, dest, sub, m)
    maximum = sub.max
    count = delivered_to(sub)
    delivered = 0
    if count <= maximum:
        delivered = send_to(core, origin, dest, sub, m)
    if count >= maximum and sub.conn != NULL:
        ended(primary_of(sub))
    return delivered


# --- matching and delivering ------------------------------------------------------------

cdef int to_groups(Core* core, Conn* origin, Result* result, Message* m) except -1:
    """One member of each queue group: a random one, or the next that takes it."""
    cdef Sub** subs = members(result)
    cdef size_t at = result.plain
    cdef size_t count
    cdef size_t start
    cdef size_t i
    cdef size_t group
    cdef int delivered = 0
    for group in range(result.groups):
        count = (<size_t*>subs)[at]
        start = draw(core) % count
        for i in range(count):
            if deliver(core, origin, subs[at + 1 + (start + i) % count], m):
                delivered += 1
                break
        at += 1 + count
    return delivered


cdef int to_all(Core* core, Conn* origin, Result* result, Message* m) except -1:
    """Deliver to everybody in a result; how many deliveries there were."""
    cdef Sub** subs = members(result)
    cdef size_t i
    cdef int delivered = 0
    if result.remote or (
        origin != NULL and ROUTE_KIND <= origin.kind <= LEAF_KIND
    ):
        return distribute(core, origin, result, m)
    for i in range(result.plain):
        delivered += deliver(core, origin, subs[i], m)
    if result.groups:
        delivered += to_groups(core, origin, result, m)
    return delivered


cdef int shared(Core* core, Conn* origin, Result* result, Message* m) except -1:
    """As :c:func:`to_all`, with a large payload copied once for all."""
    cdef Block* block = new_block(<size_t>m.size + 2)
    memcpy(block_data(block), m.payload, <size_t>m.size + 2)
    m.block = block
    m.payload = block_data(block)
    try:
        return to_all(core, origin, result, m)
    finally:
        release_block(block)


cdef int route(Core* core, Account* account, Conn* origin, Message* m, Result* known) except -1:
    """Match, unless the result is known, and deliver; how many deliveries there were."""
    core.depth += 1
    try:
        if known == NULL:
            known = lookup(account, m.subject, m.slen)
        if m.size >= SHARE and m.block == NULL and known.plain + known.groups > 1:
            return shared(core, origin, known, m)
        return to_all(core, origin, known, m)
    finally:
        leave(core)


# --- what a peer's publish goes through -------------------------------------------------

cdef int no_responders(Conn* conn, Message* m) except -1:
    """Tell a requester that nobody got its request: 503 to its own plain subscription."""
    cdef Core* core = conn.core
    cdef Result* result
    cdef Sub** subs
    cdef size_t i
    cdef bytes line
    core.depth += 1
    try:
        result = lookup(conn.account, m.reply, m.rlen)
        subs = members(result)
        for i in range(result.plain):
            if subs[i].conn == conn:
                line = b"HMSG %b %b %d %d\r\nNATS/1.0 503\r\nNats-Subject: %b\r\n\r\n\r\n" % (
                    m.reply[:m.rlen], (sid_of(subs[i]))[:subs[i].sid_len],
                    32 + m.slen, 32 + m.slen, m.subject[:m.slen],
                )
                put(conn, line, len(line))
                break
    finally:
        leave(core)
    return 0


cdef bytes mapped_in(Account* account, bytes subject):
    """The subject after the mapping of an account; remembered where all map alike."""
    cdef dict known = <dict>account.mapped
    answer = known.get(subject)
    if answer is None:
        answer, always = (<object>account.mapper).map(subject)
        if always:
            if len(known) >= MAPPED:
                known.clear()
            known[subject] = answer
    return answer


cdef bytes mapped(Conn* conn, Message* m):
    """The subject a peer's message gets by the mapping of its account."""
    cdef bytes subject = m.subject[:m.slen]
    cdef bytes answer = mapped_in(conn.account, subject)
    if conn.trace and answer != subject:
        (<object>conn.handler).traced("in", "MAPPING", b"%b -> %b" % (subject, answer))
    return answer


cdef inline bint gateway_reply(const char* p, int n) noexcept nogil:
    """A reply that leads through a gateway; the second form is that of old servers."""
    return (n > 5 and starts(p, n, b"_GR_.", 5)) or (n > 4 and starts(p, n, b"$GR.", 4))


cdef int refused(Conn* conn, Message* m) except -1:
    """Whether the publish stops here: reserved subjects, permissions, hook."""
    cdef int hdr = m.hdr if m.hdr > 0 else 0
    cdef bint client = conn.kind == CLIENT
    if (client and gateway_reply(m.subject, m.slen)) or (
        conn.publish_check != NULL
        and not may_publish(conn, m.subject, m.slen)
    ) or (client and not conn.account.is_system and starts(m.subject, m.slen, b"$NRG.", 5)):
        raise_fault(conn, errors.PublishPermissionViolation(m.subject[:m.slen]))
        return 1
    if client and m.rlen and (
        starts(m.reply, m.rlen, b"_R_.", 4) or starts(m.reply, m.rlen, b"$JS.ACK.", 8)
        or gateway_reply(m.reply, m.rlen)
    ):
        raise_fault(conn, errors.ReplyPermissionViolation(m.reply[:m.rlen]))
        return 1
    if client and conn.core.hook != NULL:
        return not (<object>conn.core.hook).publishing(
            <object>conn.link, m.subject[:m.slen], m.reply[:m.rlen],
            <bytes>m.payload[:hdr], <bytes>m.payload[hdr:m.size],
        )
    return 0


cdef inline bint reserved(char first) noexcept nogil:
    """``_`` and ``$`` begin every subject with rules of its own."""
    return first == 95 or first == 36


cdef int publish(Conn* conn, Message* m, bint answer) except -1:
    """A complete message from a peer; how many deliveries there were.

    ``answer``: it came by a PUB line, which a verbose client has acknowledged.
    """
    cdef Account* account = conn.account
    cdef bytes subject = None
    cdef int delivered
    conn.in_msgs += 1
    conn.in_bytes += m.size
    if conn.kind == CLIENT:
        account.in_msgs += 1
        account.in_bytes += m.size
    elif conn.kind < INTERNAL:
        count_in(conn, account, m)
    conn.active = True
    if account.mapper != NULL and (conn.kind == CLIENT or conn.kind == LEAF):
        subject = mapped(conn, m)
        m.subject = subject
        m.slen = <int>len(subject)
    # An empty payload is not worth a line, in either direction.
    if conn.trace and m.size:
        (<object>conn.handler).traced("in", "MSG_PAYLOAD", <bytes>m.payload[:m.size])
    if (
        reserved(m.subject[0]) or (m.rlen and reserved(m.reply[0]))
        or conn.publish_check != NULL or conn.core.hook != NULL
    ):
        if refused(conn, m):
            return 0
        if conn.kind != CLIENT and is_routed(m.reply, m.rlen):
            m.abroad = ROUTED_REPLY
    if answer and conn.verbose:
        if conn.trace:
            (<object>conn.handler).traced("out", "OK", b"")
        put(conn, b"+OK\r\n", 5)
    if conn.closed:
        return 0
    if is_tracked(m.subject, m.slen):
        track_answer(conn, m)
    if conn.routed_replies != NULL or account.routed_replies != NULL:
        subject = whole_reply(conn, account, m)
        if subject is not None:
            return publish_direct(conn.core, conn, account, m, subject)
    delivered = route(conn.core, account, conn, m, NULL)
    if delivered == 0 and m.rlen and conn.no_responders:
        no_responders(conn, m)
    return delivered


cdef int publish_again(Conn* conn, Message* m) except -1:
    """As :c:func:`publish`, for a line that was acted on before and needs no checks."""
    cdef Account* account = conn.account if conn.kind == CLIENT else m.account
    cdef Result* known
    cdef int delivered
    conn.in_msgs += 1
    conn.in_bytes += m.size
    if conn.kind == CLIENT:
        account.in_msgs += 1
        account.in_bytes += m.size
    elif conn.kind < INTERNAL:
        count_in(conn, account, m)
    conn.active = True
    conn.core.depth += 1
    try:
        if conn.line_result != NULL and conn.line_epoch == account.epoch:
            known = conn.line_result
            account.matches += 1
            account.hits += 1
        else:
            known = lookup(account, m.subject, m.slen)
            conn.line_result = known if conn.core.kept else NULL
            conn.line_epoch = account.epoch
        delivered = route(conn.core, account, conn, m, known)
    finally:
        leave(conn.core)
    if delivered == 0 and m.rlen and conn.no_responders:
        no_responders(conn, m)
    return delivered


cdef bint plain(Conn* conn, Message* m) noexcept:
    """Whether a publish like this one needs nothing but matching and delivering."""
    if conn.kind != CLIENT:
        return (
            not conn.trace and m.qlen == 0 and m.olen == 0 and m.hdr <= 0 and not conn.optimistic
            and not routed_start(m.subject, m.slen) and not is_routed(m.reply, m.rlen)
            and not ack_end(m.reply, m.rlen)
            and (
                conn.kind != LEAF
                or (conn.publish_check == NULL and conn.account.mapper == NULL)
            )
        )
    return (
        conn.routed_replies == NULL and conn.account.mapper == NULL and conn.core.hook == NULL
        and not conn.trace and not conn.verbose
        and not reserved(m.subject[0]) and not (m.rlen and reserved(m.reply[0]))
        and (
            conn.publish_check == NULL
            or (<Decisions>conn.publish_check).allowed_before(m.subject, m.slen)
        )
    )
