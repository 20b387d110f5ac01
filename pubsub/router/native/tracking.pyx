# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Requests that another server measures, and that a client of this one serves.

Their replies say so, ``_R_.<account>.<token>.<server>.T``. The tracker is told of the request
and of its answer: it sends its half of the measurement to the server of who asked.
(nats-server: ``isTrackedReply``, ``trackRemoteReply``.)
"""

from twisted.logger import Logger

from pubsub.router.native.types cimport CLIENT_KIND, Conn, Message

_log = Logger(namespace="pubsub.router.native")


cdef int track_request(Conn* dest, Message* m) except -1:
    """A request of another server is delivered to ``dest``; clients alone are of interest."""
    if dest.core.tracker == NULL or dest.kind != CLIENT_KIND:
        return 0
    try:
        (<object>dest.core.tracker).requested(
            <object>dest.link, <object>dest.account.name, m.subject[:m.slen], m.reply[:m.rlen]
        )
    except Exception:
        _log.failure("Measuring a request failed")
    return 0


cdef int track_answer(Conn* conn, Message* m) except -1:
    """``conn`` publishes on such a reply."""
    if conn.core.tracker == NULL or conn.kind != CLIENT_KIND:
        return 0
    try:
        (<object>conn.core.tracker).answered(<object>conn.link, m.subject[:m.slen])
    except Exception:
        _log.failure("Measuring an answer failed")
    return 0
