# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What waits to be written: chunks from a pool, shared blocks, and the write itself.

An idle connection owns no chunk. Chunks come from a last-in-first-out pool, so that
the bytes being framed are the bytes most recently in the processor's cache.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec

from pubsub.router.native.types cimport Block, Chunk, Conn, Core


cdef extern from "sys/uio.h" nogil:
    cdef struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "sys/socket.h" nogil:
    cdef struct msghdr:
        iovec* msg_iov
        size_t msg_iovlen
    ssize_t send(int, const void*, size_t, int)
    ssize_t sendmsg(int, const msghdr*, int)
    int MSG_NOSIGNAL
    int MSG_DONTWAIT

cdef enum:
    # Enough for 2 MiB a call; more would only lengthen the turn of one connection.
    VECTORS = 64


cdef double monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef double wall_clock() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef Chunk* take_chunk(Core* core, size_t n) except NULL:
    """An empty chunk with room for ``n`` bytes, from the pool if it is of the usual size."""
    cdef Chunk* chunk
    cdef size_t size = CHUNK_SIZE
    if n <= CHUNK_SIZE - sizeof(Chunk) and core.free_chunks != NULL:
        chunk = core.free_chunks
        core.free_chunks = chunk.next
        core.free_count -= 1
    else:
        if n > CHUNK_SIZE - sizeof(Chunk):
            size = n + sizeof(Chunk)
        chunk = <Chunk*>malloc(size)
        if chunk == NULL:
            raise MemoryError("no memory for output")
        chunk.cap = size - sizeof(Chunk)
        chunk.data = <char*>(chunk + 1)
        chunk.block = NULL
    chunk.next = NULL
    chunk.start = 0
    chunk.end = 0
    return chunk


cdef void give_chunk(Core* core, Chunk* chunk) noexcept:
    if chunk.block != NULL:
        release_block(chunk.block)
        free(chunk)
    elif chunk.cap == CHUNK_SIZE - sizeof(Chunk) and core.free_count < FREE_CHUNKS:
        chunk.next = core.free_chunks
        core.free_chunks = chunk
        core.free_count += 1
    else:
        free(chunk)


cdef void append_chunk(Conn* conn, Chunk* chunk) noexcept:
    if conn.out_tail == NULL:
        conn.out_head = chunk
    else:
        conn.out_tail.next = chunk
    conn.out_tail = chunk


cdef char* reserve_slow(Conn* conn, size_t n) except NULL:
    cdef Chunk* chunk = take_chunk(conn.core, n)
    append_chunk(conn, chunk)
    return chunk.data


cdef int put(Conn* conn, const char* data, size_t n) except -1:
    """Append bytes, filling the last chunk before taking another."""
    cdef Chunk* chunk = conn.out_tail
    cdef size_t room
    while n:
        room = chunk.cap - chunk.end if chunk != NULL else 0
        if room == 0:
            reserve_slow(conn, 1)
            chunk = conn.out_tail
            room = chunk.cap
        if room > n:
            room = n
        memcpy(chunk.data + chunk.end, data, room)
        commit(conn, room)
        data += room
        n -= room
    return 0


cdef int put_block(Conn* conn, Block* block, size_t offset, size_t n) except -1:
    """Append ``n`` bytes of a shared block without copying them."""
    cdef Chunk* chunk = <Chunk*>malloc(sizeof(Chunk))
    if chunk == NULL:
        raise MemoryError("no memory for output")
    chunk.next = NULL
    chunk.data = block_data(block) + offset
    chunk.start = 0
    chunk.end = 0
    chunk.cap = n
    chunk.block = block
    block.refs += 1
    append_chunk(conn, chunk)
    commit(conn, n)
    return 0


cdef Block* new_block(size_t size) except NULL:
    cdef Block* block = <Block*>malloc(sizeof(Block) + size)
    if block == NULL:
        raise MemoryError("no memory for a payload")
    block.refs = 1
    block.size = size
    return block


cdef void release_block(Block* block) noexcept:
    block.refs -= 1
    if block.refs == 0:
        free(block)


cdef void drop_output(Conn* conn) noexcept:
    cdef Chunk* chunk = conn.out_head
    cdef Chunk* following
    while chunk != NULL:
        following = chunk.next
        give_chunk(conn.core, chunk)
        chunk = following
    conn.out_head = conn.out_tail = NULL
    conn.pending = 0


cdef void consume(Conn* conn, size_t n) noexcept:
    """The first ``n`` bytes were written."""
    cdef Chunk* chunk = conn.out_head
    cdef size_t have
    conn.pending -= n
    while n or (chunk != NULL and chunk.start == chunk.end):
        have = chunk.end - chunk.start
        if have > n:
            chunk.start += n
            break
        n -= have
        conn.out_head = chunk.next
        give_chunk(conn.core, chunk)
        chunk = conn.out_head
    if conn.out_head == NULL:
        conn.out_tail = NULL


cdef int flush_descriptor(Conn* conn) noexcept:
    """Write to the socket: 0 all written, 1 the socket is full, -1 failed (errno is set)."""
    cdef iovec vectors[VECTORS]
    cdef msghdr message
    cdef Chunk* chunk
    cdef size_t count
    cdef ssize_t written
    while conn.pending:
        chunk = conn.out_head
        if chunk.next == NULL:
            written = send(
                conn.fd, chunk.data + chunk.start, chunk.end - chunk.start,
                MSG_NOSIGNAL | MSG_DONTWAIT,
            )
        else:
            count = 0
            while chunk != NULL and count < VECTORS:
                vectors[count].iov_base = chunk.data + chunk.start
                vectors[count].iov_len = chunk.end - chunk.start
                count += 1
                chunk = chunk.next
            memset(&message, 0, sizeof(message))
            message.msg_iov = vectors
            message.msg_iovlen = count
            written = sendmsg(conn.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT)
        if written < 0:
            if errno == EINTR:
                continue
            if errno != EAGAIN:
                return -1
            if conn.blocked_since == 0.0:
                conn.blocked_since = monotonic()
            return 1
        conn.blocked_since = 0.0
        consume(conn, written)
    conn.blocked_since = 0.0
    return 0


cdef bytes take_output(Conn* conn):
    """All of it as one bytes object."""
    cdef bytes joined
    cdef char* at
    cdef Chunk* chunk = conn.out_head
    joined = PyBytes_FromStringAndSize(NULL, conn.pending)
    at = PyBytes_AS_STRING(joined)
    while chunk != NULL:
        memcpy(at, chunk.data + chunk.start, chunk.end - chunk.start)
        at += chunk.end - chunk.start
        chunk = chunk.next
    drop_output(conn)
    return joined


cdef void free_pool(Core* core) noexcept:
    cdef Chunk* chunk = core.free_chunks
    cdef Chunk* following
    while chunk != NULL:
        following = chunk.next
        free(chunk)
        chunk = following
    core.free_chunks = NULL
    core.free_count = 0
