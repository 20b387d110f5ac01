# cython: language_level=3
from libc.stdint cimport uint64_t

from pubsub.router.native.types cimport Account, Conn, Core, Gates, Message, Result, Sub


# Queue groups by name: a member of each.
cdef struct Names:
    Sub** items
    size_t count
    size_t room


cdef class Gateway:
    cdef object link
    cdef Conn* conn
    cdef bytes hash
    cdef bytes old_hash
    cdef object presumed


cdef Result* set_apart(Account* account, const char* subject, int length) except NULL
cdef int add_name(Names* names, Sub* sub) except -1
cdef bint goes_abroad(Conn* origin, Message* m) noexcept
cdef int send_abroad(
    Core* core, Conn* origin, Result* result, uint64_t state, Message* m, Names* taken
) except -1
cdef int send_direct(Core* core, Conn* origin, Account* account, Message* m) except -1
cdef int missed(Conn* origin, Message* m) except -1
cdef int returned(Conn* conn, Message* m) except -1


cdef inline Gates* gates_of(Result* result) noexcept nogil:
    """What gateways want, at the end of a result that has ``gates``."""
    return <Gates*>(<void**>(result + 1) + result.gates - 1)
