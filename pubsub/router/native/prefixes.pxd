# cython: language_level=3
"""Replies on their way through gateways: ``_GR_.<cluster>.<server>.<reply>``.

The hashes of the cluster's name and of the server's id are 6 characters each. Servers before
2.2 know ``$GR.<cluster>.<reply>``, with 4 characters of another hash.
"""

from libc.string cimport memcmp

from pubsub.router.native.types cimport Account, Conn, Core, Message

cdef enum:
    # how much stands in front of the reply
    ROUTED_START = 19
    OLD_START = 9
    # where the hashes begin, in the new form and in the old
    CLUSTER_AT = 5
    CLUSTER_LENGTH = 6
    SERVER_AT = 12
    SERVER_LENGTH = 6
    OLD_CLUSTER_AT = 4
    OLD_CLUSTER_LENGTH = 4


cdef inline int routed_start(const char* p, int n) noexcept nogil:
    """How much of a subject is the way back in front of it, in either form; 0 for none."""
    if n > ROUTED_START and memcmp(p, b"_GR_.", 5) == 0:
        return ROUTED_START
    if n > OLD_START and memcmp(p, b"$GR.", 4) == 0:
        return OLD_START
    return 0


cdef inline bint is_routed(const char* p, int n) noexcept nogil:
    """Whether a reply has a way back in the form of today."""
    return routed_start(p, n) == ROUTED_START


cdef inline int ack_end(const char* p, int n) noexcept nogil:
    """Where the ``@`` of a reply ``$JS.ACK.<seven tokens>@<subject>`` is; 0 for another reply.

    It is what a server makes of a message of JetStream that its reader shall get on another
    subject. (nats-server: ``jsAckDeliverIdx``.)
    """
    cdef int at = ROUTED_START if is_routed(p, n) else 0
    cdef int dots = 0
    if n - at < 17 or memcmp(p + at, b"$JS.ACK.", 8) != 0:
        return 0
    while at < n - 1:
        if p[at] == 46:
            dots += 1
        elif p[at] == 64 and dots >= 8:
            return at
        at += 1
    return 0


cdef class RoutedReplies:
    cdef dict young
    cdef dict old
    cdef double since
    cdef bint outdated(self, double now) noexcept
    cdef int remember(self, bytes shown, bytes whole, double now) except -1
    cdef bytes find(self, bytes shown, double now)


cdef double now_of(Core* core) except? -1.0
cdef int remember_reply(Conn* dest, Message* m) except -1
cdef bytes whole_reply(Conn* conn, Account* account, Message* m)
