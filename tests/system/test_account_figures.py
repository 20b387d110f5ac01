"""How busy an account is."""

from __future__ import annotations

from dataclasses import replace

from tests.system.fakes import FakeServer, Listener

NOTHING = {"msgs": 0, "bytes": 0}


def test_an_account_without_anybody() -> None:
    server = FakeServer()
    idle = {**NOTHING, "gateways": NOTHING, "routes": NOTHING, "leafs": NOTHING}
    assert list(server.figures().stat("A").items()) == [
        ("acc", "A"), ("name", "A"), ("conns", 0), ("leafnodes", 0), ("total_conns", 0),
        ("num_subscriptions", 0), ("sent", idle), ("received", idle), ("slow_consumers", 0),
    ]  # fmt: skip


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
