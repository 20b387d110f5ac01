"""How long a service takes: nats-server's service latency metric.

One observer belongs to one import of a service whose export has ``latency``. A share of the
requests is measured, or those that carry a tracing header; what comes out is published in
the exporting account (nats-server: ``accounts.go``, ``shouldSample``, ``sendTrackingLatency``
and its like; ADR-3). Who asks shows its round trip only, unless the import shares.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from zope.interface import implementer

from pubsub.accounts.remote_latency import (
    Half,
    IMeasuredClient,
    RemoteLatency,
    client_info,
    round_trip,
)
from pubsub.interfaces import ILink, IServiceObserver, PeerKind
from pubsub.values.accounts import LatencyOptions
from pubsub.wire.gotime import nanoseconds, rfc3339
from pubsub.wire.headers import parse_headers
from pubsub.wire.info import go_json

__all__ = ["METRIC_TYPE", "LatencyObserver", "tracing_headers"]

METRIC_TYPE = "io.nats.server.metric.v1.service_latency"

_ALL = 100
#: as many as nuid makes
_ID_LENGTH = 22
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_HEX = "0123456789abcdefABCDEF"

_UBER, _UBER_CONTEXT = "Uber-Trace-Id", "Uberctx-"
_B3_SAMPLED, _B3_TRACE = "X-B3-Sampled", "X-B3-Traceid"
_B3_MORE = (_B3_SAMPLED, _B3_TRACE, "X-B3-Parentspanid", "X-B3-Spanid")
_B3 = "B3"
_CONTEXT, _CONTEXT_STATE = "Traceparent", "Tracestate"

#: reason -> status, description; nats-server's
_UNANSWERED = {
    "no responders": (503, "Service Unavailable"),
    "timeout": (504, "Service Timeout"),
    "interest lost": (408, "Request Timeout"),
}

#: Their clients serve, and only they know more.
_SERVERS = (PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF)

#: canonical key to its values
Headers = Mapping[str, list[str]]


@dataclass(frozen=True)
class _Request:
    """One that is measured."""

    client: IMeasuredClient
    #: epoch seconds, and the same moment on the clock that only goes forward
    at: float
    began: float
    headers: Headers | None


@implementer(IServiceObserver)
class LatencyObserver:
    """Measures the requests to one imported service.

    :param options: the export's.
    :param share: whether the import tells who asks.
    :param client_of: the client behind a link, ``None`` if there is none.
    :param publish: sends subject and JSON in the exporting account, not before this turn is over.
    :param wall: epoch seconds.
    :param monotonic: seconds, for durations.
    :param draw: a random number below its argument.
    :param remote: what other servers measure; without it, nothing.
    """

    def __init__(
        self,
        options: LatencyOptions,
        share: bool,
        client_of: Callable[[ILink], IMeasuredClient | None],
        publish: Callable[[bytes, bytes], None],
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[int], int] = random.randrange,
        remote: RemoteLatency | None = None,
    ) -> None:
        self._subject = options.subject.encode("utf-8", "surrogateescape")
        self._sampling = options.sampling
        self._share = share
        self._client_of = client_of
        self._publish = publish
        self._wall = wall
        self._monotonic = monotonic
        self._draw = draw
        self._remote = remote

    def requested(self, link: ILink | None, reply: bytes, headers: bytes) -> Any:
        """Measure it or not; a request without reply is measured as a bad one, at once."""
        client = self._client_of(link) if link is not None else None
        if client is None:
            return None
        tracing: Headers | None = None
        if self._sampling < _ALL and not (self._sampling and self._draw(_ALL) < self._sampling):
            tracing = tracing_headers(headers)
            if tracing is None:
                return None
        request = _Request(client, self._wall(), self._monotonic(), tracing)
        if reply:
            return request
        requestor = client_info(client, self._share)
        self._send(request, 400, "Bad Request", requestor, start=request.at - round_trip(requestor))
        return None

    def answered(self, token: Any, link: ILink | None, reply: bytes) -> None:
        """The first answer is there."""
        request: _Request = token
        now = self._monotonic()
        took = now - request.began
        requestor = client_info(request.client, self._share)
        served_by = self._client_of(link) if link is not None else None
        remote = self._remote
        if (
            served_by is None
            and link is not None
            and link.kind in _SERVERS
            and remote is not None
            and remote.mark
        ):
            remote.wait(reply, partial(self._served_elsewhere, request, requestor, took))
            return
        responder = client_info(served_by, True) if served_by is not None else None
        distance, system = round_trip(responder), 0.0
        if distance:
            system = max(0.0, self._monotonic() - now)
        self._served(request, requestor, responder, took - distance, system, took + system)

    def _served_elsewhere(
        self, request: _Request, requestor: Mapping[str, Any], took: float, half: Half | None
    ) -> None:
        """Another server has measured, too, or it has not: it may be of another kind."""
        if half is None:
            self._served(request, requestor, None, took, 0.0, took)
            return
        system = took - half.service - round_trip(half.responder)
        self._served(request, requestor, half.responder, half.service, system, took)

    def _served(
        self,
        request: _Request,
        requestor: Mapping[str, Any],
        responder: Mapping[str, Any] | None,
        service: float,
        system: float,
        took: float,
    ) -> None:
        """Times are estimates, and never shown as negative ones."""
        distance = round_trip(requestor)
        self._send(
            request,
            200,
            "",
            requestor,
            responder,
            start=request.at - distance,
            service=max(0.0, service),
            system=max(0.0, system),
            total=distance + took,
        )

    def unanswered(self, token: Any, reason: str) -> None:
        """There will be no answer."""
        request: _Request = token
        status, description = _UNANSWERED.get(reason, _UNANSWERED["timeout"])
        requestor = client_info(request.client, self._share)
        self._send(
            request, status, description, requestor, start=request.at - round_trip(requestor)
        )

    def _send(
        self,
        request: _Request,
        status: int,
        description: str,
        requestor: Mapping[str, Any],
        responder: Mapping[str, Any] | None = None,
        *,
        start: float,
        service: float = 0.0,
        system: float = 0.0,
        total: float = 0.0,
    ) -> None:
        metric: dict[str, Any] = {
            "type": METRIC_TYPE,
            "id": "".join(secrets.choice(_DIGITS) for _ in range(_ID_LENGTH)),
            "timestamp": rfc3339(self._wall()),
            "status": status,
        }
        if description:
            metric["description"] = description
        metric["requestor"] = requestor
        if responder is not None:
            metric["responder"] = responder
        if request.headers:
            metric["header"] = dict(sorted(request.headers.items()))
        metric["start"] = rfc3339(start)
        metric["service"] = nanoseconds(service)
        metric["system"] = nanoseconds(system)
        metric["total"] = nanoseconds(total)
        self._publish(self._subject, go_json(metric))


# --- headers that ask to be traced --------------------------------------------------------


def tracing_headers(block: bytes) -> Headers | None:
    """The headers that make a request one to be measured; ``None`` if it is not.

    Zipkin (B3), Jaeger (Uber) and W3C trace contexts are known, in nats-server's order.
    """
    headers = _read(block)
    if _UBER in headers:
        return _uber(headers)
    sampled = headers.get(_B3_SAMPLED, [""])[0]
    if sampled == "0":
        return None
    if sampled == "1" or _B3_TRACE in headers:
        return {key: headers[key] for key in _B3_MORE if key in headers}
    if _B3 in headers:
        parts = headers[_B3][0].split("-")
        denied = parts[2] == "0" if len(parts) > 2 else parts == ["0"]
        return None if denied else {_B3: headers[_B3]}
    return _context(headers)


def _read(block: bytes) -> dict[str, list[str]]:
    """Canonical keys and their values; nothing of a block that cannot be read."""
    if not block:
        return {}
    try:
        fields = parse_headers(block).fields
    except ValueError:
        return {}
    headers: dict[str, list[str]] = {}
    for key, value in fields:
        name = "-".join(part.capitalize() for part in key.decode(errors="replace").split("-"))
        headers.setdefault(name, []).append(value.decode(errors="replace"))
    return headers


def _uber(headers: Headers) -> Headers | None:
    """``trace:span:parent:flags``, the lowest bit of the flags being "sampled"."""
    parts = headers[_UBER][0].split(":")
    flags = _flags(parts[3]) if len(parts) == 4 and len(parts[3]) in (1, 2) else 0
    if not flags & 1:
        return None
    context = {key: value for key, value in headers.items() if key.startswith(_UBER_CONTEXT)}
    return {_UBER: headers[_UBER], **context}


def _context(headers: Headers) -> Headers | None:
    """``version-trace-parent-flags``, likewise."""
    if _CONTEXT not in headers:
        return None
    parts = headers[_CONTEXT][0].split("-")
    flags = _flags(parts[3]) if len(parts) == 4 and len(parts[3]) == 2 else 0
    # nats-server reads them as a signed byte, and what does not fit as nothing
    if flags > 0x7F or not flags & 1:
        return None
    return {key: headers[key] for key in (_CONTEXT, _CONTEXT_STATE) if key in headers}


def _flags(text: str) -> int:
    return int(text, 16) if all(char in _HEX for char in text) else 0
