# cython: language_level=3
from pubsub.router.native.types cimport Conn

cdef int consume(Conn* conn, const char* data, size_t n) except -1
cdef size_t fill_body(Conn* conn, const char* data, size_t n) except? 0
cdef int body_progress(Conn* conn) except -1
cdef Py_ssize_t parse(Conn* conn, const char* buf, size_t n) except -1
cdef int keep(Conn* conn, const char* data, size_t n) except -1
cdef void forget_input(Conn* conn) noexcept
