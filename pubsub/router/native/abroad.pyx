# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Sending to other clusters: who there wants a message, and the frame for each.

What other clusters want stands in the index as all interest does, but it is kept apart in the
results: it is nothing that anybody in this cluster wants. There a result has, for each gateway
that wants the subject, whether it wants it plainly, and for which queue groups. What is
presumed of old gateways is asked when a result is made, and kept with it.

A message goes to a gateway if that wants it plainly, or for a queue group that nobody in this
cluster and no nearer gateway serves; on the way back of a reply (:mod:`prefixes`) it goes to
the cluster the way leads to, asked or not. (nats-server: ``sendMsgToGateways``,
``gatewayInterest``.)
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy

from twisted.logger import Logger

from pubsub.router.native.delivery cimport route, slow_consumer
from pubsub.router.native.grave cimport leave
from pubsub.router.native.index cimport is_remote, queue_of
from pubsub.router.native.linked cimport (
    finish, make_room, send_one, server_may_hear, service_answer, wanted, word,
)
from pubsub.router.native.matching cimport arranged, by_serial, lookup, members, state_of
from pubsub.router.native.output cimport reserve
from pubsub.router.native.permissions cimport expect_answer
from pubsub.router.native.prefixes cimport (
    CLUSTER_AT, CLUSTER_LENGTH, OLD_CLUSTER_AT, OLD_CLUSTER_LENGTH, ROUTED_START, now_of,
    routed_start,
)
from pubsub.router.native.text cimport write_number
from pubsub.router.native.types cimport (
    GATEWAY_KIND, LEAF_KIND, RETURNED, ROUTE_KIND, SERVICE, Account, Conn, Core, Gate, Gates,
    Message, Result, Sub,
)

_log = Logger(namespace="pubsub.router.native")

cdef enum:
    WHOLE_FRAME = 8192

# How long a subscription is new: other clusters may not have heard of it.
cdef double RECENT = 2.0


cdef class Gateway:
    """A link that messages are sent over; it is not freed while results know it."""


# --- results ----------------------------------------------------------------------------

cdef size_t words_of(Result* result) noexcept:
    """How many words stand behind the structure."""
    cdef size_t at = result.plain
    cdef size_t group
    for group in range(result.groups):
        at += 1 + (<size_t*>members(result))[at]
    return at


cdef bint leads_to(Gateway gateway, const char* subject, int start) noexcept:
    """Whether the way back in front of a subject leads to that cluster."""
    cdef bytes theirs = gateway.hash if start == ROUTED_START else gateway.old_hash
    cdef int at = CLUSTER_AT if start == ROUTED_START else OLD_CLUSTER_AT
    cdef int length = CLUSTER_LENGTH if start == ROUTED_START else OLD_CLUSTER_LENGTH
    return len(theirs) == length and memcmp(<char*>theirs, subject + at, length) == 0


cdef bint presumed(Gateway gateway, Account* account, const char* subject, int length) noexcept:
    """Whether an old gateway may want what it has not said it wants."""
    if gateway.presumed is None:
        return False
    account.core.asked = True
    try:
        return bool(gateway.presumed(<object>account.name, <bytes>subject[:length]))
    except Exception:
        _log.failure("presuming what a gateway wants failed")
        return False


cdef void** add_gate(
    void** at, Gateway gateway, Account* account, Sub** far, size_t n, const char* subject,
    int length, int start,
) noexcept:
    """What one gateway wants of the messages on a subject; where the next one may begin."""
    cdef Gate* gate = <Gate*>at
    cdef Sub** groups = <Sub**>(gate + 1)
    cdef size_t i
    gate.conn = gateway.conn
    gate.plain = gate.groups = 0
    if gateway.conn.closed:
        return at
    if start:
        gate.plain = leads_to(gateway, subject, start)
        return <void**>groups if gate.plain else at
    for i in range(n):
        if far[i].conn != gateway.conn:
            continue
        if far[i].queue_len == 0:
            gate.plain = True
        elif not is_named(groups, gate.groups, far[i]):
            groups[gate.groups] = far[i]
            gate.groups += 1
    if not gate.plain:
        gate.plain = presumed(gateway, account, subject, length)
    return <void**>(groups + gate.groups) if gate.plain or gate.groups else at


