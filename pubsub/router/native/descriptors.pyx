# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Sockets the router reads and writes itself, and the flush at the end of a turn.

Links bound to a descriptor stand in a table by descriptor number, where the poll loop of
``poller`` finds them without asking Python.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from twisted.logger import Logger

from pubsub.router.native.output cimport (
    block_data, flush_descriptor, take_output, wall_clock,
)
from pubsub.router.native.parser cimport body_progress, consume, keep, parse
from pubsub.router.native.types cimport Body, Conn, Core


cdef extern from "sys/uio.h" nogil:
    cdef struct iovec:
        void* iov_base
        size_t iov_len
    ssize_t readv(int, const iovec*, int)

cdef extern from "sys/socket.h" nogil:
    ssize_t recv(int, void*, size_t, int)


_log = Logger(namespace="pubsub.router.native")

cdef enum:
    SINK = 5
    # One read takes at most this much. Measured from 64 KiB to 2 MiB: up to 1 MiB the kernel's
    # share of a message falls, since each wake-up of a reader brings it more.
    READ_SIZE = 1048576


cdef PyObject** bound = NULL
cdef int bound_size = 0


cdef int register_link(int fd, object link) except -1:
    global bound, bound_size
    cdef PyObject** grown
    cdef int size
    if fd >= bound_size:
        size = fd * 2 + 64
        grown = <PyObject**>realloc(bound, size * sizeof(PyObject*))
        if grown == NULL:
            raise MemoryError("no memory for descriptors")
        memset(grown + bound_size, 0, (size - bound_size) * sizeof(PyObject*))
        bound = grown
        bound_size = size
    bound[fd] = <PyObject*>link
    return 0


cdef void unregister_link(Conn* conn) noexcept:
    if conn.fd >= 0:
        if conn.fd < bound_size and bound[conn.fd] == conn.link:
            bound[conn.fd] = NULL
        conn.fd = -1


cdef PyObject* link_at(int fd) noexcept:
    """The link bound to a descriptor, or NULL."""
    if fd < 0 or fd >= bound_size:
        return NULL
    return bound[fd]


cdef int read_more(Conn* conn, ssize_t* got) except -1:
    """The rest of a payload goes straight to its block, what follows it to the read buffer."""
    cdef Core* core = conn.core
    cdef Body* body = conn.body
    cdef iovec vectors[2]
    cdef size_t want = body.need - body.filled
    vectors[0].iov_base = block_data(body.block) + body.filled
    vectors[0].iov_len = want
    vectors[1].iov_base = core.rbuf
    vectors[1].iov_len = READ_SIZE
    got[0] = readv(conn.fd, vectors, 2)
    if got[0] <= 0:
        return 0
    if <size_t>got[0] < want:
        body.filled += got[0]
        got[0] = 0
    else:
        body.filled = body.need
        got[0] -= want
    body_progress(conn)
    return 1


cdef int make_room(Core* core, size_t n) except -1:
    cdef char* grown
    if n <= core.rcap:
        return 0
    grown = <char*>realloc(core.rbuf, n)
    if grown == NULL:
        raise MemoryError("no memory for reading")
    core.rbuf = grown
    core.rcap = n
    return 0


cdef int read_descriptor(Conn* conn) except? -1:
    """Read once and act: 0 fine, 1 end of file, a negative errno."""
    cdef int outcome
    conn.parsing = True
    try:
        outcome = read_and_parse(conn)
    finally:
        conn.parsing = False
    return after_parsing(conn) or outcome


cdef int after_parsing(Conn* conn) except -1:
    """What a handler fed to the link while it was parsing comes after what it parsed."""
    cdef bytes later
    while conn.later != NULL:
        later = <bytes>conn.later
        replace(&conn.later, None)
        conn.parsing = True
        try:
            consume(conn, later, len(later))
        finally:
            conn.parsing = False
    if conn.active:
        conn.active = False
        conn.last_activity = conn.last_input = wall_clock()
    return 0


cdef int read_and_parse(Conn* conn) except? -1:
    cdef Core* core = conn.core
    cdef ssize_t got
    cdef size_t have = 0
    cdef Py_ssize_t used
    conn.stalled = False
    if conn.body != NULL and not conn.paused:
        if not read_more(conn, &got):
            return read_outcome(got)
    else:
        have = conn.tail_len
        make_room(core, have + READ_SIZE)
        got = recv(conn.fd, core.rbuf + have, READ_SIZE, 0)
        if got <= 0:
            return read_outcome(got)
        if have and not conn.paused:
            memcpy(core.rbuf, conn.tail, have)
            free(conn.tail)
            conn.tail = NULL
            conn.tail_len = conn.tail_cap = 0
    if conn.closed:
        return 0
    if conn.paused:
        keep(conn, core.rbuf + have, got)
    elif got:
        used = parse(conn, core.rbuf, have + got)
        if not conn.closed:
            keep(conn, core.rbuf + used, have + got - used)
    return 0


cdef int read_outcome(ssize_t got) noexcept:
    if got == 0:
        return 1
    if errno == EAGAIN or errno == EINTR:
        return 0
    return -errno


cdef int write_descriptor(Conn* conn) noexcept:
    """0 all written, 1 some left, a negative errno."""
    cdef int outcome = flush_descriptor(conn)
    if outcome < 0:
        return -errno
    if outcome == 0:
        conn.writing = False
    return outcome


cdef int flush_conn(Conn* conn) except -1:
    cdef list batch
    if conn.kind == SINK:
        batch = <list>conn.batch
        if batch:
            messages = list(batch)
            batch.clear()
            (<object>conn.handler).batch_received(messages)
    elif conn.pending == 0:
        return 0
    elif conn.fd >= 0:
        # A failed write is left to the reactor: it will find the socket writable, the
        # write will fail again, and the transport reports it in the reactor's own way.
        if not conn.writing and flush_descriptor(conn) != 0:
            conn.writing = True
            (<object>conn.transport).startWriting()
    elif not conn.output_paused:
        (<object>conn.handler).transmit(take_output(conn))
    return 0


cdef int flush_core(Core* core) except -1:
    """Write out what every link of a router has queued."""
    cdef Conn* conn
    while core.dirty_head != NULL:
        conn = core.dirty_head
        core.dirty_head = conn.dirty_next
        if core.dirty_head == NULL:
            core.dirty_tail = NULL
        conn.dirty = False
        link = <object>conn.link
        try:
            flush_conn(conn)
        except Exception:
            _log.failure("writing to {cid} failed", cid=conn.cid)
    return 0


cdef void forget_dirty(Conn* conn) noexcept:
    """Take a connection that is about to be freed out of the list of those to flush."""
    cdef Core* core = conn.core
    cdef Conn* previous = NULL
    cdef Conn* at = core.dirty_head
    while at != NULL and at != conn:
        previous = at
        at = at.dirty_next
    if at == NULL:
        return
    if previous == NULL:
        core.dirty_head = conn.dirty_next
    else:
        previous.dirty_next = conn.dirty_next
    if core.dirty_tail == conn:
        core.dirty_tail = previous
    conn.dirty = False


cdef void replace(PyObject** slot, object value):
    """Assign to a field of a C structure that owns a reference; None becomes NULL."""
    cdef PyObject* old = slot[0]
    if value is None:
        slot[0] = NULL
    else:
        Py_INCREF(value)
        slot[0] = <PyObject*>value
    if old != NULL:
        Py_DECREF(<object>old)
