# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Requests to imported services, and the way back of their answers.

A service import is a subscription of role SERVICE in the importing account. What reaches it
is published in the exporting account: with the service's subject, with a reply that leads
back (``_R_.<account>.<token>``), and with a header that says who asks. There, one wildcard
subscription of role ANSWERS hears all replies; each is looked up among the requests that
wait, and published on the reply the requester gave. (nats-server: ``processServiceImport``.)

No Python runs for a plain import: subject, reply and header are remembered or made here.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from twisted.logger import Logger

from pubsub.router.introduction import describe_requester, introduce

from pubsub.router.native.crossing cimport Crossing, Pending, ServiceCrossing
from pubsub.router.native.delivery cimport draw64, mapped_in, route
from pubsub.router.native.descriptors cimport replace
from pubsub.router.native.index cimport insert
from pubsub.router.native.interest cimport began
from pubsub.router.native.owing cimport give_up, owe, settled
from pubsub.router.native.output cimport block_data, monotonic, new_block, release_block
from pubsub.router.native.text cimport hash_bytes, write_number
from pubsub.router.native.types cimport (
    ANSWERS, ENCODED_ACK, Account, Block, Conn, Core, Message, Sub, Via,
)

_log = Logger(namespace="pubsub.router.native")

cdef enum:
    CLIENT = 0
    ROUTE = 1
    GATEWAY = 2
    LEAF = 3
    SHARE = 16384
    SINGLETON = 0
    # Imports one message may come through: where exports are unknown, nothing else ends a cycle.
    MAX_HOPS = 32

cdef bytes DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
cdef bytes INTRODUCTION = b"NATS/1.0\r\nNats-Request-Info: "
cdef bytes BLANK_LINE = b"\r\n\r\n"


cdef void report(str what) noexcept:
    _log.failure("{what} failed", what=what)


cdef bytes spell(Core* core, int digits):
    """A random word in base 62."""
    cdef char word[16]
    cdef uint64_t value = draw64(core)
    cdef int i
    for i in range(digits):
        word[i] = (<const char*>DIGITS)[value % 62]
        value //= 62
    return word[:digits]


cdef bytes new_reply(Account* exporter):
    """A reply subject that leads back; the first one makes the account listen for answers."""
    cdef bytes subject
    cdef Conn* agent
    cdef Sub* sub
    if exporter.reply_prefix == NULL:
        replace(&exporter.reply_prefix, b"_R_." + spell(exporter.core, 6) + b".")
        subject = <bytes>exporter.reply_prefix + b">"
        agent = <Conn*><size_t>(<object>exporter.core.router).agent_address(<object>exporter.name)
        sub = insert(
            agent, subject, <int>len(subject), b"", 0, b"_R_", 3,
            hash_bytes(b"_R_", 3, exporter.core.hash_seed), True,
        )
        sub.role = ANSWERS
        began(sub)
    return <bytes>exporter.reply_prefix + spell(exporter.core, 8)


cdef bytes expect(
    Account* exporter, Account* importer, ServiceCrossing service, bytes reply, object token
):
    """Remember that an answer published in ``exporter`` belongs on ``reply`` in ``importer``."""
    cdef Pending pending = Pending.__new__(Pending)
    cdef bytes given = new_reply(exporter)
    if token is not None and exporter.core.tracker != NULL:
        # tells the server of who serves that this is measured
        given += <bytes>(<object>exporter.core.tracker).mark
    pending.importer = importer
    pending.service = service
    pending.reply = reply
    pending.token = token
    pending.since = monotonic()
    owe(exporter, given, pending)
    return given


# --- who asks ---------------------------------------------------------------------------

cdef bytes asker(Conn* origin, bint detailed):
    """What the requester's side says about it; asked once, until it changes."""
    cdef PyObject** kept = &origin.info_long if detailed else &origin.info_short
    if kept[0] == NULL:
        try:
            answer = (<object>origin.handler).request_info(detailed)
        except Exception:
            report("describing a requester")
            answer = b""
        replace(kept, answer)
    return <bytes>kept[0]


cdef bytes asker_behind(Conn* origin, Via* here, Account* importer):
    """The same for a service behind another import, or where its place is told in any case."""
    cdef tuple kind = (
        bool(here.share), bool(here.located), "" if importer == NULL else <object>importer.name
    )
    if origin.info_more == NULL:
        replace(&origin.info_more, {})
    answer = (<dict>origin.info_more).get(kind)
    if answer is None:
        try:
            answer = describe_requester((<object>origin.handler).request_info, *kind)
        except Exception:
            report("describing a requester")
            answer = b""
        if origin.info_more != NULL:
            # describing it may have outdated the others
            (<dict>origin.info_more)[kind] = answer
    return <bytes>answer


cdef Block* introduced(Message* m, bytes info, char* digits) except NULL:
    """The message with the header that says who asks, in a block of its own."""
    cdef bytes head
    cdef const char* payload = m.payload
    cdef size_t body = <size_t>m.size + 2
    cdef Block* block
    if m.hdr > 0:
        # It may carry one already: from a client that wants to be somebody else.
        head = introduce(<bytes>m.payload[:m.hdr], info)
        payload += m.hdr
        body -= m.hdr
    else:
        head = INTRODUCTION + info + BLANK_LINE
    m.hdr = <int>len(head)
    block = new_block(<size_t>m.hdr + body)
    memcpy(block_data(block), <char*>head, m.hdr)
    memcpy(block_data(block) + m.hdr, payload, body)
    m.payload = block_data(block)
    m.size = <int>(m.hdr + body - 2)
    m.block = block if m.size >= SHARE else NULL
    m.hdb = digits
    m.hdb_len = write_number(digits, m.hdr)
    m.szb = digits + 24
    m.szb_len = write_number(digits + 24, m.size)
    return block


