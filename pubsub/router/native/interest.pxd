# cython: language_level=3
from pubsub.router.native.types cimport Conn, Sub

cdef int began(Sub* sub) except -1
cdef int ended(Sub* sub) except -1
cdef int watched(Sub* sub, int change) except -1
cdef int shadows_ended(Sub* sub) except -1
cdef int all_ended(Conn* conn) except -1
cdef Sub** ordered(Conn* conn) except NULL
