"""Requests that another server measures, and that a client of this one serves.

Their replies say so, ``_R_.<account>.<token>.<server>.T``. The tracker is told of the request
and of its answer: it sends its half of the measurement to the server of who asked.
(nats-server: ``isTrackedReply``, ``trackRemoteReply``.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pubsub.interfaces import PeerKind

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink

__all__ = ["is_tracked", "track_answer", "track_request"]

_log = Logger()


def is_tracked(reply: bytes) -> bool:
    """Whether somebody measures the service that is to answer there."""
    return len(reply) > 6 and reply.endswith(b".T") and reply.startswith(b"_R_.")


def track_request(link: PythonLink, subject: bytes, reply: bytes) -> None:
    """A request of another server is delivered to ``link``; clients alone are of interest."""
    tracker = link.router.tracker
    if tracker is None or link.kind != PeerKind.CLIENT:
        return
    try:
        tracker.requested(link, link.home.name, subject, reply)
    except Exception:  # noqa: BLE001 (a measurement is not worth a request)
        _log.failure("Measuring the request on {subject!r} failed", subject=subject)


def track_answer(link: PythonLink, reply: bytes) -> None:
    """``link`` publishes on such a reply."""
    tracker = link.router.tracker
    if tracker is None or link.kind != PeerKind.CLIENT:
        return
    try:
        tracker.answered(link, reply)
    except Exception:  # noqa: BLE001 (the answer is worth more)
        _log.failure("Measuring the answer on {reply!r} failed", reply=reply)
