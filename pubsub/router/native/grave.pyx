# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Memory that a delivery in progress may still look at is freed when it is over."""

from libc.stdlib cimport free, realloc

from pubsub.router.native.types cimport Core


cdef int bury(Core* core, void* memory) except -1:
    """Free ``memory`` now, or as soon as no delivery is running."""
    cdef void** grown
    if core.depth == 0:
        free(memory)
        return 0
    if core.grave_len == core.grave_cap:
        grown = <void**>realloc(core.grave, (core.grave_cap * 2 + 64) * sizeof(void*))
        if grown == NULL:
            raise MemoryError("no memory for the index")
        core.grave = grown
        core.grave_cap = core.grave_cap * 2 + 64
    core.grave[core.grave_len] = memory
    core.grave_len += 1
    return 0


cdef void leave(Core* core) noexcept:
    """A delivery is over: free what was buried meanwhile if it was the outermost."""
    cdef size_t i
    core.depth -= 1
    if core.depth == 0 and core.grave_len:
        for i in range(core.grave_len):
            free(core.grave[i])
        core.grave_len = 0
