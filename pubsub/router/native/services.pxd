# cython: language_level=3
from cpython.ref cimport PyObject

from pubsub.router.native.crossing cimport Pending
from pubsub.router.native.types cimport Account, Conn, Core, Message, Sub

cdef int cross_over(Core* core, Conn* origin, Sub* sub, Message* m) except -1
cdef int cross_back(Core* core, Conn* origin, Sub* sub, Message* m) except -1
cdef int give_up(Account* exporter, bytes reply, str reason) except -1
cdef list outdated(Account* exporter, double now)
