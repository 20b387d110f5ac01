# cython: language_level=3
from cpython.ref cimport PyObject

from pubsub.router.native.types cimport Conn, Core

cdef int register_link(int fd, object link) except -1
cdef void unregister_link(Conn* conn) noexcept
cdef PyObject* link_at(int fd) noexcept
cdef int read_descriptor(Conn* conn) except? -1
cdef int write_descriptor(Conn* conn) noexcept
cdef int after_parsing(Conn* conn) except -1
cdef int flush_conn(Conn* conn) except -1
cdef int flush_core(Core* core) except -1
cdef void forget_dirty(Conn* conn) noexcept
cdef void replace(PyObject** slot, object value)
