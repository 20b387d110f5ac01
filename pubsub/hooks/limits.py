"""Rate limits: messages, bytes and connections a second, by user and by account.

Theory of operation. Each user of an account, and each account, has up to three token buckets
(:class:`pubsub.hooks.buckets.Bucket`), made when they are first needed and forgotten when they
are full again. A message has to find something in the buckets of messages and of bytes, both of
its user and of its account; then it is paid for in all of them, and otherwise in none. Clients
without a name share the buckets of the user ``""`` of their account.

:class:`pubsub.hooks.limit_options.Over` says what happens to a message that finds an empty one.
A client is told in words that begin ``Permissions Violation``: other errors make client
libraries close the connection. Connections above their limit are refused in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from zope.interface import implementer

from pubsub.errors import ClosedState, ConnectionThrottled, MessageRefused
from pubsub.hooks.buckets import Bucket
from pubsub.hooks.limit_options import LimitOptions, Over, Rates, read_limits
from pubsub.interfaces import IConnectionHook, IMessageHook, IMessageHookPlugin, IServerAccess

if TYPE_CHECKING:
    from pubsub.errors import ClientFault
    from pubsub.interfaces import Identity, ILink

__all__ = ["MAX_METERS", "MAX_WAIT", "RateLimitPlugin", "RateLimiter"]

#: Meters that are kept before the full ones are looked for; one takes some 500 bytes.
MAX_METERS = 10_000

#: Seconds a publisher waits at once. It answers no PING meanwhile, so this is well below the
#: time after which it would be stale.
MAX_WAIT = 60.0

#: Seconds between two errors to a client, and between two lines about a user in the log.
_QUIET = 1.0
_QUIET_LOG = 10.0

#: Who is told about: clients that were told within the last second, at most.
_MAX_TOLD = 10_000


class _Meter:
    """The buckets of one user, or of one account."""

    __slots__ = ("buckets", "connections", "log_after", "refused")

    def __init__(self, rates: Rates, burst: float, now: float) -> None:
        #: of messages and bytes, where there is a limit
        self.buckets = (_bucket(rates.messages, burst, now), _bucket(rates.bytes, burst, now))
        self.connections = _bucket(rates.connections, burst, now)
        self.refused = 0
        self.log_after = now

    def is_idle(self, now: float) -> bool:
        """Whether a new one would be the same."""
        buckets = (*self.buckets, self.connections)
        return all(bucket is None or bucket.is_full(now) for bucket in buckets)


def _bucket(rate: float, burst: float, now: float) -> Bucket | None:
    return Bucket(rate, burst, now) if rate else None


@implementer(IMessageHook, IConnectionHook)
class RateLimiter:
    """Counts what clients send, and stops what is too much.

    :ivar refused_messages: since the beginning; with ``wait``, those that had to be waited for.
    :ivar refused_connections: since the beginning.
    """

    _log = Logger()

    def __init__(self, options: LimitOptions, server: IServerAccess) -> None:
        self._options = options
        self._server = server
        self._seconds = server.clock.seconds
        #: by account and user; the account's own with user ``None``
        self._meters: dict[tuple[str, str | None], _Meter] = {}
        self._most_meters = MAX_METERS
        #: when a client was told, by its number
        self._told: dict[int, float] = {}
        self.refused_messages = 0
        self.refused_connections = 0

    # messages

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        """Whether the message is within the limits of its user and its account."""
        client = self._server.client_of(link)
        user = client.identity.user if client is not None else ""
        now = self._seconds()
        meters = self._meters_of(link.account, user, now)
        empty = False
        for meter in meters:
            for bucket in meter.buckets:
                empty |= bucket is not None and not bucket.has_one(now)
        if not empty or self._options.over is Over.WAIT:
            for meter in meters:
                for bucket, amount in zip(
                    meter.buckets, (1, len(headers) + len(payload)), strict=True
                ):
                    if bucket is not None:
                        bucket.take(amount)
        if self._options.over is Over.WAIT:
            self._hold(client, link, user, meters, now)
            return True
        if empty:
            self._refuse(client, link, user, subject, meters, now)
        return not empty

    def _hold(
        self, client: Any, link: ILink, user: str, meters: tuple[_Meter, ...], now: float
    ) -> None:
        """Make the publisher wait until the debts are paid."""
        waits = [bucket.wait() for meter in meters for bucket in meter.buckets if bucket]
        seconds = max(waits, default=0.0)
        if seconds > 0:
            self._count(link, user, meters, now, "was made to wait")
            if client is not None:
                client.hold(min(seconds, MAX_WAIT))

    def _refuse(
        self,
        client: Any,
        link: ILink,
        user: str,
        subject: bytes,
        meters: tuple[_Meter, ...],
        now: float,
    ) -> None:
        over = self._options.over
        self._count(link, user, meters, now, "had messages dropped")
        if client is None or over is Over.DROP:
            return
        if over is Over.DISCONNECT:
            client.fault(MessageRefused(subject, "rate limit exceeded"))
            client.close(ClosedState.KICKED)
        elif now - self._told.get(link.cid, -_QUIET) >= _QUIET:
            if len(self._told) >= _MAX_TOLD:
                self._told.clear()
            self._told[link.cid] = now
            client.fault(MessageRefused(subject, "rate limit exceeded"))

    def _count(
        self, link: ILink, user: str, meters: tuple[_Meter, ...], now: float, what: str
    ) -> None:
        """Count a message that is too much, and say so now and then."""
        self.refused_messages += 1
        meter = meters[0]
        meter.refused += 1
        if now < meter.log_after:
            return
        self._log.warn(
            "Rate limit: user {user!r} of account {account!r} {what} ({count} messages)",
            user=user,
            account=link.account,
            what=what,
            count=meter.refused,
        )
        meter.refused = 0
        meter.log_after = now + _QUIET_LOG

    # connections

    def connecting(self, link: ILink, identity: Identity) -> ClientFault | None:
        """Why there may not be another client of that user or account now."""
        now = self._seconds()
        meters = self._meters_of(identity.account, identity.user, now)
        buckets = [meter.connections for meter in meters if meter.connections is not None]
        if all(bucket.has_one(now) for bucket in buckets):
            for bucket in buckets:
                bucket.take(1)
            return None
        self.refused_connections += 1
        return ConnectionThrottled(
            f"rate limit: too many connections of user {identity.user!r}"
            f" or account {identity.account!r}"
        )

    # meters

    def _meters_of(self, account: str, user: str, now: float) -> tuple[_Meter, ...]:
        """Those of the user and of the account, where there are limits."""
        options = self._options
        found = []
        for key, rates in (
            ((account, user), options.of_user(user)),
            ((account, None), options.of_account(account)),
        ):
            meter = self._meters.get(key)
            if meter is None and any(rates):
                if len(self._meters) >= self._most_meters:
                    self._forget_idle(now)
                meter = self._meters[key] = _Meter(rates, options.burst, now)
            if meter is not None:
                found.append(meter)
        return tuple(found)

    def _forget_idle(self, now: float) -> None:
        self._meters = {key: meter for key, meter in self._meters.items() if not meter.is_idle(now)}
        # so that looking costs each new one the same, however many are busy
        self._most_meters = max(MAX_METERS, 2 * len(self._meters))


@implementer(IMessageHookPlugin)
class RateLimitPlugin:
    """Makes the limiter from ``hooks: [{ plugin: rate_limit, options: { … } }]``."""

    name = "rate_limit"

    def create(self, options: Mapping[str, Any], server: IServerAccess) -> IMessageHook:
        """The limiter for these options.

        :raises pubsub.errors.InvalidOption: they are wrong.
        """
        return RateLimiter(read_limits(options), server)
