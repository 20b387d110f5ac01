# cython: language_level=3
from pubsub.router.native.types cimport Account, Conn, Core


cdef class NativeAccounts:
    cdef Core core
    cdef dict _accounts
    cdef object _links
    cdef object _decisions
    cdef dict _crossings
    cdef str _system
    cdef object __weakref__
    cdef Conn* conn_of(self, object link) except NULL
    cdef int disown(self, object link) except -1
    cdef Account* account_for(self, str name) except NULL
