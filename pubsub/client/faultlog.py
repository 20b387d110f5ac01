"""Log lines that peers cause, kept from flooding the log.

A peer decides how often it does something wrong. nats-server remembers what it logged
within the last second (``rateLimitLogging``); with ever different subjects that memory is no
limit, so here each peer has one, and all together. Clients have a log of this kind, and so
have routes, gateways and leaf node links: none of them takes the lines of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from twisted.logger import Logger, LogLevel

from pubsub.client.describing import violation_text
from pubsub.errors import (
    AccountAuthenticationExpired,
    AuthenticationTimeout,
    AuthorizationViolation,
    ClientFault,
    InvalidPublishSubject,
    InvalidSubject,
    MaximumPayloadViolation,
    PublishPermissionViolation,
    ReplyPermissionViolation,
    SlowConsumer,
    StaleConnection,
    SubscriptionPermissionViolation,
    TooManyTokens,
    UnknownProtocolOperation,
    UserAuthenticationExpired,
    UserAuthenticationRevoked,
    go_quote,
)

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["SERVER_LINES_PER_SECOND", "FaultLog", "describe_fault"]

#: Lines about clients in any one second: enough for a person to see what goes on, and 4 MB an
#: hour.
LINES_PER_SECOND = 20
#: Lines about other servers of one kind: when all come at once, each says that it is there. A
#: supercluster of 50 servers does, twice.
SERVER_LINES_PER_SECOND = 100
#: Lines about one peer: half of what all clients may have, so that others are seen beside it.
LINES_PER_PEER = 10

#: what happens to people every day
_DEBUG = (
    AccountAuthenticationExpired,
    AuthenticationTimeout,
    UserAuthenticationExpired,
    UserAuthenticationRevoked,
)


class FaultLog:
    """Logs at most so many lines a second and says how many it left out.

    :param seconds: the time.
    :param peers: what they are, for people.
    :param most: lines a second about all of them.
    """

    _log = Logger()

    def __init__(
        self, seconds: Callable[[], float], peers: str = "clients", most: int = LINES_PER_SECOND
    ) -> None:
        self._seconds = seconds
        self._peers = peers
        self._most = most
        self._second = -1
        self._lines = 0
        #: those of this second, by peer: never more than ``most``
        self._by_peer: dict[Hashable, int] = {}
        self._left_out = 0

    def emit(self, level: LogLevel, peer: str, text: str, cid: int) -> None:
        """``<peer> - <text>``, unless there were too many lines in this second."""
        if self.admits(cid):
            self._log.emit(level, "{peer} - {text}", peer=peer, text=text, cid=cid)

    def admits(self, peer: Hashable, *, once: bool = False) -> bool:
        """Whether there may be one more line now; count it.

        :param peer: whoever caused it: an id, or whatever stands for it.
        :param once: it is one of those a peer can cause only once.
        """
        self._turn()
        lines = self._by_peer.get(peer, 0)
        if self._lines >= self._most or (lines >= LINES_PER_PEER and not once):
            self._left_out += 1
            return False
        self._lines += 1
        self._by_peer[peer] = lines + 1
        return True

    def _turn(self) -> None:
        second = int(self._seconds())
        if second == self._second:
            return
        left_out, self._left_out = self._left_out, 0
        self._second, self._lines = second, 0
        self._by_peer.clear()
        if left_out:
            self._log.warn(
                "{count} lines about {peers} were left out of the log",
                count=left_out,
                peers=self._peers,
            )


def describe_fault(fault: ClientFault, client: ClientProtocol) -> tuple[LogLevel, str]:
    """nats-server's log line for a fault, and its level."""
    if isinstance(fault, MaximumPayloadViolation):
        return LogLevel.error, f"maximum payload exceeded: {fault.detail}"
    if isinstance(fault, AuthorizationViolation):
        return LogLevel.error, fault.detail or violation_text(client)
    if isinstance(fault, SlowConsumer):
        maximum = client.context.options.max_pending
        return LogLevel.info, f"Slow Consumer Detected: MaxPending of {maximum} Exceeded"
    if isinstance(fault, StaleConnection):
        return LogLevel.debug, "Stale Client Connection - Closing"
    if isinstance(fault, _DEBUG):
        return LogLevel.debug, fault.wire
    if isinstance(fault, (PublishPermissionViolation, ReplyPermissionViolation)):
        what = "Reply" if isinstance(fault, ReplyPermissionViolation) else "Subject"
        return LogLevel.error, f"Publish Violation - {what} {go_quote(fault.subject)}"
    if isinstance(fault, TooManyTokens):
        return (
            LogLevel.error,
            f"Subscription Violation Too Many Tokens - Subject {go_quote(fault.subject)}",
        )
    if isinstance(fault, SubscriptionPermissionViolation):
        queue = f", Queue: {go_quote(fault.queue)}" if fault.queue else ""
        return LogLevel.error, f"Subscription Violation - Subject {go_quote(fault.subject)}{queue}"
    if isinstance(fault, UnknownProtocolOperation):
        return LogLevel.error, f"Client parser ERROR: {fault.detail or fault.wire}"
    if isinstance(fault, (InvalidPublishSubject, InvalidSubject)):
        return LogLevel.debug, fault.wire
    return LogLevel.error, fault.detail or fault.wire
