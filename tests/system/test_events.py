"""Who came, who went, who was refused: subjects, order and JSON of the events."""

from __future__ import annotations

from typing import Any

import pytest
from zope.interface.verify import verifyObject

from pubsub.errors import (
    AuthorizationViolation,
    ClientFault,
    ClosedState,
    MaximumAccountConnectionsExceeded,
    ProxyNotTrusted,
)
from pubsub.interfaces import IClientObserver
from pubsub.system.events import SystemEvents
from tests.system.fakes import FakeClient, FakeServer, Listener


class Events:
    """System events of a server, and a listener in its system account."""

    def __init__(self, *subjects: str) -> None:
        self.server = FakeServer()
        self.figures = self.server.figures()
        self.refused_account = "$G"
        self.events = SystemEvents(self.server.bus(), self.figures, lambda: self.refused_account)
        self.listener = Listener.on(self.server, *(subjects or ("$SYS.>",)))

    def connect(self, client: Any) -> None:
        clients = self.server.accounts.clients
        clients[client.link.account] = clients.get(client.link.account, 0) + 1
        self.events.client_connected(client)

    def disconnect(self, client: Any, state: ClosedState = ClosedState.CLIENT_CLOSED) -> None:
        self.server.accounts.clients[client.link.account] -= 1
        client.closed_state = state
        self.events.client_disconnected(client)

    def refuse(self, client: Any, fault: ClientFault) -> None:
        self.events.client_refused(client, fault)


def without_origin(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("id", "server")}


def test_it_provides_its_interface() -> None:
    assert verifyObject(IClientObserver, Events().events)


def test_who_comes_is_counted_and_then_introduced() -> None:
    """The legacy subject is the first, as from nats-server."""
    case = Events()
    case.connect(FakeClient(7, "A"))
    taken = case.listener.take()
    assert [subject for subject, _ in taken] == [
        "$SYS.SERVER.ACCOUNT.A.CONNS",
        "$SYS.ACCOUNT.A.SERVER.CONNS",
        "$SYS.ACCOUNT.A.CONNECT",
    ]
    assert [event["server"]["seq"] for _, event in taken] == [1, 2, 3]
    event = taken[2][1]
    assert list(event) == ["type", "id", "timestamp", "server", "client"]
    assert event["type"] == "io.nats.server.advisory.v1.client_connect"
    assert event["timestamp"] == "2026-08-21T14:50:11Z"
    assert list(event["server"]) == [
        "name", "host", "id", "ver", "tags", "jetstream", "flags", "seq", "time"
    ]  # fmt: skip
    assert event["client"]["user"] == "ann"
    assert "rtt" not in event["client"]


def test_the_number_of_connections() -> None:
    case = Events()
    case.connect(FakeClient(7, "A"))
    (_, old), (_, new), _ = case.listener.take()
    assert old["id"] == new["id"]
    assert list(new) == [
        "type", "id", "timestamp", "server", "acc", "name", "conns", "leafnodes", "total_conns",
        "num_subscriptions", "sent", "received", "slow_consumers",
    ]  # fmt: skip
    assert new["type"] == "io.nats.server.advisory.v1.account_connections"
    assert (new["acc"], new["conns"], new["total_conns"]) == ("A", 1, 1)


def test_who_goes_leaves_figures_and_a_reason() -> None:
    """Seen from the client: it sent what the server received."""
    case = Events("$SYS.ACCOUNT.A.DISCONNECT")
    client = FakeClient(7, "A")
    case.connect(client)
    case.disconnect(client)
    ((subject, event),) = case.listener.take()
    assert subject == "$SYS.ACCOUNT.A.DISCONNECT"
    assert without_origin(event) == {
        "type": "io.nats.server.advisory.v1.client_disconnect",
        "timestamp": "2026-08-21T14:50:11Z",
        "client": {
            "start": "2026-08-21T14:50:06Z", "host": "127.0.0.1", "id": 7, "acc": "A",
            "user": "ann", "name": "app", "lang": "python3", "ver": "2.11.0", "rtt": 467000,
            "stop": "2026-08-21T14:50:11Z", "name_tag": "A", "kind": "Client",
            "client_type": "nats",
        },
        "sent": {"msgs": 3, "bytes": 30},
        "received": {"msgs": 2, "bytes": 20},
        "reason": "Client Closed",
    }  # fmt: skip


def test_a_slow_consumer_is_counted_for_its_account() -> None:
    case = Events()
    client = FakeClient(7, "A")
    case.connect(client)
    case.disconnect(client, ClosedState.SLOW_CONSUMER_PENDING_BYTES)
    events = dict(case.listener.take())
    assert events["$SYS.ACCOUNT.A.SERVER.CONNS"]["slow_consumers"] == 1
    assert events["$SYS.ACCOUNT.A.DISCONNECT"]["reason"] == "Slow Consumer (Pending Bytes)"


def test_the_global_account_is_not_counted() -> None:
    case = Events()
    case.connect(FakeClient(7, "$G"))
    assert [subject for subject, _ in case.listener.take()] == ["$SYS.ACCOUNT.$G.CONNECT"]


def test_a_client_without_a_link_was_in_the_global_account() -> None:
    """Its preamble was all there was of it."""
    case = Events()
    client: Any = FakeClient(7, "A")
    client.link = None
    case.events.client_connected(client)
    case.events.client_disconnected(client)
    assert [subject for subject, _ in case.listener.take()] == [
        "$SYS.ACCOUNT.$G.CONNECT",
        "$SYS.ACCOUNT.$G.DISCONNECT",
    ]


