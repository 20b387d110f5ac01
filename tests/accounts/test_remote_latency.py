"""Service latency over several servers: what one tells the other, and what it makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from pubsub.accounts.latency import LatencyObserver
from pubsub.accounts.remote_latency import WAIT, Half, RemoteLatency
from pubsub.interfaces import IServiceTracker, PeerKind
from pubsub.values.accounts import AccountOptions, LatencyOptions, ServiceExport

NOW = 1_700_000_000.0
SHOP = AccountOptions("SHOP", exports=(ServiceExport("price.*", response_threshold=30.0),))
#: of a server that is called "west": nats-server's hash of it
WEST = "uhQWFpvW"


@dataclass(frozen=True)
class Link:
    """A link as far as it is of interest."""

    cid: int
    kind: PeerKind = PeerKind.CLIENT


class Client:
    """Somebody whose round trip takes a millisecond."""

    def __init__(self, name: str) -> None:
        self.name = name

    def request_info(self, detailed: bool) -> bytes:
        shown: dict[str, Any] = {"acc": self.name, "rtt": 1_000_000}
        return json.dumps({**shown, "server": "here"} if detailed else shown).encode()


class Server:
    """One end."""

    def __init__(self, name: str) -> None:
        self.clock = Clock()
        self.clients: dict[int, Client] = {1: Client("SHOP"), 2: Client("WEB")}
        self.published: list[tuple[bytes, bytes]] = []
        self.latency = RemoteLatency(
            self.clock,
            {"SHOP": SHOP}.get,
            lambda link: self.clients.get(link.cid),
            lambda: NOW + self.clock.seconds(),
            self.clock.seconds,
        )
        self.subject = self.latency.start(
            name, lambda subject, payload: self.published.append((subject, payload))
        )
        self.halves: list[Half | None] = []

    def reply(self, token: str = "b") -> bytes:
        return b"_R_.a." + token.encode() + self.latency.mark

    def requested(self, reply: bytes, link: Any = Link(1), subject: bytes = b"price.bike") -> None:
        self.latency.requested(link, "SHOP", subject, reply)


def half(reply: str, **changes: Any) -> bytes:
    """As a nats-server sends it."""
    m2 = {"responder": {"acc": "SHOP", "rtt": 1_000_000}, "service": 5_000_000, **changes}
    return json.dumps({"account": "SHOP", "req_id": reply, "m2": m2}).encode()


def test_what_is_told() -> None:
    """nats-server's fields in its order, on the subject of the server in the reply."""
    serving, asking = Server("east"), Server("west")
    verifyObject(IServiceTracker, serving.latency)
    assert asking.subject == b"$SYS.LATENCY.M2." + WEST.encode()
    assert asking.reply() == b"_R_.a.b." + WEST.encode() + b".T"
    serving.requested(asking.reply())
    serving.clock.advance(0.010)
    link: Any = Link(1)
    serving.latency.answered(link, asking.reply())
    assert serving.published == [], "the router is busy"
    serving.clock.advance(0)
    ((subject, payload),) = serving.published
    assert subject == asking.subject
    assert payload.decode() == (
        '{"account":"SHOP","req_id":"_R_.a.b.' + WEST + '.T","m2":{"type":"","id":"",'
        '"timestamp":"0001-01-01T00:00:00Z","status":200,'
        '"responder":{"acc":"SHOP","rtt":1000000,"server":"here"},'
        '"start":"2023-11-14T22:13:20Z","service":9000000,"system":0,"total":10000000}}'
    )
    asking.latency.wait(asking.reply(), asking.halves.append)
    asking.latency.received(payload)
    assert asking.halves == [Half({"acc": "SHOP", "rtt": 1_000_000, "server": "here"}, 0.009)]
    assert serving.clock.getDelayedCalls() == asking.clock.getDelayedCalls() == []


def test_nothing_is_negative() -> None:
    """Round trips are estimates."""
    serving = Server("east")
    serving.requested(b"_R_.a.b.x.T")
    link: Any = Link(1)
    serving.latency.answered(link, b"_R_.a.b.x.T")
    serving.clock.advance(0)
    m2 = json.loads(serving.published[0][1])["m2"]
    assert (m2["service"], m2["total"]) == (0, 1_000_000)


@pytest.mark.parametrize(
    ("account", "subject", "answerer"),
    [
        ("SHOP", b"other", 1),
        ("NOBODY", b"price.bike", 1),
        # another client than who was asked, and one that is gone
        ("SHOP", b"price.bike", 2),
        ("SHOP", b"price.bike", 3),
    ],
)
def test_what_is_not_told(account: str, subject: bytes, answerer: int) -> None:
    serving = Server("east")
    asked: Any = Link(3 if answerer == 3 else 1)
    answering: Any = Link(answerer)
    serving.latency.requested(asked, account, subject, b"_R_.a.b.x.T")
    serving.latency.answered(answering, b"_R_.a.b.x.T")
    serving.clock.advance(0)
    assert serving.published == []


def test_a_request_is_remembered_as_long_as_it_may_be_answered() -> None:
    """And told once, however often it is asked or answered."""
    serving = Server("east")
    link: Any = Link(1)
    serving.requested(b"_R_.a.b.x.T")
    serving.clock.advance(29)
    serving.requested(b"_R_.a.b.x.T")
    serving.clock.advance(29)
    for _ in range(2):
        serving.latency.answered(link, b"_R_.a.b.x.T")
    serving.requested(b"_R_.a.c.x.T")
    serving.clock.advance(30)
    serving.latency.answered(link, b"_R_.a.c.x.T")
    serving.clock.advance(0)
    assert len(serving.published) == 1
    assert serving.clock.getDelayedCalls() == []


