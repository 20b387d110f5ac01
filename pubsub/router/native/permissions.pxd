# cython: language_level=3
from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from pubsub.router.native.types cimport Conn

cdef enum:
    # Bytes of a key that are in the table itself: a Decision is one line of the cache.
    HELD = 48

cdef struct Decision:
    uint64_t hash
    # plus one: 0 is a slot that is free
    uint32_t length
    uint32_t answer
    # the key, or a pointer to it if it is longer
    char held[HELD]


cdef class Decisions:
    cdef object predicate
    cdef bint with_queue
    cdef Decision* slots
    cdef size_t mask
    cdef size_t count
    cdef uint64_t seed
    # of no other, now or later
    cdef uint64_t number
    cdef object __weakref__
    cdef bint allowed_before(self, const char* subject, int slen) noexcept
    cdef bint ask(self, const char* subject, int slen) except -1
    cdef bint ask_for(
        self, const char* subject, int slen, const char* queue, int qlen
    ) except -1


cdef class Replies:
    cdef int max_messages
    cdef double expires
    cdef dict waiting
    cdef int since_prune
    cdef double last_prune
    cdef int remember(self, bytes reply) except -1
    cdef bint allowed(self, bytes subject) except -1

cdef bint may_publish(Conn* conn, const char* subject, int slen) except -1
cdef int expect_answer(Conn* conn, const char* reply, int rlen) except -1
cdef bint may_hear(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen
) except -1