cdef Result* with_gates(
    Account* account, Result* result, Sub** far, size_t n, const char* subject, int length
) except NULL:
    """A result with those gateways at its end that want the subject, if there are any."""
    cdef Core* core = account.core
    cdef tuple gateways = <tuple>core.gateways
    cdef int start = routed_start(subject, length)
    cdef Gates* gates
    cdef Result* grown
    cdef void** at
    cdef void** after
    cdef size_t used
    cdef size_t size
    gates = <Gates*>malloc(
        sizeof(Gates) + len(gateways) * sizeof(Gate) + n * sizeof(Sub*) + sizeof(Gate)
    )
    if gates == NULL:
        free(result)
        raise MemoryError("no memory for matching")
    gates.account = account
    gates.epoch = core.gates_epoch
    gates.count = 0
    at = <void**>(gates + 1)
    qsort(far, n, sizeof(Sub*), by_serial)
    for gateway in gateways:
        after = add_gate(at, <Gateway>gateway, account, far, n, subject, length, start)
        gates.count += after != at
        at = after
    if gates.count:
        used = <char*>at - <char*>gates
        size = words_of(result)
        grown = <Result*>realloc(result, sizeof(Result) + size * sizeof(void*) + used)
        if grown == NULL:
            free(gates)
            free(result)
            raise MemoryError("no memory for matching")
        result = grown
        memcpy(<void**>(result + 1) + size, gates, used)
        result.gates = size + 1
        result.remote = True
    free(gates)
    return result


cdef Result* set_apart(Account* account, const char* subject, int length) except NULL:
    """The result from what was gathered, without what other clusters want among the rest."""
    cdef Core* core = account.core
    cdef Sub** far = <Sub**>malloc((core.scratch_len + 1) * sizeof(Sub*))
    cdef size_t away = 0
    cdef size_t kept = 0
    cdef size_t i
    cdef Sub* sub
    cdef Result* result
    if far == NULL:
        raise MemoryError("no memory for matching")
    for i in range(core.scratch_len):
        sub = core.scratch[i]
        if sub.conn.kind == GATEWAY_KIND and is_remote(sub):
            far[away] = sub
            away += 1
        else:
            core.scratch[kept] = sub
            kept += 1
    core.scratch_len = kept
    try:
        result = arranged(core)
        if core.gateways == NULL:
            return result
        return with_gates(account, result, far, away, subject, length)
    finally:
        free(far)


cdef Result* looked_up(Account* account, const char* subject, int length) except NULL:
    """As ``lookup``. It is for no message of its own: the figures of /subsz stay."""
    cdef uint64_t matches = account.matches
    cdef uint64_t hits = account.hits
    try:
        return lookup(account, subject, length)
    finally:
        account.matches = matches
        account.hits = hits


# --- queue groups -----------------------------------------------------------------------

cdef bint is_named(Sub** subs, size_t n, Sub* sub) noexcept:
    """Whether one of these is of the same queue group."""
    cdef size_t i
    for i in range(n):
        if subs[i].queue_len == sub.queue_len and memcmp(
            queue_of(subs[i]), queue_of(sub), sub.queue_len
        ) == 0:
            return True
    return False


cdef int add_name(Names* names, Sub* sub) except -1:
    """Another queue group that has the message."""
    cdef Sub** grown
    if names.count == names.room:
        grown = <Sub**>realloc(names.items, (names.room * 2 + 8) * sizeof(Sub*))
        if grown == NULL:
            raise MemoryError("no memory for routing")
        names.items = grown
        names.room = names.room * 2 + 8
    names.items[names.count] = sub
    names.count += 1
    return 0


# --- replies to new subscriptions -------------------------------------------------------

cdef bint is_awaited(Account* account, const char* reply, int rlen) except -1:
    """Whether a new subscription hears a reply, so that other clusters may not know of it."""
    cdef double now = now_of(account.core)
    cdef Result* result
    cdef Sub** subs
    cdef size_t i
    if now - account.subscribed >= RECENT:
        return False
    result = looked_up(account, reply, rlen)
    subs = members(result)
    for i in range(result.plain):
        if now - subs[i].since < RECENT:
            return True
    return is_awaited_by_group(result, now)