def test_nothing_is_described_for_nobody() -> None:
    case = Events("some.thing.else")
    client: Any = FakeClient(7, "A")
    client.describe = None
    case.connect(client)
    case.disconnect(client)
    case.events.client_refused(client, AuthorizationViolation())
    assert case.listener.heard == []


def test_who_is_refused_is_told_to_operators_and_to_the_account() -> None:
    case = Events()
    case.server.router.system_account = "SYS"
    owner = Listener.on(case.server, "$SYS.ACCOUNT.CLIENT.AUTH.ERR", account="$G")
    case.refuse(FakeClient(7, "$G"), AuthorizationViolation())
    (subject, event), (last, ended) = case.listener.take()
    assert subject == f"$SYS.SERVER.{case.server.server_id}.CLIENT.AUTH.ERR"
    assert (last, ended["reason"]) == ("$SYS.ACCOUNT.$G.DISCONNECT", "Authentication Failure")
    assert event["type"] == "io.nats.server.advisory.v1.client_disconnect"
    assert event["reason"] == "Authentication Failure"
    assert event["client"]["acc"] == "$G"
    ((subject, told),) = owner.take()
    assert subject == "$SYS.ACCOUNT.CLIENT.AUTH.ERR"
    assert told["reason"] == "Authentication Failure"


def test_who_was_there_before_is_not_said_to_go_twice() -> None:
    """Its second CONNECT was refused; its end is told when it is closed."""
    case = Events("$SYS.ACCOUNT.*.DISCONNECT")
    client = FakeClient(7, "A")
    client.announced = True
    case.refuse(client, AuthorizationViolation())
    assert case.listener.take() == []


def test_with_auth_callout_the_account_of_its_service_hears_of_refusals() -> None:
    case = Events()
    case.refused_account = "A"
    owner = Listener.on(case.server, "$SYS.ACCOUNT.CLIENT.AUTH.ERR", account="A")
    case.refuse(FakeClient(7, "$G"), ProxyNotTrusted())
    ((_, told),) = owner.take()
    assert (told["client"]["acc"], told["reason"]) == ("A", "Proxy Not Trusted")


@pytest.mark.parametrize("fault", [MaximumAccountConnectionsExceeded(), ClientFault()])
def test_other_faults_are_no_refusals(fault: ClientFault) -> None:
    case = Events()
    case.refuse(FakeClient(7, "$G"), fault)
    assert case.listener.take() == []


def test_connections_are_told_again_every_half_minute() -> None:
    case = Events("$SYS.ACCOUNT.*.SERVER.CONNS")
    case.connect(FakeClient(7, "A"))
    case.server.clock.advance(10)
    case.connect(FakeClient(8, "SYS"))
    case.listener.take()
    heard = []
    for second in range(11, 75):
        case.server.clock.advance(1)
        heard += [(second, event["acc"]) for _, event in case.listener.take()]
    assert heard == [(30, "A"), (40, "SYS"), (60, "A"), (70, "SYS")]


def test_so_are_those_of_leaf_nodes_only() -> None:
    """They count for a limit of all servers, too."""
    case = Events("$SYS.ACCOUNT.*.SERVER.CONNS")
    case.server.accounts.leafs["A"] = 1
    case.events.connections_changed("A")
    case.listener.take()
    case.server.clock.advance(30)
    ((_, event),) = case.listener.take()
    assert (event["conns"], event["leafnodes"], event["total_conns"]) == (0, 1, 1)
    case.server.accounts.leafs["A"] = 0
    case.server.clock.advance(30)
    case.listener.take()
    case.server.clock.advance(60)
    assert case.listener.take() == []


def test_a_change_puts_the_next_beat_off() -> None:
    case = Events("$SYS.ACCOUNT.A.SERVER.CONNS")
    client = FakeClient(7, "A")
    case.connect(client)
    case.server.clock.advance(20)
    case.connect(FakeClient(8, "A"))
    case.listener.take()
    case.server.clock.advance(15)
    assert case.listener.take() == []
    case.server.clock.advance(15)
    assert len(case.listener.take()) == 1


def test_an_account_without_clients_is_silent() -> None:
    case = Events("$SYS.ACCOUNT.A.SERVER.CONNS")
    client = FakeClient(7, "A")
    case.connect(client)
    case.disconnect(client)
    assert [event["conns"] for _, event in case.listener.take()] == [1, 0]
    case.server.clock.advance(100)
    assert case.listener.take() == []
    assert case.server.clock.getDelayedCalls() == []


def test_a_server_says_that_it_leaves() -> None:
    case = Events("$SYS.SERVER.>")
    case.connect(FakeClient(7, "A"))
    case.listener.take()
    case.events.lame_duck()
    case.events.shutdown()
    server_id = case.server.server_id
    (first, about), (second, _) = case.listener.take()
    assert (first, second) == (
        f"$SYS.SERVER.{server_id}.LAMEDUCK",
        f"$SYS.SERVER.{server_id}.SHUTDOWN",
    )
    assert about["id"] == server_id
    case.events.shutdown()
    # nothing beats any more; what is left writes out what was said
    case.server.clock.advance(0)
    assert case.server.clock.getDelayedCalls() == []


def test_after_shutdown_nothing_is_said() -> None:
    """That the server then closes everybody is no news, and nothing is left to be done."""
    case = Events()
    client = FakeClient(7, "A")
    case.connect(client)
    case.events.shutdown()
    case.listener.take()
    case.connect(FakeClient(8, "A"))
    case.disconnect(client)
    case.refuse(FakeClient(9, "$G"), AuthorizationViolation())
    assert case.listener.take() == []
    case.server.clock.advance(0)
    assert case.server.clock.getDelayedCalls() == []
