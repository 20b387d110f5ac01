# cython: language_level=3
from pubsub.router.native.types cimport Conn, Core, Message, Result

cdef int distribute(Core* core, Conn* origin, Result* result, Message* m) except -1
