# cython: language_level=3
from pubsub.router.native.types cimport Conn

cdef int say_ok(Conn* conn) except -1
cdef int add_subscription(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen,
    const char* sid, int sid_len,
) except -1
cdef int subscribe(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen,
    const char* sid, int sid_len,
) except -1
cdef int unsubscribe(Conn* conn, const char* sid, int sid_len, int maximum) except -1
cdef int hear(
    Conn* conn, str account, bytes subject, bytes queue, int weight, bytes origin
) except -1
cdef int unhear(Conn* conn, str account, bytes subject, bytes queue, bytes origin) except -1
