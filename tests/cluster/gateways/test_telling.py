"""What other clusters are told of what is wanted here."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.cluster.gateways.modes import InterestMode
from pubsub.cluster.gateways.telling import MOST_REFUSED
from tests.cluster.gateways.raw import CONNECT, INFO, OLD_INFO, a_server, accepted, came
from tests.cluster.gateways.world import Server
from tests.cluster.network import info_of
from tests.cluster.raw import Raw, line


def words(lines: list[str]) -> list[str]:
    """The lines; of INFO the command, and the account."""
    return [
        f"{info_of(each)['gateway_cmd']} {info_of(each)['gateway_cmd_payload']}"
        if each.startswith("INFO")
        else each
        for each in lines
    ]


def optimistic(info: dict[str, Any] = OLD_INFO) -> tuple[Server, Raw]:
    """A server as they were before 2.9, and another one that came."""
    server = a_server(interest_only=False)
    return server, came(server, info)


def publish(raw: Raw, *subjects: str, account: str = "$G") -> list[str]:
    """The other cluster sends to these; what it is told."""
    return words(raw.send(*(f"RMSG {account} {each} 1\r\nx".encode() for each in subjects)))


def test_all_interest_of_known_accounts_is_told_whoever_comes() -> None:
    """Also to an old server."""
    for info in (INFO, OLD_INFO):
        server = a_server(accounts=("$G", "A"))
        raw = came(server, info)
        server.client().send("SUB foo 1")
        assert raw.received() == ["RS+ $G foo"]
        told = server.gateways.inbound[raw.protocol.cid].told
        assert {name: there and there.mode for name, there in told.items()} == {
            "$G": InterestMode.INTEREST_ONLY,
            "A": InterestMode.INTEREST_ONLY,
        }


def test_the_first_and_last_of_several_are_told() -> None:
    """Of queue groups, too; of them without their weight."""
    server = a_server()
    raw = came(server)
    one, two = server.client(), server.client()
    for client in (one, two):
        client.send("SUB foo 1", "SUB foo q 2")
    assert raw.received() == ["RS+ $G foo", "RS+ $G foo q 1"]
    one.close()
    assert raw.received() == []
    two.send("UNSUB 1", "UNSUB 2")
    assert raw.received() == ["RS- $G foo", "RS- $G foo q"]


def test_an_account_that_comes_to_be_known_is_told_of() -> None:
    """Once, before anything is wanted in it."""
    server = a_server(accounts=())
    raw = came(server)
    server.gateways.account_added("$G")
    server.gateways.account_added("$G")
    server.client().send("SUB foo 1")
    assert words(raw.received()) == ["2 JEc=", "3 JEc=", "RS+ $G foo"]


def test_an_account_nobody_told_of_is_told_of_with_its_first_interest() -> None:
    """Whatever that is."""
    for first, expected in (("SUB foo 1", "RS+ $G foo"), ("SUB foo q 1", "RS+ $G foo q 1")):
        server = a_server(accounts=())
        raw = came(server)
        server.client().send(first)
        assert words(raw.received()) == ["2 JEc=", "3 JEc=", expected]


def test_much_interest_is_told_in_pieces() -> None:
    """Nothing is lost between them."""
    server = a_server()
    client = server.client()
    client.send(*(f"SUB some.subject.{number} {number}" for number in range(5000)))
    assert told_first(server) == {f"RS+ $G some.subject.{number}" for number in range(5000)}


def told_first(server: Server) -> set[str]:
    """What one that comes is told of interest."""
    raw = accepted(server)
    lines = raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO))
    return {each for each in lines if each.startswith("RS+")}


# as servers before 2.9


def test_an_optimistic_server_does_not_promise_to_tell() -> None:
    """There is no gateway_iom; only queue groups are told."""
    server = a_server(interest_only=False)
    server.client().send("SUB foo 1", "SUB foo q 2")
    assert "gateway_iom" not in accepted(server).received()[0]
    assert told_first(server) == {"RS+ $G foo q 1"}


def test_what_nobody_wants_is_refused_once() -> None:
    """An account in which nobody wants anything with A-, else the subject with RS-."""
    server, raw = optimistic()
    client = server.client()
    assert publish(raw, "foo", "foo") == ["A- $G"]
    client.send("SUB bar 1")
    assert raw.received() == ["A+ $G"]
    assert publish(raw, "bar") == []
    assert publish(raw, "foo", "foo", "foo.a", "foo.b") == [
        "RS- $G foo",
        "RS- $G foo.a",
        "RS- $G foo.b",
    ]
    client.send("SUB foo.* 2")
    assert raw.received() == ["RS+ $G foo.*"]
    client.send("SUB foo 3", "SUB other 4")
    assert raw.received() == ["RS+ $G foo"]
    client.send("UNSUB 3")
    assert raw.received() == []
    assert publish(raw, "foo") == ["RS- $G foo"]


def test_a_queue_group_takes_the_refusal_of_an_account_back() -> None:
    """Without A+, which would not be right later either."""
    server, raw = optimistic()
    client = server.client()
    assert publish(raw, "foo") == ["A- $G"]
    client.send("SUB foo q 1")
    assert raw.received() == ["RS+ $G foo q 1"]
    client.send("SUB foo 2")
    assert raw.received() == []
    client.send("UNSUB 2")
    assert publish(raw, "foo") == ["RS- $G foo"]


def test_too_many_refusals_tell_all_interest_instead() -> None:
    """A thousand, as nats-server has it."""
    server, raw = optimistic()
    server.client().send("SUB bar 1")
    subjects = [f"foo.{number}" for number in range(MOST_REFUSED)]
    assert publish(raw, *subjects) == [f"RS- $G {each}" for each in subjects]
    assert publish(raw, "foo", "more") == ["2 JEc=", "RS+ $G bar", "3 JEc="]
    server.client().send("SUB foo 1")
    assert raw.received() == ["RS+ $G foo"]


def test_accounts_that_are_not_known_are_refused() -> None:
    """Also by a server that tells all interest of those it knows."""
    server = a_server()
    raw = came(server, OLD_INFO)
    assert publish(raw, "foo", "bar", account="X") == ["A- X"]
    server.gateways.account_added("X")
    assert words(raw.received()) == ["2 WA==", "3 WA=="]


@pytest.mark.parametrize("info", [INFO, OLD_INFO], ids=["new", "old"])
def test_one_that_tells_all_interest_refuses_no_subject(info: dict[str, Any]) -> None:
    """Whoever sends it."""
    server = a_server()
    raw = came(server, info)
    server.client().send("SUB bar 1")
    raw.received()
    assert publish(raw, "foo") == []
