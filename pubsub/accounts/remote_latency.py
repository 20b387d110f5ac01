"""Service latency where who serves is a client of another server: two halves of a measurement.

The server of who asks measures how long the answer took; where the service was served, and how
long that took, only the server of the service knows. It finds out by the reply, which ends with
``.<server>.T`` where a request is measured, and tells the other one on
``$SYS.LATENCY.M2.<server>`` in the system account. (nats-server: ``trackRemoteReply``,
``remoteLatencyUpdate``.)
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from zope.interface import implementer

from pubsub.accounts.exports import find_export
from pubsub.interfaces import ILink, IServiceTracker
from pubsub.values.accounts import AccountOptions, ServiceExport
from pubsub.wire.gotime import nanoseconds, rfc3339
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["WAIT", "Half", "IMeasuredClient", "RemoteLatency", "client_info", "round_trip"]

#: Seconds one half waits for the other: it comes another way, but at the same time.
WAIT = 2.0

_SECOND = 1e9
_SUBJECT = "$SYS.LATENCY.M2."
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: of the hash of a server's name: nats-server's ``getHash``
_HASH_LENGTH = 8
_REPLY = "_R_."
#: Go's time that was never set
_NO_TIME = "0001-01-01T00:00:00Z"


class IMeasuredClient(Protocol):
    """What is asked of a client."""

    def request_info(self, detailed: bool) -> bytes:
        """nats-server's ClientInfo as JSON."""


def client_info(client: IMeasuredClient, detailed: bool) -> Mapping[str, Any]:
    """The same as an object."""
    read: Mapping[str, Any] = json.loads(client.request_info(detailed) or b"{}")
    return read


def round_trip(info: Mapping[str, Any] | None) -> float:
    """The round trip in it, in seconds."""
    return float(info.get("rtt", 0)) / _SECOND if info is not None else 0.0


@dataclass(frozen=True)
class Half:
    """What the server of the service has measured."""

    responder: Mapping[str, Any] | None
    #: seconds, without the round trip
    service: float


@dataclass(frozen=True)
class _Served:
    """A request that a client here is to answer."""

    account: str
    #: epoch seconds, and the same moment on the clock that only goes forward
    at: float
    began: float
    #: forgets it
    end: IDelayedCall


@implementer(IServiceTracker)
class RemoteLatency:
    """Both ends of it, for one server.

    :param clock: ends waiting.
    :param find: the account of a name, ``None`` if it is unknown.
    :param client_of: the client behind a link, ``None`` if there is none.
    :param wall: epoch seconds.
    :param monotonic: seconds, for durations.
    :ivar mark: ends the replies of requests that are measured here; empty before :meth:`start`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        find: Callable[[str], AccountOptions | None],
        client_of: Callable[[ILink], IMeasuredClient | None],
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.mark = b""
        self._clock = clock
        self._find = find
        self._client_of = client_of
        self._wall = wall
        self._monotonic = monotonic
        self._publish: Callable[[bytes, bytes], object] | None = None
        #: by the cid of the client and the reply
        self._served: dict[tuple[int, bytes], _Served] = {}
        #: halves that were there first, and the ends of the wait for those that were not
        self._early: dict[bytes, tuple[Half, IDelayedCall]] = {}
        self._waiting: dict[bytes, tuple[Callable[[Half | None], None], IDelayedCall]] = {}

    def start(self, name: str, publish: Callable[[bytes, bytes], object]) -> bytes:
        """Exchange halves with other servers from now on.

        :param name: of this server.
        :param publish: sends subject and JSON in the system account.
        :return: the subject in the system account on which :meth:`received` is waited for.
        """
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        word = "".join(_DIGITS[byte % len(_DIGITS)] for byte in digest[:_HASH_LENGTH])
        self.mark = f".{word}.T".encode()
        self._publish = publish
        return f"{_SUBJECT}{word}".encode()

    def stop(self) -> None:
        """The server ends: nobody is waited for."""
        self._publish = None
        planned = [served.end for served in self._served.values()]
        planned += [end for _, end in (*self._waiting.values(), *self._early.values())]
        for call in planned:
            call.cancel()
        self._served.clear()
        self._waiting.clear()
        self._early.clear()

    # where it is served (IServiceTracker)

    def requested(self, link: ILink, account: str, subject: bytes, reply: bytes) -> None:
        """A client here gets a request that another server measures."""
        options = self._find(account)
        if self._publish is None or options is None:
            return
        text = subject.decode("utf-8", "surrogateescape")
        export = find_export(options.exports, text, ServiceExport)
        if not isinstance(export, ServiceExport):
            return
        key = (link.cid, reply)
        before = self._served.pop(key, None)
        if before is not None:
            before.end.cancel()
        end = self._clock.callLater(export.response_threshold, self._served.pop, key, None)
        self._served[key] = _Served(account, self._wall(), self._monotonic(), end)

    def answered(self, link: ILink, reply: bytes) -> None:
        """It answers: its half is sent to the server that is named in the reply."""
        served = self._served.pop((link.cid, reply), None)
        if served is None:
            return
        served.end.cancel()
        client = self._client_of(link)
        if client is None or self._publish is None:
            return
        took = self._monotonic() - served.began
        responder = client_info(client, True)
        distance = round_trip(responder)
        service = max(0.0, took - distance)
        half = {
            "type": "",
            "id": "",
            "timestamp": _NO_TIME,
            "status": 200,
            "responder": responder,
            "start": rfc3339(served.at),
            "service": nanoseconds(service),
            "system": 0,
            "total": nanoseconds(max(distance, took)),
        }
        body = {"account": served.account, "req_id": reply.decode("utf-8", "replace"), "m2": half}
        subject = _SUBJECT.encode() + reply.split(b".")[-2]
        # The router is in the middle of a message now.
        self._clock.callLater(0, self._send, subject, go_json(body))

    def _send(self, subject: bytes, payload: bytes) -> None:
        if self._publish is not None:
            self._publish(subject, payload)

    # where it is asked for

    def wait(self, reply: bytes, then: Callable[[Half | None], None]) -> None:
        """Call ``then`` once with the other half of what was answered on ``reply``.

        With ``None`` if it is not there in time.
        """
        early = self._early.pop(reply, None)
        if early is not None:
            half, forgetting = early
            forgetting.cancel()
            then(half)
            return
        self._waiting[reply] = (then, self._clock.callLater(WAIT, self._late, reply))

    def received(self, payload: bytes) -> None:
        """Another server has sent its half; what cannot be read is none."""
        read = _read(payload)
        if read is None:
            return
        reply, half = read
        if not reply.endswith(self.mark):
            return
        then, end = self._waiting.pop(reply, (None, None))
        if then is not None and end is not None:
            end.cancel()
            then(half)
        elif reply not in self._early:
            forgetting = self._clock.callLater(WAIT, self._early.pop, reply, None)
            self._early[reply] = (half, forgetting)

    def _late(self, reply: bytes) -> None:
        then, _ = self._waiting.pop(reply)
        then(None)


def _read(payload: bytes) -> tuple[bytes, Half] | None:
    """The reply the service was given, without a way through gateways, and what is told of it."""
    try:
        read = json.loads(payload)
        reply, half = read["req_id"], read["m2"]
        responder = half.get("responder")
        found = Half(responder, half.get("service", 0) / _SECOND)
        # what is added to other times below has to be a number
        round_trip(responder)
        return reply[reply.index(_REPLY) :].encode("utf-8", "surrogateescape"), found
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
