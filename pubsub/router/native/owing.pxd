# cython: language_level=3
from pubsub.router.native.crossing cimport Pending
from pubsub.router.native.types cimport Account

cdef int owe(Account* exporter, bytes given, Pending pending) except -1
cdef Pending settled(Account* exporter, bytes given)
cdef int give_up(Account* exporter, bytes reply, str reason) except -1
cdef list outdated(Account* exporter, double now)
cdef int lost(Account* account, bytes subject) except -1
