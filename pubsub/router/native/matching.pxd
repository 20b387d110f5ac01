# cython: language_level=3
from pubsub.router.native.types cimport Account, Result, Sub

cdef Result* lookup(Account* account, const char* subject, int length) except NULL


cdef inline Sub** members(Result* result) noexcept nogil:
    return <Sub**>(result + 1)