cdef bint may_pass(ServiceCrossing service, Message* m, Via* here) noexcept:
    """Whether a message did not come through that export before; fills in ``here``."""
    cdef PyObject* export = <PyObject*>service.export
    cdef Via* before = m.via
    if before != NULL and before.hops >= MAX_HOPS:
        return False
    while before != NULL:
        if before.export == export and service.export is not None:
            return False
        before = before.up
    here.up = m.via
    here.export = export
    here.hops = 1 if m.via == NULL else m.via.hops + 1
    here.share = m.via != NULL and m.via.share
    here.located = m.via != NULL and m.via.located
    return True


# --- there ------------------------------------------------------------------------------

cdef int cross_over(Core* core, Conn* origin, Sub* sub, Message* m) except -1:
    """A message reached the import of a service; how many deliveries there were."""
    cdef ServiceCrossing service = <ServiceCrossing>sub.extra
    cdef Account* importer = sub.conn.account
    cdef Message request = m[0]
    cdef Via here
    cdef bytes subject
    cdef bytes reply = None
    cdef bytes info = b""
    cdef Block* block = NULL
    cdef char digits[48]
    cdef int delivered
    cdef object token
    if origin != NULL and (origin.kind == ROUTE or origin.kind == GATEWAY):
        return 0  # what servers of this cluster pass on has gone through their imports
    if not may_pass(service, m, &here):
        return 0
    if m.via == NULL:
        # The first import is the requester's: those behind it must not tell more.
        here.share = service.share
    if not here.share and (service.share or service.located):
        here.located = True
    request.via = &here
    request.answer = False
    request.any_queue = True
    request.abroad = m.abroad & ENCODED_ACK
    subject = service.map(m.subject, m.slen)
    if service.account.mapper != NULL:
        subject = mapped_in(
            service.account, <bytes>m.subject[:m.slen] if subject is None else subject
        )
    if subject is not None:
        request.subject = subject
        request.slen = <int>len(subject)
    token = None
    if service.observer is not None:
        token = requested(service, origin, m)
    if m.rlen and not (m.rlen >= 8 and memcmp(m.reply, b"$JS.ACK.", 8) == 0):
        reply = expect(service.account, importer, service, <bytes>m.reply[:m.rlen], token)
        request.reply = reply
        request.rlen = <int>len(reply)
    if origin != NULL and (origin.kind == CLIENT or origin.kind == LEAF):
        if m.via == NULL and not here.located:
            info = asker(origin, here.share)
        else:
            info = asker_behind(origin, &here, NULL if m.via == NULL else importer)
    try:
        if info:
            block = introduced(&request, info, digits)
        sub.delivered += 1
        delivered = route(core, service.account, origin, &request, NULL)
    finally:
        if block != NULL:
            release_block(block)
    if delivered == 0 and reply is not None:
        give_up(service.account, reply, "no responders")
    return delivered


cdef object requested(ServiceCrossing service, Conn* origin, Message* m):
    cdef bytes headers = m.payload[:m.hdr] if m.hdr > 0 else b""
    link = None if origin == NULL else <object>origin.link
    try:
        return service.observer.requested(link, <bytes>m.reply[:m.rlen], headers)
    except Exception:
        report("measuring a service")
        return None


# --- and back ---------------------------------------------------------------------------

cdef int cross_back(Core* core, Conn* origin, Sub* sub, Message* m) except -1:
    """An answer; how many deliveries there were where it belongs."""
    cdef Account* exporter = sub.conn.account
    cdef Pending pending
    cdef Message answer = m[0]
    cdef bytes given = m.subject[:m.slen]
    cdef bytes reply
    cdef Via here
    cdef int delivered
    cdef bint last
    if exporter.responses == NULL:
        return 0
    found = (<dict>exporter.responses).get(given)
    if found is None:
        return 0
    pending = <Pending>found
    if not may_pass(pending.service, m, &here):
        return 0
    if monotonic() - pending.since > pending.service.threshold:
        # Nobody has looked since what is outdated.
        give_up(exporter, given, "timeout")
        return 0
    answer.via = &here
    answer.answer = answer.any_queue = True
    answer.abroad = m.abroad & ENCODED_ACK
    if pending.token is not None:
        token, pending.token = pending.token, None
        try:
            pending.service.observer.answered(
                token, None if origin == NULL else <object>origin.link, given
            )
        except Exception:
            report("measuring a service")
    answer.subject = pending.reply
    answer.slen = <int>len(pending.reply)
    reply = None
    if m.rlen and not (m.rlen >= 8 and memcmp(m.reply, b"$JS.ACK.", 8) == 0):
        # It wants an answer itself.
        reply = expect(
            pending.importer, exporter, pending.service, <bytes>m.reply[:m.rlen], None
        )
        answer.reply = reply
        answer.rlen = <int>len(reply)
    last = pending.service.response == SINGLETON or m.size == 0
    if last:
        # before it is delivered: whoever gets it may ask again at once
        settled(exporter, given)
    sub.delivered += 1
    delivered = route(core, pending.importer, origin, &answer, NULL)
    if delivered == 0:
        settled(exporter, given)
        if reply is not None:
            give_up(pending.importer, reply, "no responders")
    elif not last:
        pending.since = monotonic()
    return delivered
