"""The server's voice: numbered, dated, and silent where nobody listens."""

from __future__ import annotations

from pubsub.system.bus import SystemBus
from tests.system.fakes import FakeServer, Listener


def test_messages_are_numbered_and_dated() -> None:
    bus = FakeServer().bus()
    first, second = bus.stamp(), bus.stamp()
    assert (first["seq"], second["seq"]) == (1, 2)
    assert first["time"] == "2026-08-21T14:50:11Z"
    assert list(first)[-2:] == ["seq", "time"]
    assert first["tags"] == ["rack:1"]


def test_a_subject_is_wanted_once_somebody_listens() -> None:
    server = FakeServer()
    bus = server.bus()
    assert not bus.is_wanted("$SYS.ACCOUNT.A.CONNECT")
    Listener.on(server, "$SYS.ACCOUNT.*.CONNECT")
    assert bus.is_wanted("$SYS.ACCOUNT.A.CONNECT")
    assert not bus.is_wanted("$SYS.ACCOUNT.A.CONNECT", "A")


def test_anything_may_be_wanted_in_another_cluster() -> None:
    clusters: list[str] = []
    bus = SystemBus(FakeServer(), abroad=lambda: bool(clusters))
    assert not bus.is_wanted("$SYS.ACCOUNT.A.CONNECT")
    clusters.append("west")
    assert bus.is_wanted("$SYS.ACCOUNT.A.CONNECT")


def test_it_speaks_in_the_system_account_and_in_others() -> None:
    server = FakeServer()
    bus = server.bus()
    system, other = Listener.on(server, "x"), Listener.on(server, "x", account="A")
    bus.publish("x", {"to": "system"})
    bus.publish("x", {"to": "A"}, "A")
    bus.publish("x", {"to": "system again"}, "SYS")
    assert system.take() == [("x", {"to": "system"}), ("x", {"to": "system again"})]
    assert other.take() == [("x", {"to": "A"})]
    server.clock.advance(0)


def test_json_is_written_as_go_writes_it() -> None:
    server = FakeServer()
    listener = Listener.on(server, "x")
    server.bus().publish("x", {"a": "<é>"})
    assert listener.heard[0].payload == '{"a":"\\u003cé\\u003e"}'.encode()


def test_what_is_closed_says_nothing() -> None:
    server = FakeServer()
    bus, listener = server.bus(), Listener.on(server, "x")
    bus.close()
    bus.answer(b"x", b"{}")
    assert listener.heard == []
