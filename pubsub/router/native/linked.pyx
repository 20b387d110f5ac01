# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Deliveries that other servers take part in, as senders or as readers.

What goes to a server goes there once, however many of its subscriptions match: servers are
collected while local readers are served, with the queue groups chosen for them, and written to
at the end (nats-server: ``processMsgResults``, ``addSubToRouteTargets``).
"""

from cpython.ref cimport PyObject
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy

from pubsub.router.native.abroad cimport (
    Names, add_name, gates_of, goes_abroad, send_abroad,
)
from pubsub.router.native.crossing cimport Crossing
from pubsub.router.native.delivery cimport deliver_one, draw64, slow_consumer
from pubsub.router.native.descriptors cimport replace
from pubsub.router.native.index cimport account_of, is_remote, queue_of, sid_of
from pubsub.router.native.matching cimport members, state_of
from pubsub.router.native.output cimport block_data, commit, put, put_block, reserve
from pubsub.router.native.permissions cimport expect_answer, may_hear
from pubsub.router.native.prefixes cimport routed_start
from pubsub.router.native.text cimport write_number
from pubsub.router.native.types cimport (
    LEAF_KIND, ORDINARY, RETURNED, ROUTE_KIND, SHADOW, Account, Conn, Core, Message, Result,
    Sub, Traffic,
)

cdef enum:
    WHOLE_FRAME = 8192

# A server that gets the message, and for which of its queue groups.
cdef struct Target:
    Conn* conn
    # the first of its subscriptions that matched
    Sub* sub
    Account* account
    # the subject over there, where it differs (bytes, owned)
    PyObject* subject

cdef struct Pick:
    size_t target
    Sub* sub

cdef struct Targets:
    Target* items
    size_t count
    size_t room
    Pick* picks
    size_t picked
    size_t picks_room
    # gateways may get it, too: groups that have it are noted in ``served``
    bint noting
    Names served


cdef int add_target(Targets* targets, Sub* sub, Message* m) except -1:
    cdef Conn* conn = sub.conn
    cdef Target* grown
    cdef Pick* more
    cdef size_t i
    cdef bytes subject = None
    for i in range(targets.count):
        if targets.items[i].conn == conn:
            break
    else:
        i = targets.count
        if i == targets.room:
            grown = <Target*>realloc(targets.items, (i * 2 + 8) * sizeof(Target))
            if grown == NULL:
                raise MemoryError("no memory for routing")
            targets.items = grown
            targets.room = i * 2 + 8
        if sub.role == SHADOW:
            subject = (<Crossing>sub.extra).map(m.subject, m.slen)
        targets.items[i].conn = conn
        targets.items[i].sub = sub
        targets.items[i].account = account_of(sub)
        targets.items[i].subject = NULL
        replace(&targets.items[i].subject, subject)
        targets.count += 1
    if sub.queue_len == 0:
        return 0
    if targets.picked == targets.picks_room:
        more = <Pick*>realloc(targets.picks, (targets.picked * 2 + 8) * sizeof(Pick))
        if more == NULL:
            raise MemoryError("no memory for routing")
        targets.picks = more
        targets.picks_room = targets.picked * 2 + 8
    targets.picks[targets.picked].target = i
    targets.picks[targets.picked].sub = sub
    targets.picked += 1
    return 0


# --- who may hear whom ------------------------------------------------------------------

cdef inline bint is_server(Sub* sub) noexcept:
    return sub.conn != NULL and ROUTE_KIND <= sub.conn.kind <= LEAF_KIND


cdef inline bint same(const char* a, int alen, const char* b, int blen) noexcept:
    return alen == blen and memcmp(a, b, alen) == 0


cdef bint came_from(Conn* origin, Message* m, const char* cluster, int length) noexcept:
    """Whether a message came from the leafs of that cluster."""
    cdef bytes theirs
    if length == 0 or origin == NULL or m.via != NULL:
        # What an account imported as a service nobody published there.
        return False
    if origin.kind == ROUTE_KIND:
        return same(m.origin, m.olen, cluster, length)
    if origin.kind == LEAF_KIND and origin.peer_origin != NULL:
        theirs = <bytes>origin.peer_origin
        return same(<char*>theirs, <int>len(theirs), cluster, length)
    return False


cdef bint from_hub(Conn* origin, Conn* hub) noexcept:
    """Whether a message came from that hub, or from one that may be the same."""
    cdef bytes theirs
    cdef bytes named
    if origin == NULL or origin.kind != LEAF_KIND or not origin.spoke or not hub.spoke:
        return False
    if origin.peer_origin == NULL or hub.peer_origin == NULL:
        return True
    theirs, named = <bytes>origin.peer_origin, <bytes>hub.peer_origin
    return theirs == named


cdef bint is_echo(Conn* origin, Message* m, Sub* sub) noexcept:
    """Whether a message would go back to the cluster it came from, which heard it in that account.

    What is imported was not heard in that account: it goes back, but not to the hub it came from.
    With imports at both ends it would go round. (nats-server: ``isLeafEcho``.)
    """
    cdef bytes theirs
    if m.via != NULL or sub.role == SHADOW:
        return from_hub(origin, sub.conn)
    if sub.conn.peer_origin == NULL:
        return False
    theirs = <bytes>sub.conn.peer_origin
    return came_from(origin, m, <char*>theirs, <int>len(theirs))


cdef bint service_answer(Message* m) noexcept:
    return m.slen >= 4 and memcmp(m.subject, b"_R_.", 4) == 0


cdef bint plain_target(Conn* origin, Sub* sub, Message* m) noexcept:
    """Whether a message goes to the server of a plain subscription."""
    cdef Conn* dest = sub.conn
    if dest.kind == ROUTE_KIND:
        if origin == NULL:
            return True
        if origin.kind == ROUTE_KIND:
            return m.answer or m.abroad & RETURNED
        return not (origin.kind == LEAF_KIND and origin.spoke)
    if dest.kind == LEAF_KIND:
        if dest == origin or (sub.role == SHADOW and m.via != NULL):
            # What an account imported as a service it does not export as a stream.
            return False
        return (
            origin == NULL or origin.kind != ROUTE_KIND or not dest.spoke or m.answer
            or service_answer(m)
        )
    return False


# --- queue groups -----------------------------------------------------------------------

cdef bint wanted(Message* m, Sub* sub) noexcept:
    """Whether the list of queue groups that came with a message has that of ``sub``."""
    cdef const char* at = m.queues
    cdef const char* end = m.queues + m.qlen
    cdef const char* stop
    while at < end:
        stop = <const char*>memchr(at, 32, end - at)
        if stop == NULL:
            stop = end
        if same(at, <int>(stop - at), queue_of(sub), <int>sub.queue_len):
            return True
        at = stop + 1
    return False


cdef bytes leaf_behind(Sub* sub):
    """The cluster of the leaf for which a route wants to hear something."""
    return (sid_of(sub))[:sub.sid_len].split(b" ", 1)[0] if is_remote(sub) else b""


cdef bint may_stand_in(Conn* origin, Sub* sub, Message* m):
    """Whether a routed message may go on there, if nobody here takes it."""
    # It may go back to where it came from: that server has heard by then that nobody here will.
    if sub.conn.kind == LEAF_KIND:
        return not is_echo(origin, m, sub)
    return sub.conn.kind == ROUTE_KIND


cdef int routed_group(
    Core* core, Conn* origin, Sub** subs, size_t count, Message* m, Targets* targets
) except -1:
    """A group a message from a route is for: local members, else somebody behind a leaf."""
    cdef Sub* fallback = NULL
    cdef Sub* sub
    cdef size_t locals = 0
    cdef size_t start
    cdef size_t i
    cdef size_t seen = 0
    for i in range(count):
        sub = subs[i]
        if sub.conn == NULL:
            continue
        if not is_server(sub):
            locals += 1
        elif not may_stand_in(origin, sub, m):
            continue
        elif fallback == NULL or (
            fallback.conn.kind == ROUTE_KIND and sub.conn.kind == LEAF_KIND
        ):
            fallback = sub
        elif sub.conn.kind == LEAF_KIND and (draw64(core) >> 32) % 2 == 1:
            fallback = sub
    if locals:
        start = (draw64(core) >> 32) % locals
        # from the start-th local member round to the one before it
        for i in range(2 * count):
            sub = subs[i % count]
            if sub.conn == NULL or is_server(sub):
                continue
            if seen >= start + locals:
                break
            seen += 1
            if seen > start and deliver_one(core, origin, sub, m):
                return 1
    if fallback != NULL and fallback.conn != NULL:
        add_target(targets, fallback, m)
    return 0


cdef int group(
    Core* core, Conn* origin, Sub** subs, size_t count, Message* m, Targets* targets
) except -1:
    """A group a message of a client, of this server or of a leaf is for."""
    cdef Sub* fallback = NULL
    cdef Sub* sub
    cdef size_t start = (draw64(core) >> 32) % count
    cdef size_t i
    cdef bytes behind
    for i in range(count):
        sub = subs[(start + i) % count]
        if sub.conn == NULL:
            continue
        if not is_server(sub):
            if deliver_one(core, origin, sub, m):
                return 1
            continue
        if sub.conn.kind == ROUTE_KIND:
            if origin != NULL and origin.kind == LEAF_KIND and origin.spoke:
                continue
            behind = leaf_behind(sub)
            if not behind:
                fallback = sub
                break
            if fallback == NULL and not came_from(origin, m, <char*>behind, <int>len(behind)):
                fallback = sub
        elif sub.conn.kind == LEAF_KIND:
            if sub.conn != origin and fallback == NULL and not is_echo(origin, m, sub):
                fallback = sub
    if fallback != NULL and fallback.conn != NULL:
        add_target(targets, fallback, m)
    return 0


# --- everybody --------------------------------------------------------------------------

cdef int distribute(Core* core, Conn* origin, Result* result, Message* m) except -1:
    """Deliver to everybody in a result; how many deliveries there were."""
    cdef Targets targets
    cdef int delivered = 0
    cdef size_t i
    cdef uint64_t state = 0
    targets.items = NULL
    targets.picks = NULL
    targets.count = targets.room = targets.picked = targets.picks_room = 0
    targets.served.items = NULL
    targets.served.count = targets.served.room = 0
    targets.noting = result.gates and goes_abroad(origin, m)
    if targets.noting:
        state = state_of(gates_of(result).account)
    try:
        delivered = collect(core, origin, result, m, &targets)
        for i in range(targets.count):
            if send_to_server(core, origin, &targets, i, m):
                delivered += 1
                if targets.noting:
                    note(&targets, i)
        if targets.noting:
            delivered += send_abroad(core, origin, result, state, m, &targets.served)
    finally:
        for i in range(targets.count):
            replace(&targets.items[i].subject, None)
        free(targets.items)
        free(targets.picks)
        free(targets.served.items)
    return delivered


cdef int note(Targets* targets, size_t number) except -1:
    """The message was sent to a server: its groups there have it."""
    cdef size_t i
    for i in range(targets.picked):
        if targets.picks[i].target == number:
            add_name(&targets.served, targets.picks[i].sub)
    return 0


cdef int send_one(
    Core* core, Conn* origin, Conn* dest, Account* account, Message* m
) except -1:
    """To one server, which has not asked for it: 1 sent, 0 not."""
    cdef Targets targets
    cdef Target target
    cdef Sub unasked
    unasked.conn = dest
    unasked.role = ORDINARY
    unasked.delivered = 0
    target.conn = dest
    target.sub = &unasked
    target.account = account
    target.subject = NULL
    targets.items = &target
    targets.picked = 0
    return send_to_server(core, origin, &targets, 0, m)


cdef int collect(
    Core* core, Conn* origin, Result* result, Message* m, Targets* targets
) except -1:
    cdef Sub** subs = members(result)
    cdef size_t at = result.plain
    cdef size_t count
    cdef size_t i
    cdef size_t number
    cdef int delivered = 0
    cdef int here
    cdef bint served = origin == NULL or not ROUTE_KIND <= origin.kind <= LEAF_KIND
    for i in range(result.plain):
        if subs[i].conn == NULL:
            continue
        if not is_server(subs[i]):
            delivered += deliver_one(core, origin, subs[i], m)
        elif plain_target(origin, subs[i], m):
            add_target(targets, subs[i], m)
    # Without a list of groups a message from a server is for none; one that came through the
    # import of a service is on its own.
    if not served and m.qlen == 0 and not m.any_queue:
        return delivered
    for number in range(result.groups):
        count = (<size_t*>subs)[at]
        if m.qlen == 0 or wanted(m, subs[at + 1]):
            if origin != NULL and origin.kind == ROUTE_KIND:
                here = routed_group(core, origin, subs + at + 1, count, m, targets)
            else:
                here = group(core, origin, subs + at + 1, count, m, targets)
            if here and targets.noting:
                add_name(&targets.served, subs[at + 1])
            delivered += here
        at += 1 + count
    return delivered


# --- frames -----------------------------------------------------------------------------

cdef bint server_may_hear(Conn* dest, const char* subject, int slen) except -1:
    """Whether a server may be sent that; the way in front of a reply does not matter."""
    cdef int start = routed_start(subject, slen)
    return may_hear(dest, subject + start, slen - start, b"", 0)


cdef int send_to_server(
    Core* core, Conn* origin, Targets* targets, size_t number, Message* m
) except -1:
    """One frame for a server: 1 sent, 0 not."""
    cdef Target* target = &targets.items[number]
    cdef Conn* dest = target.conn
    cdef bytes mapped
    cdef const char* subject = m.subject
    cdef int slen = m.slen
    if dest.deliver_check != NULL and not server_may_hear(dest, subject, slen):
        return 0
    if dest.closed or target.sub.conn == NULL:
        return 0
    if dest.kind == LEAF_KIND and is_echo(origin, m, target.sub):
        return 0
    if target.subject != NULL:
        mapped = <bytes>target.subject
        subject = mapped
        slen = <int>len(mapped)
    make_room(core, dest)
    target.sub.delivered += 1
    if dest.replies != NULL and m.rlen:
        expect_answer(dest, m.reply, m.rlen)
    append_routed(origin, targets, number, m, subject, slen)
    if dest.pending > (core.max_pending if dest.kind == LEAF_KIND else core.max_pending_far):
        slow_consumer(dest)
    return 1


cdef bytes leaf_origin(Conn* origin, Message* m, Conn* dest):
    """The cluster a leaf's message is marked with on a route; None if it is not."""
    if dest.kind != ROUTE_KIND or not dest.leaf_origins or origin == NULL or m.via != NULL:
        return None
    if origin.kind != LEAF_KIND or origin.peer_origin == NULL:
        return None
    return <bytes>origin.peer_origin or None


