# cython: language_level=3
from pubsub.router.native.types cimport Account, Conn, Core, Message, Result

cdef int publish_direct(
    Core* core, Conn* origin, Account* account, Message* message, bytes subject
) except -1
cdef int publish_own(Core* core, Account* account, Message* message) except -1
cdef int publish_routed(Conn* conn, Message* message, Result* known) except -1
