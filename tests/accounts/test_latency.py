"""Service latency: what is measured, and what is said about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from zope.interface.verify import verifyObject

from pubsub.accounts.latency import METRIC_TYPE, LatencyObserver, tracing_headers
from pubsub.interfaces import IServiceObserver
from pubsub.values.accounts import LatencyOptions

NOW = 1_700_000_000.0
#: a link, as the world calls it
SERVICE: Any = "service"


class Client:
    """Somebody whose round trip takes two milliseconds."""

    def __init__(self, name: str, rtt: int = 2_000_000) -> None:
        self.name = name
        self.rtt = rtt

    def request_info(self, detailed: bool) -> bytes:
        info: dict[str, Any] = {"acc": self.name}
        if self.rtt:
            info["rtt"] = self.rtt
        if detailed:
            info["host"] = "1.2.3.4"
        return json.dumps(info).encode()


class World:
    """One observer; links are called by the names of their clients."""

    def __init__(self, sampling: int = 100, share: bool = False, draw: int = 0) -> None:
        self.now = 0.0
        self.clients = {"asker": Client("ASKER"), "service": Client("SERVICE", 1_000_000)}
        self.published: list[tuple[bytes, dict[str, Any]]] = []
        self.observer = LatencyObserver(
            LatencyOptions("lat", sampling),
            share,
            self.clients.get,  # type: ignore[arg-type]
            lambda subject, payload: self.published.append((subject, json.loads(payload))),
            lambda: NOW + self.now,
            lambda: self.now,
            lambda below: draw,
        )
        verifyObject(IServiceObserver, self.observer)

    def ask(self, reply: bytes = b"_R_.x", headers: bytes = b"", link: Any = "asker") -> Any:
        return self.observer.requested(link, reply, headers)

    def metric(self) -> dict[str, Any]:
        ((subject, metric),) = self.published
        assert subject == b"lat"
        assert len(metric.pop("id")) == 22
        assert metric.pop("type") == METRIC_TYPE == "io.nats.server.metric.v1.service_latency"
        return metric


def test_an_answer() -> None:
    """What the service took is what is left without its round trip; the order is Go's."""
    world = World()
    token = world.ask()
    assert token is not None
    world.now = 0.010
    world.observer.answered(token, SERVICE, b"_R_.x")
    assert list(world.published[0][1]) == [
        "type", "id", "timestamp", "status", "requestor", "responder",
        "start", "service", "system", "total",
    ]  # fmt: skip
    assert world.metric() == {
        "timestamp": "2023-11-14T22:13:20.01Z",
        "status": 200,
        "requestor": {"acc": "ASKER", "rtt": 2_000_000},
        "responder": {"acc": "SERVICE", "rtt": 1_000_000, "host": "1.2.3.4"},
        "start": "2023-11-14T22:13:19.998Z",
        "service": 9_000_000,
        "system": 0,
        "total": 12_000_000,
    }


def test_a_requestor_that_shares() -> None:
    """Shows all."""
    world = World(share=True)
    world.observer.answered(world.ask(), SERVICE, b"_R_.x")
    assert world.metric()["requestor"]["host"] == "1.2.3.4"


def test_nothing_is_negative() -> None:
    """Round trips are estimates, and may be longer than the whole."""
    world = World()
    world.observer.answered(world.ask(), SERVICE, b"_R_.x")
    metric = world.metric()
    assert (metric["service"], metric["system"], metric["total"]) == (0, 0, 2_000_000)


def test_a_service_of_the_server_itself() -> None:
    """Has no client, and no round trip."""
    world = World()
    token = world.ask()
    world.now = 0.5
    world.observer.answered(token, None, b"_R_.x")
    metric = world.metric()
    assert "responder" not in metric
    assert metric["service"] == 500_000_000


@pytest.mark.parametrize(
    ("reason", "status", "description"),
    [
        ("no responders", 503, "Service Unavailable"),
        ("timeout", 504, "Service Timeout"),
        ("interest lost", 408, "Request Timeout"),
    ],
)
def test_no_answer(reason: str, status: int, description: str) -> None:
    """The status says why; there is nothing to measure."""
    world = World()
    token = world.ask()
    world.now = 5.0
    world.observer.unanswered(token, reason)
    assert world.metric() == {
        "timestamp": "2023-11-14T22:13:25Z",
        "status": status,
        "description": description,
        "requestor": {"acc": "ASKER", "rtt": 2_000_000},
        "start": "2023-11-14T22:13:19.998Z",
        "service": 0,
        "system": 0,
        "total": 0,
    }


def test_a_request_that_wants_no_answer() -> None:
    """Is a bad one, and is told at once."""
    world = World()
    assert world.ask(reply=b"") is None
    metric = world.metric()
    assert (metric["status"], metric["description"]) == (400, "Bad Request")


