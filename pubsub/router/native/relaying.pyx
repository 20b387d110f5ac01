# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Messages of other servers, and those of this one that are neither a client's nor a link's."""

from libc.string cimport memcmp

from pubsub import errors

from pubsub.router.native.abroad cimport missed, returned, send_direct
from pubsub.router.native.delivery cimport mapped, raise_fault, route, starts
from pubsub.router.native.permissions cimport Decisions, Replies
from pubsub.router.native.prefixes cimport ack_end, is_routed, routed_start, whole_reply
from pubsub.router.native.types cimport (
    ENCODED_ACK, LEAF_KIND, ROUTED_REPLY, Account, Conn, Core, Message, Result,
)


cdef int publish_direct(
    Core* core, Conn* origin, Account* account, Message* m, bytes subject
) except -1:
    """An answer to somebody in another cluster, who can be said to get it."""
    m.subject = subject
    m.slen = <int>len(subject)
    return max(1, send_direct(core, origin, account, m))


cdef int publish_own(Core* core, Account* account, Message* m) except -1:
    """A message of the server's own; how many deliveries there were."""
    cdef bytes subject
    if account.routed_replies != NULL:
        subject = whole_reply(NULL, account, m)
        if subject is not None:
            return publish_direct(core, NULL, account, m, subject)
    if is_routed(m.reply, m.rlen):
        m.abroad = ROUTED_REPLY
    return route(core, account, NULL, m, NULL)


cdef bint server_may_publish(Conn* conn, Message* m) except -1:
    """Whether another server may; the way in front of a reply does not matter."""
    cdef int start = routed_start(m.subject, m.slen)
    cdef const char* subject = m.subject + start
    cdef int slen = m.slen - start
    if (start and conn.spoke) or (
        # what they may send whatever they may publish: answers, acknowledgements
        starts(subject, slen, b"_R_.", 4) or starts(subject, slen, b"$JS.ACK.", 8)
    ):
        return True
    if (<Decisions>conn.publish_check).ask(subject, slen):
        return True
    return conn.replies != NULL and (<Replies>conn.replies).allowed(<bytes>m.subject[:m.slen])


cdef int publish_routed(Conn* conn, Message* m, Result* known) except -1:
    """A complete message from another server; how many deliveries there were."""
    cdef bytes written = None
    cdef bytes subject = None
    cdef bint refused = False
    conn.in_msgs += 1
    conn.in_bytes += m.size
    count_in(conn, m.account, m)
    conn.active = True
    if conn.publish_check != NULL:
        refused = not server_may_publish(conn, m)
        written = m.subject[:m.slen]
    if conn.kind == LEAF_KIND and conn.account.mapper != NULL:
        subject = mapped(conn, m)
        # Its groups are not those the other server knows of.
        m.any_queue = len(subject) != m.slen or memcmp(<char*>subject, m.subject, m.slen) != 0
        m.subject = subject
        m.slen = <int>len(subject)
    if conn.trace and m.size:
        (<object>conn.handler).traced("in", "MSG_PAYLOAD", <bytes>m.payload[:m.size])
    if refused:
        # What the hub may send is known here: it is not told.
        if not conn.spoke:
            raise_fault(conn, errors.PublishPermissionViolation(written))
        return 0
    if m.account == conn.core.nobody:
        return 0
    if m.rlen and is_routed(m.reply, m.rlen):
        m.abroad = ROUTED_REPLY
    if m.rlen and ack_end(m.reply, m.rlen):
        m.abroad |= ENCODED_ACK
    if conn.core.gateways != NULL and conn.kind != LEAF_KIND and routed_start(m.subject, m.slen):
        return returned(conn, m)
    if conn.optimistic:
        missed(conn, m)
    if conn.closed:
        return 0
    return route(conn.core, m.account, conn, m, known)
