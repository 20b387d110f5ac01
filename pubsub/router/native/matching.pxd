# cython: language_level=3
from libc.stdint cimport uint64_t

from pubsub.router.native.types cimport Account, Core, Result, Sub

cdef int by_serial(const void* left, const void* right) noexcept nogil
cdef Result* arranged(Core* core) except NULL
cdef Result* lookup(Account* account, const char* subject, int length) except NULL


cdef inline Sub** members(Result* result) noexcept nogil:
    return <Sub**>(result + 1)


cdef inline uint64_t state_of(Account* account) noexcept nogil:
    """Changes with each subscription, and with whatever else outdates results."""
    return account.inserts + account.removes + account.generation + account.epoch
