# cython: language_level=3
from libc.string cimport memcpy

from pubsub.router.native.delivery cimport flush_early
from pubsub.router.native.types cimport Account, Conn, Core, Message, Result, Sub

cdef int distribute(Core* core, Conn* origin, Result* result, Message* m) except -1
cdef int send_one(Core* core, Conn* origin, Conn* dest, Account* account, Message* m) except -1
cdef int finish(
    Conn* dest, Account* account, char* start, char* at, Message* m, const char* payload,
    size_t body
) except -1
cdef bint server_may_hear(Conn* dest, const char* subject, int slen) except -1
cdef bint wanted(Message* m, Sub* sub) noexcept
cdef bint service_answer(Message* m) noexcept


cdef inline void make_room(Core* core, Conn* dest) noexcept:
    """Let a socket that may have room have what is queued, if that is much already."""
    if dest.pending > core.early_flush and dest.fd >= 0 and not dest.writing:
        flush_early(dest)


cdef inline char* word(char* at, const char* text, size_t n) noexcept:
    memcpy(at, text, n)
    at[n] = 32
    return at + n + 1
