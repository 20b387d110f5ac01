# cython: language_level=3
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from pubsub.router.native.types cimport Account, Conn, Core, Message, Result, Sub

cdef int publish(Conn* conn, Message* message, bint answer) except -1
cdef int publish_again(Conn* conn, Message* message) except -1
cdef int deliver_one(Core* core, Conn* origin, Sub* sub, Message* message) except -1
cdef int slow_consumer(Conn* dest) except -1
cdef int flush_early(Conn* dest) noexcept
cdef bint plain(Conn* conn, Message* message) noexcept
cdef int route(
    Core* core, Account* account, Conn* origin, Message* message, Result* known
) except -1
cdef int raise_fault(Conn* conn, object fault) except -1
cdef bytes mapped_in(Account* account, bytes subject)
cdef bytes mapped(Conn* conn, Message* message)
cdef uint64_t draw64(Core* core) noexcept nogil


cdef inline bint starts(const char* p, int n, const char* prefix, int length) noexcept nogil:
    return n >= length and memcmp(p, prefix, length) == 0
