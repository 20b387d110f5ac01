"""The server's own client in an account: what the server publishes, hears, asks and answers.

System events, requests to the system account, auth callout and resolvers use it. It is an
INTERNAL link: messages reach a Python callable, nothing is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.errors import RequestTimeout
from pubsub.interfaces import ILink, ILinkHandler, IRouter, LinkOptions, PeerKind

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from pubsub.errors import ClientFault

__all__ = ["InternalClient", "InternalMessage"]

#: headers, and more than one message of any size
_OPTIONS = LinkOptions(
    verbose=False, pedantic=False, headers=True, max_payload=-1, max_subscriptions=0
)


class InternalMessage(NamedTuple):
    """A message the server heard."""

    subject: bytes
    reply: bytes
    #: a whole header block, ``b""`` without one
    headers: bytes
    payload: bytes


@implementer(ILinkHandler)
class InternalClient:
    """Publishes and subscribes in one account on behalf of the server.

    :param router: where.
    :param account: the account.
    :param clock: limits the time of requests, and writes out what was published.
    :param cid: the connection id that lists of subscriptions show.
    """

    _log = Logger()

    def __init__(self, router: IRouter, account: str, clock: IReactorTime, cid: int = 0) -> None:
        self._router = router
        self._clock = clock
        self._next_sid = 0
        self._callbacks: dict[bytes, Callable[[InternalMessage], None]] = {}
        self._flushing: IDelayedCall | None = None
        self.link: ILink = router.attach(self, PeerKind.INTERNAL, cid, account)
        self.link.options = _OPTIONS

    def subscribe(
        self, subject: bytes, callback: Callable[[InternalMessage], None], queue: bytes = b""
    ) -> bytes:
        """Have ``callback`` called for each message; the sid, for :meth:`unsubscribe`.

        :raises ValueError: the subject is no subject.
        """
        self._next_sid += 1
        sid = b"%d" % self._next_sid
        self._callbacks[sid] = callback
        if not self.link.subscribe(subject, queue, sid):
            del self._callbacks[sid]
            raise ValueError(f"cannot subscribe to {subject!r}")
        return sid

    def unsubscribe(self, sid: bytes) -> None:
        """Hear no more of it. Unknown sids are ignored."""
        if self._callbacks.pop(sid, None) is not None:
            self.link.unsubscribe(sid)

    def publish(
        self, subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b""
    ) -> int:
        """Publish; how many links it went to. It is written out at the end of this turn."""
        delivered = self.link.publish(subject, reply, headers, payload)
        if delivered and self._flushing is None:
            self._flushing = self._clock.callLater(0, self._flush)
        return delivered

    def request(
        self, subject: bytes, payload: bytes, timeout: float, headers: bytes = b""
    ) -> Deferred[InternalMessage]:
        """Ask, and get the first answer.

        :param timeout: seconds.
        :raises pubsub.errors.RequestTimeout: (by the Deferred) nobody listens or answered.
        """
        inbox = b"_INBOX.%x.%d" % (id(self), self._next_sid + 1)

        def cancelled(deferred: Deferred[InternalMessage]) -> None:
            self.unsubscribe(sid)

        answer: Deferred[InternalMessage] = Deferred(cancelled)

        def answered(message: InternalMessage) -> None:
            self.unsubscribe(sid)
            if not answer.called:
                answer.callback(message)

        sid = self.subscribe(inbox, answered)
        if not self.publish(subject, payload, inbox, headers):
            self.unsubscribe(sid)
            answer.errback(RequestTimeout(f"nobody listens on {subject.decode(errors='replace')}"))
            return answer
        what = f"no answer on {subject.decode(errors='replace')} within {timeout:g} seconds"

        def late(result: InternalMessage | Failure, seconds: float) -> InternalMessage:
            raise RequestTimeout(what)

        return answer.addTimeout(timeout, self._clock, onTimeoutCancel=late)

    def close(self) -> None:
        """Hear and say nothing any more."""
        self._callbacks.clear()
        self.link.close()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flush()

    def _flush(self) -> None:
        self._flushing = None
        self._router.flush()

    # what the router tells (ILinkHandler)

    def message_received(
        self, sid: bytes, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> None:
        """A message for one of the subscriptions."""
        callback = self._callbacks.get(sid)
        if callback is None:
            return
        if self._flushing is None:
            # a handler publishes as a rule, and it may be that nobody else flushes
            self._flushing = self._clock.callLater(0, self._flush)
        callback(InternalMessage(subject, reply, headers, payload))

    def fault(self, fault: ClientFault) -> None:
        """The server did something the router refuses: a bug of ours."""
        self._log.error("The server's own client was refused: {fault}", fault=str(fault))

    def request_info(self, detailed: bool) -> bytes:
        """The server asks in nobody's name."""
        return b""

    def connect_received(self, argument: bytes) -> None:
        """Nothing is parsed for this link."""

    def info_received(self, argument: bytes) -> None:
        """Nothing is parsed for this link."""

    def interest_received(self, verb: bytes, argument: bytes) -> None:
        """Nothing is parsed for this link."""

    def error_received(self, argument: bytes) -> None:
        """Nothing is parsed for this link."""

    def operation_before_connect(self) -> bool:
        """Nothing is parsed for this link."""
        return True

    def first_ping_received(self) -> None:
        """Nothing is parsed for this link."""

    def pong_received(self) -> None:
        """Nothing is parsed for this link."""

    def transmit(self, data: bytes) -> None:
        """An INTERNAL link has no output."""

    def stall(self, seconds: float) -> None:
        """The server does not wait for its clients."""

    def traced(self, direction: str, operation: str, argument: bytes) -> None:
        """Its link is not traced."""

    def batch_received(self, messages: Sequence[tuple[bytes, bytes, bytes, bytes, bytes]]) -> None:
        """Only SINK links get these."""

    def interest_missing(self, account: str, subject: bytes) -> None:
        """Only GATEWAY links are told this."""