@pytest.mark.parametrize("prefix", ["", "_GR_.OTHERS.THESRV.", "$GR.othe."])
@pytest.mark.parametrize("first", [True, False])
def test_both_halves_wait_for_the_other(prefix: str, first: bool) -> None:
    """Whichever is there first; nats-servers name the way through gateways, too."""
    asking = Server("west")
    payload = half(prefix + asking.reply().decode())
    if first:
        asking.latency.received(payload)
        # a second one changes nothing
        asking.latency.received(half(asking.reply().decode(), service=1))
        asking.clock.advance(WAIT / 2)
    asking.latency.wait(asking.reply(), asking.halves.append)
    if not first:
        asking.clock.advance(WAIT / 2)
        asking.latency.received(payload)
    assert asking.halves == [Half({"acc": "SHOP", "rtt": 1_000_000}, 0.005)]
    assert asking.clock.getDelayedCalls() == []


def test_neither_waits_for_ever() -> None:
    asking = Server("west")
    asking.latency.wait(asking.reply(), asking.halves.append)
    asking.clock.advance(WAIT)
    assert asking.halves == [None]
    asking.latency.received(half(asking.reply().decode()))
    asking.clock.advance(WAIT)
    asking.latency.wait(asking.reply(), asking.halves.append)
    assert asking.halves == [None]


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"{}", b"nonsense", b'{"req_id":1,"m2":{}}', b'{"req_id":"x","m2":{}}',
        b'{"req_id":"_R_.a.b.' + WEST.encode() + b'.T","m2":[]}',
        half(f"_R_.a.b.{WEST}.T", responder="me"),
        half(f"_R_.a.b.{WEST}.T", responder={"rtt": "long"}),
        half(f"_R_.a.b.{WEST}.T", service="long"),
        # measured by somebody else
        half("_R_.a.b.c.T"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_none(payload: bytes) -> None:
    asking = Server("west")
    asking.latency.received(payload)
    asking.latency.wait(asking.reply(), asking.halves.append)
    assert asking.halves == []


def test_the_end() -> None:
    """Nothing is planned any more, and nothing is said."""
    server = Server("west")
    link: Any = Link(1)
    server.requested(b"_R_.a.b.x.T")
    server.latency.answered(link, b"_R_.a.b.x.T")
    server.requested(b"_R_.a.c.x.T")
    server.latency.wait(server.reply("b"), server.halves.append)
    server.latency.received(half(server.reply("c").decode()))
    server.latency.stop()
    server.clock.advance(0)
    assert server.clock.getDelayedCalls() == []
    server.requested(b"_R_.a.b.x.T")
    assert server.clock.getDelayedCalls() == []
    assert (server.published, server.halves) == ([], [])


# --- the whole measurement ----------------------------------------------------------------


def measured(server: Server, kind: PeerKind, started: bool = True) -> list[dict[str, Any]]:
    """What is published of a request that took ten milliseconds, and was served elsewhere."""
    published: list[dict[str, Any]] = []
    observer = LatencyObserver(
        LatencyOptions("lat"),
        False,
        lambda link: server.clients.get(link.cid),
        lambda subject, payload: published.append(json.loads(payload)),
        lambda: NOW,
        server.clock.seconds,
        remote=server.latency if started else None,
    )
    asker: Any = Link(2)
    link: Any = Link(7, kind)
    token = observer.requested(asker, b"_INBOX.x", b"")
    server.clock.advance(0.010)
    observer.answered(token, link, server.reply())
    return published


def times(metric: dict[str, Any]) -> tuple[int, int, int]:
    return metric["service"], metric["system"], metric["total"]


@pytest.mark.parametrize("kind", [PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF])
def test_a_whole_measurement(kind: PeerKind) -> None:
    """What neither the service nor a round trip took, the servers did."""
    server = Server("west")
    published = measured(server, kind)
    assert published == []
    server.latency.received(half(server.reply().decode()))
    (metric,) = published
    assert metric["requestor"] == {"acc": "WEB", "rtt": 1_000_000}
    assert metric["responder"] == {"acc": "SHOP", "rtt": 1_000_000}
    assert times(metric) == (5_000_000, 4_000_000, 11_000_000)


def test_a_service_that_took_longer_than_it_can_have() -> None:
    """Clocks do not agree: nothing is negative."""
    server = Server("west")
    published = measured(server, PeerKind.ROUTE)
    server.latency.received(half(server.reply().decode(), service=50_000_000))
    assert times(published[0]) == (50_000_000, 0, 11_000_000)


def test_half_a_measurement() -> None:
    """The other server may not measure."""
    server = Server("west")
    published = measured(server, PeerKind.LEAF)
    server.clock.advance(WAIT)
    (metric,) = published
    assert "responder" not in metric
    assert times(metric) == (10_000_000, 0, 11_000_000)


@pytest.mark.parametrize("started", [True, False])
def test_who_is_not_waited_for(started: bool) -> None:
    """The server itself; and without others, nobody."""
    server = Server("west")
    kind = PeerKind.INTERNAL if started else PeerKind.ROUTE
    assert len(measured(server, kind, started)) == 1


def test_a_reply_that_is_no_text_is_answered_like_others() -> None:
    """Nobody waits for such a one; nothing fails."""
    serving = Server("east")
    reply = b"_R_.\xff.b." + WEST.encode() + b".T"
    serving.requested(reply)
    link: Any = Link(1)
    serving.latency.answered(link, reply)
    serving.clock.advance(0)
    ((subject, payload),) = serving.published
    assert subject == b"$SYS.LATENCY.M2." + WEST.encode()
    assert json.loads(payload)["req_id"] == "_R_.\ufffd.b." + WEST + ".T"