def test_who_is_no_client_is_not_measured() -> None:
    """The server's own requests, and clients that are gone."""
    world = World()
    assert world.ask(link=None) is None
    assert world.ask(link="gone") is None
    assert world.ask(link=None, reply=b"") is None
    assert world.published == []


def test_a_share_of_the_requests() -> None:
    """Forty percent: the numbers from 0 to 39 of a hundred."""
    assert World(40, draw=39).ask() is not None
    assert World(40, draw=40).ask() is None


SAMPLED = b"NATS/1.0\r\nX-B3-Sampled: 1\r\nOther: x\r\n\r\n"


def test_requests_that_ask_to_be_traced() -> None:
    """With headers only, and besides the share."""
    assert World(0).ask() is None
    assert World(40, draw=99).ask(headers=SAMPLED) is not None
    world = World(0)
    world.observer.answered(world.ask(headers=SAMPLED), SERVICE, b"_R_.x")
    assert world.metric()["header"] == {"X-B3-Sampled": ["1"]}


def test_a_measured_share_shows_no_headers() -> None:
    """They are not why."""
    world = World()
    world.observer.answered(world.ask(headers=SAMPLED), SERVICE, b"_R_.x")
    assert "header" not in world.metric()


TRACE = "80f198ee56343ba864fe8b2a57d3eff7"
CONTEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        # Jaeger
        ({"Uber-Trace-Id": "4:5:4:1"}, {"Uber-Trace-Id": ["4:5:4:1"]}),
        (
            {"uber-trace-id": "4:5:4:03", "Uberctx-Team": "x", "Other": "y"},
            {"Uber-Trace-Id": ["4:5:4:03"], "Uberctx-Team": ["x"]},
        ),
        ({"Uber-Trace-Id": "4:5:4:0"}, None),
        ({"Uber-Trace-Id": "4:5:4:2"}, None),
        ({"Uber-Trace-Id": "4:5:4:xy"}, None),
        ({"Uber-Trace-Id": "4:5:4:"}, None),
        ({"Uber-Trace-Id": "4:5:4:001"}, None),
        ({"Uber-Trace-Id": "4:5"}, None),
        ({"Uber-Trace-Id": "no", "X-B3-Sampled": "1"}, None),
        # Zipkin, several headers
        ({"X-B3-Sampled": "1"}, {"X-B3-Sampled": ["1"]}),
        ({"X-B3-Sampled": "0", "X-B3-TraceId": TRACE}, None),
        ({"X-B3-TraceId": TRACE}, {"X-B3-Traceid": [TRACE]}),
        (
            {"x-b3-traceid": TRACE, "X-B3-SpanId": "1", "X-B3-ParentSpanId": "2"},
            {"X-B3-Traceid": [TRACE], "X-B3-Parentspanid": ["2"], "X-B3-Spanid": ["1"]},
        ),
        ({"X-B3-Sampled": "maybe"}, None),
        # Zipkin, one
        ({"b3": f"{TRACE}-e457b5a2e4d86bd1-1"}, {"B3": [f"{TRACE}-e457b5a2e4d86bd1-1"]}),
        ({"B3": f"{TRACE}-e457b5a2e4d86bd1"}, {"B3": [f"{TRACE}-e457b5a2e4d86bd1"]}),
        ({"B3": f"{TRACE}-e457b5a2e4d86bd1-0-05e3ac9a4f6e3b90"}, None),
        ({"B3": "0"}, None),
        ({"B3": "1"}, {"B3": ["1"]}),
        # W3C
        ({"traceparent": f"{CONTEXT}-01"}, {"Traceparent": [f"{CONTEXT}-01"]}),
        (
            {"Traceparent": f"{CONTEXT}-03", "Tracestate": "a=b"},
            {"Traceparent": [f"{CONTEXT}-03"], "Tracestate": ["a=b"]},
        ),
        ({"Traceparent": f"{CONTEXT}-00"}, None),
        ({"Traceparent": f"{CONTEXT}-ff"}, None),
        ({"Traceparent": f"{CONTEXT}-1"}, None),
        ({"Traceparent": "nonsense"}, None),
        ({"Tracestate": "a=b"}, None),
        ({"Other": "x"}, None),
    ],
)
def test_headers_that_ask_for_it(
    headers: dict[str, str], shown: dict[str, list[str]] | None
) -> None:
    """Only the headers that ask are shown, under Go's names for them."""
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    assert tracing_headers(f"NATS/1.0\r\n{lines}\r\n".encode()) == shown


@pytest.mark.parametrize(
    "block", [b"", b"NATS/1.0\r\n\r\n", b"nonsense", b"NATS/1.0\r\nX-B3-Sampled 1\r\n\r\n",
              b"NATS/1.0\r\nUber-Trace-Id: \xff:\xff:\xff:\xff\r\n\r\n"],
)  # fmt: skip
def test_blocks_that_ask_for_nothing(block: bytes) -> None:
    """Peers write them."""
    assert tracing_headers(block) is None
