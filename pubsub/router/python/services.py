"""Requests to imported services, and the way back of their answers.

Theory of operation. A :class:`ServiceImport` stands in the importing account. What reaches
it is published in the exporting account, with a reply of ours, ``_R_.<account>.<token>``,
and a note of what the requester had asked for is kept there (:class:`Pending`). In that
account one :class:`AnswerInbox` hears all such replies, looks the note up, and publishes
the answer on the original reply in the importing account.

===========  =================================================================
answers      a note is kept until
===========  =================================================================
SINGLETON    the first answer
STREAM,      the empty answer, or one nobody listens to; each answer makes its
CHUNKED      time begin anew
===========  =================================================================

and in any case not longer than its route's threshold, nor than anybody in the importing
account listens to the original reply. An answer that has a reply itself is a request the
other way round: the note for it is kept in the importing account. (nats-server:
``processServiceImport``, ``addRespServiceImport``, ``processServiceImportResponse``.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from pubsub.interfaces import PeerKind, ResponseType, ServiceRoute
from pubsub.router.introduction import introduce
from pubsub.router.python.delivery import distribute
from pubsub.router.python.mapping import Mapping
from pubsub.router.python.message import Message
from pubsub.router.python.owing import Pending, give_up, owe, settled
from pubsub.router.python.subscription import Carrier

if TYPE_CHECKING:
    from pubsub.router.python.account import Account
    from pubsub.router.python.link import PythonLink
    from pubsub.router.python.router import PythonRouter

__all__ = ["MAX_HOPS", "AnswerInbox", "ServiceImport"]

_log = Logger()

#: Imports one message may come through: routes without an export could go in circles.
MAX_HOPS = 32

#: Of the words in ``_R_.<account>.<token>``.
_ACCOUNT_DIGITS = 6
_TOKEN_DIGITS = 8

#: Acknowledgements find their way by themselves.
_KEPT_REPLY = b"$JS.ACK."

#: What servers of this cluster pass on has gone through their imports.
_ELSEWHERE = (PeerKind.ROUTE, PeerKind.GATEWAY)

#: Who else publishes is a server, or speaks for one.
_INTRODUCED = (PeerKind.CLIENT, PeerKind.LEAF)


class ServiceImport(Carrier):
    """Carries requests over to the exporting account."""

    __slots__ = ("_exporter", "_mapping", "_route")

    #: Somebody here may ask for it: nobody here wants to hear it.
    silent = True

    def __init__(self, home: Account, exporter: Account, route: ServiceRoute, serial: int) -> None:
        super().__init__(home, route.subject, b"", serial)
        self._route = route
        self._exporter = exporter
        self._mapping = Mapping(route.mapper) if route.mapper is not None else None

    def carry(
        self, router: PythonRouter, publisher: PythonLink | None, message: Message, payload: bytes
    ) -> int:
        """Publish it there; 0 also if it came from there."""
        if not _may_pass(self._route, message):
            return 0
        if publisher is not None and publisher.kind in _ELSEWHERE:
            return 0
        exporter, route = self._exporter, self._route
        subject = message.subject if self._mapping is None else self._mapping(message.subject)
        if exporter.mapping is not None:
            subject = exporter.mapping(subject)
        token = _requested(route, publisher, message, payload)
        reply = message.reply
        if reply and not reply.startswith(_KEPT_REPLY):
            mark = router.tracker.mark if token is not None and router.tracker is not None else b""
            reply = _expect(router, Pending(self.home, reply, route, token, exporter), mark)
        request = message.readdressed(subject, reply, route.export)
        if not message.via:
            # The first import is the requester's: those behind it must not tell more.
            request.share = route.share
        if not request.share and (route.share or route.located):
            request.located = True
        if publisher is not None and publisher.kind in _INTRODUCED:
            service = self.home.name if message.via else ""
            request, payload = _introduced(publisher, request, payload, service)
        delivered = distribute(router, exporter, publisher, request, payload)
        if not delivered:
            give_up(exporter, reply, "no responders")
        return delivered


class AnswerInbox(Carrier):
    """Carries answers back to the account of whoever asked."""

    __slots__ = ()

    def carry(
        self, router: PythonRouter, publisher: PythonLink | None, message: Message, payload: bytes
    ) -> int:
        """Publish it there; 0 also if nobody waits for it any more."""
        pending = self.home.waiting.get(message.subject)
        if pending is None or not _may_pass(pending.route, message):
            return 0
        if pending.is_late(router.monotonic()):
            # Nobody has looked since what is outdated.
            give_up(self.home, message.subject, "timeout")
            return 0
        _answered(pending, publisher, message.subject)
        importer, route = pending.importer, pending.route
        reply = message.reply
        if reply and not reply.startswith(_KEPT_REPLY):
            reply = _expect(router, Pending(self.home, reply, route, None, importer))
        last = route.response == ResponseType.SINGLETON or not message.size
        if last:
            # before it is delivered: whoever gets it may ask again at once
            settled(self.home, message.subject)
        answer = message.readdressed(pending.reply, reply, route.export)
        answer.answer = True
        delivered = distribute(router, importer, publisher, answer, payload)
        if not delivered:
            settled(self.home, message.subject)
            give_up(importer, reply, "no responders")
        elif not last:
            pending.since = router.monotonic()
        return delivered


def _may_pass(route: ServiceRoute, message: Message) -> bool:
    """Whether a message did not come through that export before."""
    if len(message.via) >= MAX_HOPS:
        return False
    return route.export is None or not any(export is route.export for export in message.via)


def _introduced(
    publisher: PythonLink, message: Message, payload: bytes, service: str
) -> tuple[Message, bytes]:
    """The request with a header that says who asks; ``service`` passes it on, if any does."""
    info = publisher.request_info(message.share, message.located, service)
    if not info:
        return message, payload
    cut = message.header_size
    headers, body = introduce(payload[:cut], info), payload[cut:]
    changed = Message.of(message.subject, message.reply, headers, body)
    changed.follow(message)
    return changed, headers + body


def _expect(router: PythonRouter, pending: Pending, mark: bytes = b"") -> bytes:
    """The reply for the service; the first one makes the account listen for answers.

    :param mark: what it ends with: tells the server of who serves that this is measured.
    """
    exporter = pending.exporter
    if not exporter.reply_prefix:
        exporter.reply_prefix = b"_R_.%b." % router.draw.word(_ACCOUNT_DIGITS)
        subject = exporter.reply_prefix + b">"
        exporter.insert(AnswerInbox(exporter, subject, b"", router.next_serial()))
    reply = exporter.reply_prefix + router.draw.word(_TOKEN_DIGITS) + mark
    pending.since = router.monotonic()
    owe(pending, reply)
    return reply


# --- who measures -----------------------------------------------------------------------


def _requested(
    route: ServiceRoute, publisher: PythonLink | None, message: Message, payload: bytes
) -> Any:
    if route.observer is None:
        return None
    try:
        return route.observer.requested(publisher, message.reply, payload[: message.header_size])
    except Exception:  # noqa: BLE001 (a measurement is not worth a request)
        _log.failure("Measuring the service on {subject!r} failed", subject=route.subject)
        return None


def _answered(pending: Pending, publisher: PythonLink | None, given: bytes) -> None:
    token, pending.token = pending.token, None
    if token is not None and pending.route.observer is not None:
        try:
            pending.route.observer.answered(token, publisher, given)
        except Exception:  # noqa: BLE001 (the answer is worth more)
            _log.failure("Measuring the answer on {reply!r} failed", reply=pending.reply)
