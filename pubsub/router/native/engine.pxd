# cython: language_level=3
from pubsub.router.native.gateways cimport NativeGateways
from pubsub.router.native.types cimport Conn

cdef class NativeRouter(NativeGateways):
    cdef object _settings
    cdef object _listeners
    cdef object _watchers
    cdef object _hook
    cdef object _tracker
    cdef list _retired


cdef class NativeLink:
    cdef Conn conn
    cdef NativeRouter router
    cdef object handler
    cdef object _transport
    cdef object _options
    cdef object _peer
    cdef object __weakref__
