# cython: language_level=3
from pubsub.router.native.types cimport Conn, Core, Message, Sub

cdef int cross_over(Core* core, Conn* origin, Sub* sub, Message* m) except -1
cdef int cross_back(Core* core, Conn* origin, Sub* sub, Message* m) except -1
