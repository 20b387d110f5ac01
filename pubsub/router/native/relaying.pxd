# cython: language_level=3
from pubsub.router.native.types cimport (
    ROUTE_KIND, Account, Conn, Core, Message, Result, Traffic,
)

cdef int publish_direct(
    Core* core, Conn* origin, Account* account, Message* message, bytes subject
) except -1
cdef int publish_own(Core* core, Account* account, Message* message) except -1
cdef int publish_routed(Conn* conn, Message* message, Result* known) except -1


cdef inline void count_in(Conn* conn, Account* account, Message* m) noexcept:
    """A message of another server came for that account."""
    cdef Traffic* traffic = &account.linked[conn.kind - ROUTE_KIND]
    traffic.in_msgs += 1
    traffic.in_bytes += m.size
