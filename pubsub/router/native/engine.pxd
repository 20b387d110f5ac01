# cython: language_level=3
from pubsub.router.native.types cimport Account, Conn, Core

cdef class NativeRouter:
    cdef Core core
    cdef object _settings
    cdef dict _accounts
    cdef object _links
    cdef object _listeners
    cdef object _hook
    cdef object __weakref__
    cdef Account* account_for(self, str name) except NULL


cdef class NativeLink:
    cdef Conn conn
    cdef NativeRouter router
    cdef object handler
    cdef object _transport
    cdef object _options
    cdef object __weakref__
