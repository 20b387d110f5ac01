# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""One poll of an epoll reactor: bound descriptors are served without leaving C.

What they queued is written once, after all events of the turn were looked at, so that
messages of many publishers to one subscriber become one write. Every other descriptor
goes through Twisted's own ``_doReadOrWrite``.
"""

import sys

from libc.errno cimport EINTR, errno
from libc.string cimport strerror

from twisted.internet import main
from twisted.python import log

from cpython.ref cimport PyObject

from pubsub.router.native.descriptors cimport flush_core, link_at, read_descriptor
from pubsub.router.native.engine cimport NativeLink, NativeRouter
from pubsub.router.native.types cimport Conn


cdef extern from "sys/epoll.h" nogil:
    ctypedef union epoll_data_t:
        int fd
    cdef struct epoll_event:
        unsigned int events
        epoll_data_t data
    int epoll_wait(int, epoll_event*, int, int)
    unsigned int EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR

cdef enum:
    # Events taken in one turn. More would let early ones wait for the flush of all.
    EVENTS = 256


cdef object why_lost(int outcome):
    """What a reactor is told about a descriptor that ended."""
    return main.CONNECTION_DONE if outcome == 1 else main.CONNECTION_LOST


cdef int serve(reactor, NativeLink link, int fd, unsigned int events) except -1:
    """One event of a bound descriptor."""
    cdef Conn* conn = &link.conn
    cdef int outcome = 0
    transport = link._transport
    why = None
    reading = False
    try:
        if conn.closed and events & (EPOLLHUP | EPOLLERR):
            # It only waits for its last bytes to leave, and they will not arrive. Read
            # would find the end of input once more, turn after turn.
            why = main.CONNECTION_LOST
        elif events & (EPOLLIN | EPOLLHUP | EPOLLERR):
            reading = True
            outcome = read_descriptor(conn)
            if outcome:
                why = why_lost(outcome)
        if why is None and events & EPOLLOUT and conn.fd == fd:
            reading = False
            why = transport.doWrite()
    except BaseException:
        why = sys.exc_info()[1]
        log.err()
    if why is not None:
        reactor._disconnectSelectable(transport, why, reading)
    return 0


def poll(reactor, int descriptor, timeout, dict selectables):
    """Wait for events on an epoll descriptor, at most ``timeout`` seconds, and serve them."""
    cdef epoll_event events[EVENTS]
    cdef int milliseconds = -1 if timeout is None else <int>(timeout * 1000 + 0.999)
    cdef int count
    cdef int i
    cdef int fd
    cdef PyObject* at
    cdef NativeLink link
    cdef NativeRouter router = None
    with nogil:
        count = epoll_wait(descriptor, events, EVENTS, milliseconds)
    if count < 0:
        if errno == EINTR:
            return
        raise OSError(errno, (<bytes>strerror(errno)).decode())
    for i in range(count):
        fd = events[i].data.fd
        at = link_at(fd)
        if at != NULL:
            link = <NativeLink>at
            if router is not link.router:
                if router is not None:
                    flush_core(&router.core)
                router = link.router
            serve(reactor, link, fd, events[i].events)
        else:
            selectable = selectables.get(fd)
            if selectable is not None:
                log.callWithLogger(
                    selectable, reactor._doReadOrWrite, selectable, fd, events[i].events
                )
    if router is not None:
        flush_core(&router.core)
