"""How busy an account is."""

from __future__ import annotations

from dataclasses import replace

from pubsub.interfaces import PeerKind, ServerPeer
from tests.system.fakes import FakeServer, Listener

NOTHING = {"msgs": 0, "bytes": 0}


def test_an_account_without_anybody() -> None:
    server = FakeServer()
    idle = {**NOTHING, "gateways": NOTHING, "routes": NOTHING, "leafs": NOTHING}
    assert list(server.figures().stat("A").items()) == [
        ("acc", "A"), ("name", "A"), ("conns", 0), ("leafnodes", 0), ("total_conns", 0),
        ("num_subscriptions", 0), ("sent", idle), ("received", idle), ("slow_consumers", 0),
    ]  # fmt: skip


def test_what_went_by_way_of_other_servers_is_shown_and_is_in_the_sum() -> None:
    """As in nats-server, where an account's traffic is that of everybody."""
    server = FakeServer()
    router = server.router
    links = {}
    for number, kind in enumerate((PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF), 1):
        links[kind] = link = router.attach(None, kind, number, "A")
        link.peer = ServerPeer(account="A")
        if kind != PeerKind.GATEWAY:
            link.hear("A", b"far", b"", 1, b"")
    router.publish("A", b"far", b"", b"", b"hey")
    links[PeerKind.GATEWAY].feed(b"RMSG near 2\r\nhi\r\n")
    links[PeerKind.LEAF].feed(b"LMSG near 1\r\nx\r\n" * 2)
    stat = server.figures().stat("A")
    once = {"msgs": 1, "bytes": 3}
    assert list(stat["sent"].items()) == [
        ("msgs", 2), ("bytes", 6), ("gateways", NOTHING), ("routes", once), ("leafs", once),
    ]  # fmt: skip
    assert stat["received"] == {
        "msgs": 3,
        "bytes": 4,
        "gateways": {"msgs": 1, "bytes": 2},
        "routes": NOTHING,
        "leafs": {"msgs": 2, "bytes": 2},
    }


def test_an_account_with_a_name_of_its_operators() -> None:
    server = FakeServer()
    account = server.accounts.options["A"]
    server.accounts.update(replace(account, name_tag="Acme"))
    assert server.figures().stat("A")["name"] == "Acme"
    assert server.figures().name_tag("unknown") == "unknown"


def test_subscriptions_are_those_of_the_account() -> None:
    server = FakeServer()
    figures = server.figures()
    assert figures.subscriptions("A") == 0
    Listener.on(server, "x", "y", account="A")
    assert figures.subscriptions("A") == 2
    assert figures.subscriptions("B") == 0


def test_slow_consumers_are_counted_by_account() -> None:
    server = FakeServer()
    figures = server.figures()
    figures.slow_consumer("A")
    figures.slow_consumer("A")
    assert figures.stat("A")["slow_consumers"] == 2
    assert figures.stat("SYS")["slow_consumers"] == 0


def test_only_accounts_with_clients_are_active() -> None:
    server = FakeServer()
    server.accounts.clients = {"A": 2}
    figures = server.figures()
    assert figures.active() == 1
    assert [row["acc"] for row in figures.statz()] == ["A"]
    assert [row["acc"] for row in figures.statz(unused=True)] == ["$G", "A", "SYS"]
    assert [row["acc"] for row in figures.statz(["SYS", "nobody"], unused=True)] == ["SYS"]
    assert figures.statz(["SYS"]) == []
    assert figures.statz()[0]["conns"] == 2
