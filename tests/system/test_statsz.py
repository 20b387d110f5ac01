"""The pulse."""

from __future__ import annotations

from types import SimpleNamespace

from pubsub.client.registry import NO_COUNTERS
from pubsub.system.bus import SystemBus
from pubsub.system.statsz import Statsz, server_stats
from tests.system.fakes import FakeServer, Listener


def beating(server: FakeServer) -> Statsz:
    return Statsz(server.bus(), server, server.figures())


def test_the_figures_in_order() -> None:
    server = FakeServer()
    stats = server_stats(server, 3)
    nothing = {"msgs": 0, "bytes": 0}
    assert list(stats.items()) == [
        ("start", "2026-08-21T14:49:11Z"), ("mem", 40960), ("cores", 2), ("cpu", 12.5),
        ("connections", 0), ("total_connections", 0), ("active_accounts", 3),
        ("subscriptions", 0), ("sent", nothing), ("sent_to_clients", nothing),
        ("received", nothing), ("received_from_clients", nothing), ("slow_consumers", 0),
        ("active_servers", 1), ("gomaxprocs", 1),
    ]  # fmt: skip


def test_troubles_are_shown_when_there_are_any() -> None:
    server = FakeServer()
    server.registry.totals.slow_consumers = 2
    server.registry.totals.stale_connections = 1
    server.cluster.members.slow_consumers = 3
    server.registry.totals.stalls = 5
    stats = server_stats(server, 0)
    assert stats["slow_consumer_stats"] == {"clients": 2, "routes": 3, "gateways": 0, "leafs": 0}
    assert stats["slow_consumers"] == 5
    assert stats["stale_connections"] == 1
    assert stats["stale_connection_stats"]["clients"] == 1
    assert stats["stalled_clients"] == 5


def test_it_beats_fast_at_first_and_then_every_ten_seconds() -> None:
    server = FakeServer()
    listener = Listener.on(server, "$SYS.SERVER.*.STATSZ")
    begin, statsz = server.clock.seconds(), beating(server)
    statsz.start()
    beats = []
    for _ in range(160):
        server.clock.advance(0.25)
        beats += [server.clock.seconds() - begin for _ in listener.take()]
    # nats-server's: after 250 ms, then waiting twice as long each time, but never less than
    # a second nor more than ten
    assert beats == [0.25, 1.25, 3.25, 7.25, 15.25, 25.25, 35.25]
    statsz.stop()
    server.clock.advance(100)
    assert listener.take() == []


def test_nothing_is_measured_for_nobody() -> None:
    server = FakeServer()
    server.usage = None  # type: ignore[assignment,method-assign]
    statsz = beating(server)
    statsz.start()
    server.clock.advance(60)
    statsz.stop()
    assert server.clock.getDelayedCalls() == []


def test_who_asks_gets_an_answer_of_its_own() -> None:
    server = FakeServer()
    everybody = Listener.on(server, "$SYS.SERVER.>")
    asker = Listener.on(server, "_INBOX.me")
    beating(server).send("_INBOX.me")
    ((_, answer),) = asker.take()
    assert list(answer) == ["server", "statsz"]
    assert answer["server"]["seq"] == 1
    assert everybody.take() == []


def test_who_asks_from_another_cluster_gets_an_answer() -> None:
    """Nobody in this one hears its subject."""
    server = FakeServer()
    sent: list[bytes] = []

    class Bus(SystemBus):
        def publish(self, subject: str, payload: object, account: str = "") -> None:
            sent.append(subject.encode())

    Statsz(Bus(server, server.wall), server, server.figures()).send("_INBOX.far")
    assert sent == [b"_INBOX.far"]


def test_everybody_is_told_once_a_second_at_most() -> None:
    """Unless somebody asks for it."""
    server = FakeServer()
    listener = Listener.on(server, "$SYS.SERVER.*.STATSZ")
    statsz = beating(server)
    statsz.send()
    statsz.send()
    assert len(listener.take()) == 1
    statsz.send_at_once()
    assert len(listener.take()) == 1


def test_what_comes_too_early_is_sent_later() -> None:
    server = FakeServer()
    listener = Listener.on(server, "$SYS.SERVER.*.STATSZ")
    statsz = beating(server)
    statsz.send()
    statsz.start()
    assert len(listener.take()) == 1
    server.clock.pump([0.25, 0.25, 0.25])
    assert listener.take() == []
    server.clock.advance(0.25)
    assert len(listener.take()) == 1
    statsz.stop()
    statsz.stop()


def test_servers_of_other_clusters_are_active_too() -> None:
    """And who is new is told at once that this one is there; a member counts once."""
    server = FakeServer()
    server.cluster.members.remotes = {"NB": None}
    listener = Listener.on(server, f"$SYS.SERVER.{server.server_id}.STATSZ")
    statsz = beating(server)
    statsz.start(others=True)
    server.clock.pump([0.25] * 10)
    listener.take()
    for name in (b"NB", b"NC"):
        listener.client.publish(b"$SYS.SERVER.%b.STATSZ" % name, b"{}")
    ((_, first),) = listener.take()
    assert first["statsz"]["active_servers"] == 2
    server.clock.advance(1)
    ((_, second),) = listener.take()
    assert second["statsz"]["active_servers"] == 3
    statsz.stop()


def test_troubles_of_all_kinds_of_links_are_counted() -> None:
    """Those with other clusters and with leaf nodes, too."""
    server = FakeServer()
    table = SimpleNamespace(
        slow_consumers=4, stale_connections=2, past=NO_COUNTERS, open={}, outbound={}, inbound={}
    )
    server.gateways.table = table  # type: ignore[assignment]
    server.leafs.figures.slow_consumers = 3
    server.leafs.figures.stale_connections = 1
    stats = server_stats(server, 0)
    assert stats["slow_consumer_stats"] == {"clients": 0, "routes": 0, "gateways": 4, "leafs": 3}
    assert stats["stale_connection_stats"] == {
        "clients": 0, "routes": 0, "gateways": 2, "leafs": 1
    }  # fmt: skip
    assert (stats["slow_consumers"], stats["stale_connections"]) == (7, 3)
