# cython: language_level=3
from pubsub.router.native.types cimport Block, Chunk, Conn, Core

cdef enum:
    # Fits the second-level cache together with its neighbours, and a large payload
    # needs few of them; measured against 16 and 64 KiB.
    CHUNK_SIZE = 32768
    # Chunks kept for reuse: 16 MiB, the output of one busy turn.
    FREE_CHUNKS = 512

cdef char* reserve_slow(Conn* conn, size_t n) except NULL
cdef int put(Conn* conn, const char* data, size_t n) except -1
cdef int put_block(Conn* conn, Block* block, size_t offset, size_t n) except -1
cdef Block* new_block(size_t size) except NULL
cdef void release_block(Block* block) noexcept
cdef void drop_output(Conn* conn) noexcept
cdef int flush_descriptor(Conn* conn) noexcept
cdef bytes take_output(Conn* conn)
cdef void free_pool(Core* core) noexcept
cdef double monotonic() noexcept nogil
cdef double wall_clock() noexcept nogil


cdef inline char* block_data(Block* block) noexcept nogil:
    return <char*>(block + 1)


cdef inline char* reserve(Conn* conn, size_t n) except NULL:
    """Room for ``n`` contiguous bytes at the end of the output; then call :func:`commit`."""
    cdef Chunk* chunk = conn.out_tail
    if chunk != NULL and chunk.cap - chunk.end >= n:
        return chunk.data + chunk.end
    return reserve_slow(conn, n)


cdef inline void commit(Conn* conn, size_t n) noexcept:
    """``n`` bytes were written into the room that :func:`reserve` gave."""
    cdef Core* core
    conn.out_tail.end += n
    conn.pending += n
    if not conn.dirty:
        conn.dirty = True
        conn.dirty_next = NULL
        core = conn.core
        if core.dirty_tail == NULL:
            core.dirty_head = conn
        else:
            core.dirty_tail.dirty_next = conn
        core.dirty_tail = conn
