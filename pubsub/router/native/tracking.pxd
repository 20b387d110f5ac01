# cython: language_level=3
from pubsub.router.native.types cimport Conn, Message

cdef int track_request(Conn* dest, Message* m) except -1
cdef int track_answer(Conn* conn, Message* m) except -1


cdef inline bint is_tracked(const char* reply, int length) noexcept nogil:
    """Whether somebody measures the service that is to answer there: ``_R_.….T``."""
    return (
        length > 6 and reply[length - 1] == 84 and reply[length - 2] == 46
        and reply[0] == 95 and reply[1] == 82 and reply[2] == 95 and reply[3] == 46
    )
