# cython: language_level=3
from pubsub.router.native.types cimport Account, Conn, Core, Message

cdef int publish(Conn* conn, Message* message, bint answer) except -1
cdef int route(Core* core, Account* account, Conn* origin, Message* message) except -1
cdef int raise_fault(Conn* conn, object fault) except -1
