# cython: language_level=3
from pubsub.router.native.accounts cimport NativeAccounts
from pubsub.router.native.types cimport Conn

cdef class NativeRouter(NativeAccounts):
    cdef object _settings
    cdef object _listeners
    cdef object _watchers
    cdef object _hook


cdef class NativeLink:
    cdef Conn conn
    cdef NativeRouter router
    cdef object handler
    cdef object _transport
    cdef object _options
    cdef object _peer
    cdef object __weakref__