cdef bint is_awaited_by_group(Result* result, double now) noexcept:
    cdef Sub** subs = members(result)
    cdef size_t at = result.plain
    cdef size_t count
    cdef size_t group
    cdef size_t i
    for group in range(result.groups):
        count = (<size_t*>subs)[at]
        for i in range(count):
            if now - subs[at + 1 + i].since < RECENT:
                return True
        at += 1 + count
    return False


cdef bytes reply_start(Account* account, Conn* first, Message* m):
    """What is put in front of a reply for other clusters; ``first``: the first that gets it."""
    cdef Core* core = account.core
    if m.rlen == 0 or not is_awaited(account, m.reply, m.rlen):
        return b""
    return <bytes>(core.old_reply_start if first.old_replies else core.reply_start)


# --- sending ----------------------------------------------------------------------------

cdef bint goes_abroad(Conn* origin, Message* m) noexcept:
    """Whether other clusters get it from here; of what others pass on they have got it."""
    if origin == NULL or m.via != NULL:
        return True
    if origin.kind != ROUTE_KIND and origin.kind != GATEWAY_KIND:
        return True
    return m.abroad & RETURNED and not service_answer(m)


cdef int send_abroad(
    Core* core, Conn* origin, Result* result, uint64_t state, Message* m, Names* taken
) except -1:
    """Send to each gateway that wants it; to how many.

    :param state: of the account, when the result was the one.
    :param taken: queue groups that have the message.
    """
    cdef Account* account = gates_of(result).account
    cdef Gates* gates
    cdef Gate* gate
    cdef Sub** groups
    cdef char* at
    cdef size_t number
    cdef size_t i
    cdef size_t first
    cdef tuple gateways
    cdef bytes start = None
    cdef int delivered = 0
    # The leaf, or whoever sent it there, serves the other groups.
    cdef bint listed = origin != NULL and origin.kind == LEAF_KIND and m.via == NULL
    if gates_of(result).epoch != core.gates_epoch or state_of(account) != state:
        # Whoever was delivered to has changed something.
        result = looked_up(account, m.subject, m.slen)
        if result.gates == 0:
            return 0
    gates = gates_of(result)
    if gates.epoch != core.gates_epoch:
        return 0
    # Their links stay as long as this is known here.
    gateways = <tuple>core.gateways
    at = <char*>(gates + 1)
    for number in range(gates.count):
        gate = <Gate*>at
        groups = <Sub**>(gate + 1)
        at = <char*>(groups + gate.groups)
        first = taken.count
        for i in range(gate.groups):
            if (not listed or wanted(m, groups[i])) and not is_named(
                taken.items, taken.count, groups[i]
            ):
                add_name(taken, groups[i])
        if gate.plain or taken.count > first:
            if start is None:
                start = reply_start(account, gate.conn, m)
            delivered += send_frame(
                core, gate.conn, account, m, start, taken.items + first, taken.count - first
            )
    return delivered


cdef int send_frame(
    Core* core, Conn* dest, Account* account, Message* m, bytes start, Sub** groups, size_t n
) except -1:
    """One frame for a gateway: 1 sent, 0 not."""
    cdef bytes reply
    if dest.deliver_check != NULL and not server_may_hear(dest, m.subject, m.slen):
        return 0
    if dest.closed:
        return 0
    make_room(core, dest)
    if dest.replies != NULL and m.rlen:
        reply = start + m.reply[:m.rlen]
        expect_answer(dest, reply, <int>len(reply))
    append_frame(dest, account, m, start, groups, n)
    if dest.pending > core.max_pending_far:
        slow_consumer(dest)
    return 1


