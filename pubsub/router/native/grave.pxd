# cython: language_level=3
from pubsub.router.native.types cimport Core

cdef int bury(Core* core, void* memory) except -1
cdef void leave(Core* core) noexcept
