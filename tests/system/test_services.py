"""The system account's side of a server as a whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pubsub.accounts.remote_latency import RemoteLatency
from pubsub.config.options import (
    AuthorizationOptions,
    CalloutOptions,
    Options,
)
from pubsub.errors import AuthorizationViolation
from pubsub.system.services import SystemServices
from tests.system.fakes import FakeClient, FakeServer, Listener
from tests.system.test_requests import FakePage


def services(server: FakeServer) -> SystemServices:
    context: Any = SimpleNamespace(
        options=server.options, registry=server.registry, info=SimpleNamespace(info=server.info)
    )
    pages = {"CONNZ": FakePage()}
    return SystemServices(
        server,
        server,
        server.figures(),
        context,
        pages,
        lambda: None,
        RemoteLatency(server.clock, lambda name: None, lambda link: None),
        server.wall,
    )


def test_it_answers_beats_and_says_good_bye() -> None:
    server = FakeServer()
    listener = Listener.on(server, "$SYS.SERVER.>")
    system = services(server)
    system.start()
    assert len(listener.ask("$SYS.REQ.SERVER.PING.CONNZ")) == 1
    assert len(listener.ask("$SYS.REQ.ACCOUNT.A.CONNZ")) == 1
    server.clock.advance(0.25)
    system.lame_duck()
    system.stop()
    system.stop()
    assert [subject.rpartition(".")[2] for subject, _ in listener.take()] == [
        "STATSZ", "LAMEDUCK", "SHUTDOWN"
    ]  # fmt: skip
    system.close()
    server.clock.advance(100)
    assert server.clock.getDelayedCalls() == []


@pytest.mark.parametrize("linked", [False, True])
def test_it_listens_to_others_where_there_may_be_any(linked: bool) -> None:
    server = FakeServer()
    server.linked = linked
    system = services(server)
    system.start()
    for subject in (b"$SYS.SERVER.NX.STATSZ", b"$SYS.SERVER.ACCOUNT.A.CONNS"):
        assert bool(server.router.matching("SYS", subject)) is linked
    system.stop()
    assert server.accounts.appeared is None
    system.close()


def test_those_of_others_count_until_they_are_silent() -> None:
    """Whoever told how many it has is a server like any other."""
    server = FakeServer()
    server.linked = True
    system = services(server)
    system.start()
    other = Listener.on(server)
    told = b'{"server":{"id":"NB"},"acc":"A","conns":2,"leafnodes":1}'
    other.client.publish(b"$SYS.SERVER.ACCOUNT.A.CONNS", told)
    assert server.accounts.elsewhere == [("NB", "A", 2, 1)]
    server.clock.pump([10.0] * 16)
    assert server.accounts.elsewhere == [("NB", "A", 2, 1), ("NB", None)]
    system.stop()
    system.close()
    server.clock.pump([10.0] * 16)
    assert server.clock.getDelayedCalls() == []


def test_a_server_that_never_ran_says_nothing() -> None:
    server = FakeServer()
    listener = Listener.on(server, "$SYS.>")
    system = services(server)
    system.lame_duck()
    system.stop()
    assert listener.take() == []


def test_refusals_go_to_the_account_of_auth_callout() -> None:
    server = FakeServer()
    system = services(server)
    default = Listener.on(server, "$SYS.ACCOUNT.CLIENT.AUTH.ERR", account="$G")
    callout = Listener.on(server, "$SYS.ACCOUNT.CLIENT.AUTH.ERR", account="A")
    refused: Any = FakeClient(7, "$G")
    system.events.client_refused(refused, AuthorizationViolation())
    assert (len(default.take()), len(callout.take())) == (1, 0)
    server.options = Options(
        authorization=AuthorizationOptions(auth_callout=CalloutOptions("AISSUER", account="A"))
    )
    system = services(server)
    system.events.client_refused(refused, AuthorizationViolation())
    assert (len(default.take()), len(callout.take())) == (0, 1)