cdef int append_frame(
    Conn* dest, Account* account, Message* m, bytes reply_start, Sub** groups, size_t n
) except -1:
    """RMSG or HMSG, which always name the account."""
    cdef bytes name = <bytes>account.encoded
    cdef bint with_headers = m.hdr > 0 and dest.headers
    cdef bint strip = m.hdr > 0 and not dest.headers
    cdef const char* payload = m.payload
    cdef size_t body = <size_t>m.size + 2
    cdef size_t head = 96 + len(name) + m.slen + len(reply_start) + m.rlen
    cdef size_t i
    cdef char* start
    cdef char* at
    if strip:
        payload += m.hdr
        body -= m.hdr
    for i in range(n):
        head += groups[i].queue_len + 1
    start = reserve(dest, head + body if body <= WHOLE_FRAME else head)
    at = word(start, b"HMSG" if with_headers else b"RMSG", 4)
    at = word(at, <char*>name, len(name))
    at = word(at, m.subject, m.slen)
    if n:
        at = word(at, b"+" if m.rlen else b"|", 1)
    if m.rlen:
        memcpy(at, <char*>reply_start, len(reply_start))
        at = word(at + len(reply_start), m.reply, m.rlen)
    for i in range(n):
        at = word(at, queue_of(groups[i]), groups[i].queue_len)
    if with_headers:
        at = word(at, m.hdb, m.hdb_len)
    if strip:
        at += write_number(at, body - 2)
    else:
        memcpy(at, m.szb, m.szb_len)
        at += m.szb_len
    return finish(dest, account, start, at, m, payload, body)


# --- replies that found their way -------------------------------------------------------

cdef int send_direct(Core* core, Conn* origin, Account* account, Message* m) except -1:
    """To the cluster that a subject leads to, and to hubs of this server, which may know it."""
    cdef tuple gateways
    cdef Gateway gateway
    cdef bytes reply
    cdef int start = routed_start(m.subject, m.slen)
    cdef int delivered = 0
    core.depth += 1
    try:
        for link, address in (<object>core.router).hubs(<size_t>account):
            delivered += send_one(core, origin, <Conn*><size_t>address, account, m)
        if core.gateways != NULL:
            reply = None
            gateways = <tuple>core.gateways
            for one in gateways:
                gateway = <Gateway>one
                if leads_to(gateway, m.subject, start):
                    if reply is None:
                        reply = reply_start(account, gateway.conn, m)
                    delivered += send_frame(core, gateway.conn, account, m, reply, NULL, 0)
    finally:
        leave(core)
    return delivered


cdef int returned(Conn* conn, Message* m) except -1:
    """An answer came back on the way that was in front of the reply (``handleGatewayReply``)."""
    cdef Core* core = conn.core
    cdef Account* account = m.account
    cdef int start = routed_start(m.subject, m.slen)
    cdef bytes mine = <bytes>(core.reply_start if start == ROUTED_START else core.old_reply_start)
    # without the server's hash, if there is one
    cdef int length = CLUSTER_AT + CLUSTER_LENGTH + 1 if start == ROUTED_START else start
    if len(mine) != start or memcmp(<char*>mine, m.subject, length) != 0:
        return 0  # another cluster's
    if (
        start == ROUTED_START and conn.kind == GATEWAY_KIND
        and memcmp(<char*>mine, m.subject, start) != 0
    ):
        found = (<object>core.router).route_to(
            <bytes>m.subject[length:start - 1], <size_t>account
        )
        if found is not None:
            core.depth += 1
            try:
                return send_one(core, conn, <Conn*><size_t>found[1], account, m)
            finally:
                leave(core)
    m.subject += start
    m.slen -= start
    m.abroad |= RETURNED
    m.any_queue = True
    return route(core, account, conn, m, NULL)


# --- what nobody here wants -------------------------------------------------------------

cdef int missed(Conn* origin, Message* m) except -1:
    """Tell a gateway that sends without being asked if it had better not."""
    cdef Core* core = origin.core
    if m.account.asks and service_answer(m):
        return 0
    core.depth += 1
    try:
        if is_wanted(looked_up(m.account, m.subject, m.slen)):
            return 0
    finally:
        leave(core)
    (<object>origin.handler).interest_missing(
        <object>m.account.name, <bytes>m.subject[:m.slen]
    )
    return 0


cdef bint is_wanted(Result* result) noexcept:
    """Whether anybody in this cluster wants all of it."""
    cdef Sub** subs = members(result)
    cdef size_t i
    for i in range(result.plain):
        # Whoever may ask a service here does not want to hear it.
        if subs[i].role != SERVICE:
            return True
    return False
