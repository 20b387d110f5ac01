# cython: language_level=3
from pubsub.router.native.types cimport Account, Core, Result, Sub

cdef int by_serial(const void* left, const void* right) noexcept nogil
cdef Result* arranged(Core* core) except NULL
cdef Result* lookup(Account* account, const char* subject, int length) except NULL


cdef inline Sub** members(Result* result) noexcept nogil:
    return <Sub**>(result + 1)