cdef int append_routed(
    Conn* origin, Targets* targets, size_t number, Message* m, const char* subject, int slen
) except -1:
    cdef Target* target = &targets.items[number]
    cdef Conn* dest = target.conn
    cdef bytes marked = leaf_origin(origin, m, dest)
    cdef bytes account = None
    cdef bint with_headers = m.hdr > 0 and dest.headers
    cdef bint strip = m.hdr > 0 and not dest.headers
    cdef const char* payload = m.payload
    cdef size_t body = <size_t>m.size + 2
    cdef size_t head = 96 + slen + m.rlen
    cdef bint queues = False
    cdef size_t i
    cdef char* start
    cdef char* at
    if strip:
        payload += m.hdr
        body -= m.hdr
    if dest.kind != LEAF_KIND and dest.peer_account == NULL:
        account = <bytes>target.account.encoded
        head += len(account)
    if marked is not None:
        head += len(marked)
    for i in range(targets.picked):
        if targets.picks[i].target == number:
            queues = True
            head += targets.picks[i].sub.queue_len + 1
    start = reserve(dest, head + body if body <= WHOLE_FRAME else head)
    at = start
    if marked is not None:
        at = word(word(at, b"LMSG", 4), <char*>marked, len(marked))
    elif with_headers:
        at = word(at, b"HMSG", 4)
    else:
        at = word(at, b"LMSG" if dest.kind == LEAF_KIND else b"RMSG", 4)
    if account is not None:
        at = word(at, <char*>account, len(account))
    at = word(at, subject, slen)
    if queues:
        at = word(at, b"+" if m.rlen else b"|", 1)
    if m.rlen:
        at = word(at, m.reply, m.rlen)
    for i in range(targets.picked):
        if targets.picks[i].target == number:
            at = word(at, queue_of(targets.picks[i].sub), targets.picks[i].sub.queue_len)
    if with_headers:
        at = word(at, m.hdb, m.hdb_len)
    elif marked is not None:
        at = word(at, b"0", 1)
    if strip:
        at += write_number(at, body - 2)
    else:
        memcpy(at, m.szb, m.szb_len)
        at += m.szb_len
    return finish(dest, target.account, start, at, m, payload, body)


cdef int finish(
    Conn* dest, Account* account, char* start, char* at, Message* m, const char* payload,
    size_t body
) except -1:
    """The end of a line that was begun at ``start``, and the payload, CRLF included."""
    cdef Traffic* traffic = &account.linked[dest.kind - ROUTE_KIND]
    at[0] = 13
    at[1] = 10
    at += 2
    dest.out_msgs += 1
    dest.out_bytes += body - 2
    traffic.out_msgs += 1
    traffic.out_bytes += body - 2
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
        trace(dest, start, at - start - 2, payload, body - 2)
    return 0


cdef int trace(Conn* dest, char* line, size_t n, const char* payload, size_t size) except -1:
    handler = <object>dest.handler
    handler.traced("out", (line[:4]).decode("ascii"), <bytes>line[5:n])
    if size:
        handler.traced("out", "MSG_PAYLOAD", <bytes>payload[:size])
    return 0
