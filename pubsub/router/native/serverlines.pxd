# cython: language_level=3
from pubsub.router.native.types cimport Conn, Message

cdef int read_routed(Conn* conn, int verb, const char* arg, size_t n, Message* m) except -1
