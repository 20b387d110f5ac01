"""Log lines that peers cause, kept from flooding the log.

A peer decides how often it does something wrong. nats-server remembers what it logged
within the last second; with ever different subjects that memory is no limit, so here all
such lines together have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
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

__all__ = ["FaultLog", "describe_fault"]

#: Lines in any one second: enough for a person to see what goes on, and 4 MB an hour.
LINES_PER_SECOND = 20

#: what happens to people every day
_DEBUG = (
    AccountAuthenticationExpired,
    AuthenticationTimeout,
    UserAuthenticationExpired,
    UserAuthenticationRevoked,
)


class FaultLog:
    """Logs at most :data:`LINES_PER_SECOND` lines a second and says how many it left out.

    :param clock: tells the time.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._second = -1
        self._lines = 0
        self._left_out = 0

    def emit(self, level: LogLevel, peer: str, text: str, cid: int) -> None:
        """``<peer> - <text>``, unless there were too many lines in this second."""
        self._turn()
        if self._lines >= LINES_PER_SECOND:
            self._left_out += 1
            return
        self._lines += 1
        self._log.emit(level, "{peer} - {text}", peer=peer, text=text, cid=cid)

    def _turn(self) -> None:
        second = int(self._clock.seconds())
        if second == self._second:
            return
        left_out, self._left_out = self._left_out, 0
        self._second, self._lines = second, 0
        if left_out:
            self._log.warn("{count} lines about clients were left out of the log", count=left_out)


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
