# cython: language_level=3
from pubsub.router.native.accounts cimport NativeAccounts
from pubsub.router.native.types cimport Conn


cdef class NativeGateways(NativeAccounts):
    cdef list _routes
    cdef list _hubs
    cdef list _gateways
    cdef tuple _gates
    cdef object _clock
    cdef int joined(self, object link, Conn* conn) except -1
    cdef int parted(self, object link, Conn* conn) except -1
    cdef int peer_changed(self, object link, Conn* conn, object peer) except -1
    cdef int gates_changed(self) except -1
