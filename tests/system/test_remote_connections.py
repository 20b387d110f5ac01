"""What other servers say of their connections, and what they are asked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pubsub.system import remote_connections
from pubsub.system.remote_connections import RemoteConnections
from pubsub.system.remote_servers import RemoteServers
from pubsub.values.accounts import AccountLimits, AccountOptions
from tests.system.fakes import FakeServer, Listener

ASKED = "$SYS.REQ.ACCOUNT.*.CONNS"
LIMITED = AccountLimits(max_connections=2)


class Case:
    """A server, and others that speak to it in its system account."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.accounts = self.server.accounts
        bus = self.server.bus()
        self.servers = RemoteServers(bus, lambda: None)
        self.remote = RemoteConnections(bus, self.servers)
        self.remote.start()
        self.other = Listener.on(self.server, ASKED)

    def say(self, fields: Any, subject: str = "$SYS.SERVER.ACCOUNT.A.CONNS") -> None:
        data = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        self.other.client.publish(subject.encode(), data)

    def limited(self, *names: str) -> None:
        for name in names:
            self.accounts.update(AccountOptions(name, limits=LIMITED))

    def asked(self) -> list[str]:
        """About which accounts, since the last time."""
        return [subject.split(".")[3] for subject, _ in self.other.take()]


def event(**changes: Any) -> dict[str, Any]:
    """What nats-server says, as far as it is looked at."""
    return {"server": {"id": "NB", "seq": 7}, "acc": "A", "conns": 3, "leafnodes": 1, **changes}


def test_what_is_said_counts() -> None:
    """And who says it is there."""
    case = Case()
    case.say(event())
    assert case.accounts.elsewhere == [("NB", "A", 3, 1)]
    assert case.servers.ids() == {"NB"}


def test_what_is_answered_counts_too() -> None:
    """To the inbox that others were asked to answer to; a number that is 0 may be missing."""
    case = Case()
    answer = event()
    del answer["conns"]
    case.say(answer, f"$SYS._INBOX_.{case.server.server_id}")
    assert case.accounts.elsewhere == [("NB", "A", 0, 1)]


def test_nothing_is_kept_of_accounts_that_are_not_here() -> None:
    case = Case()
    case.say(event(acc="B"))
    assert (case.accounts.elsewhere, case.servers.ids()) == ([], set())


def test_its_own_word_does_not_count() -> None:
    case = Case()
    case.say(event(server={"id": case.server.server_id}))
    assert case.accounts.elsewhere == []


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"{", b"[]", b"\xff", b"[" * 100_000,
        event(server="NB"), event(server={}), event(server={"id": ""}), event(server={"id": 7}),
        event(acc=7), event(acc=None),
        event(conns=-1), event(conns="3"), event(conns=True), event(conns=2**31), event(conns=1.5),
        event(leafnodes=-1), event(leafnodes=None),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_no_word(wrong: Any) -> None:
    case = Case()
    case.say(wrong)
    assert (case.accounts.elsewhere, case.servers.ids()) == ([], set())
    case.say(event(conns=2**31 - 1))
    assert case.accounts.elsewhere == [("NB", "A", 2**31 - 1, 1)]


@pytest.mark.parametrize("word", ["SHUTDOWN", "LAMEDUCK"])
def test_who_leaves_has_none(word: str) -> None:
    case = Case()
    case.servers.start()
    case.say(event())
    case.say({}, f"$SYS.SERVER.NB.{word}")
    assert case.accounts.elsewhere == [("NB", "A", 3, 1), ("NB", None)]


def test_who_is_silent_for_long_has_none() -> None:
    """``kill -9``: nobody says that it is gone."""
    case = Case()
    case.say(event())
    case.server.clock.advance(149)
    assert case.accounts.elsewhere == [("NB", "A", 3, 1)]
    case.server.clock.advance(3)
    assert case.accounts.elsewhere == [("NB", "A", 3, 1), ("NB", None)]


def test_a_server_that_is_found_is_asked_about_what_is_limited() -> None:
    """By either limit: soon, in the shape of nats-server's request, with an inbox of our own."""
    case = Case()
    case.limited("B")
    leafs = AccountLimits(max_leafnodes=0)
    case.accounts.update(AccountOptions("C", limits=leafs))
    case.accounts.update(replace(case.accounts.options["$G"], limits=LIMITED))
    case.servers.hear("NB")
    assert case.other.heard == []
    case.server.clock.advance(0)
    (first, second) = case.other.heard
    assert [first.subject, second.subject] == [
        b"$SYS.REQ.ACCOUNT.B.CONNS",
        b"$SYS.REQ.ACCOUNT.C.CONNS",
    ]
    assert first.reply == f"$SYS._INBOX_.{case.server.server_id}".encode()
    asked = json.loads(first.payload)
    assert list(asked) == ["server", "acc"]
    assert (asked["server"]["id"], asked["acc"]) == (case.server.server_id, "B")
    case.other.heard.clear()
    case.servers.hear("NB")
    case.server.clock.advance(1)
    assert case.asked() == []


def test_an_account_that_is_new_is_asked_about() -> None:
    """If there is anybody to ask; and if it is still there."""
    case = Case()
    case.limited("B")
    case.accounts.appeared("B")
    case.server.clock.advance(1)
    assert case.asked() == []
    case.servers.hear("NB")
    case.server.clock.advance(1)
    assert case.asked() == ["B"]
    case.limited("C")
    for name in ("C", "C", "A", "nowhere"):
        case.accounts.appeared(name)
    case.server.clock.advance(1)
    assert case.asked() == ["C"]


def test_many_are_asked_about_little_by_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody is busy with nothing else."""
    monkeypatch.setattr(remote_connections, "_AT_ONCE", 2)
    case = Case()
    case.limited(*"BCDEF")
    case.servers.hear("NB")
    case.server.clock.advance(0)
    assert case.asked() == ["B", "C"]
    case.servers.hear("NC")
    case.server.clock.advance(0.1)
    assert case.asked() == ["D", "E"]
    case.server.clock.pump([0.1] * 10)
    assert case.asked() == ["F", "B", "C"]


def test_who_has_stopped_asks_nothing() -> None:
    case = Case()
    case.limited("B")
    case.servers.hear("NB")
    case.servers.stop()
    case.remote.stop()
    case.remote.stop()
    assert case.accounts.appeared is None
    case.server.clock.pump([0.1] * 10)
    assert case.asked() == []
    assert case.server.clock.getDelayedCalls() == []
