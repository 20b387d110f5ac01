"""Clients of several accounts over both routers: what crosses over, and what becomes of it
when accounts change or go while their clients are busy."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pubsub.config.options import Options
from pubsub.errors import ClosedState
from pubsub.interfaces import Identity, RouterSettings
from pubsub.router.internal import InternalClient
from pubsub.values.accounts import (
    AccountLimits,
    AccountOptions,
    LatencyOptions,
    MappingEntry,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
    WeightedDestination,
)
from tests.client.conftest import Server
from tests.client.fakes import NOW
from tests.router.recording import native_backend

E = AccountOptions(
    "E",
    exports=(
        StreamExport("news.>"),
        ServiceExport("q.*", latency=LatencyOptions("lat")),
        ServiceExport("many", response_type=ResponseType.STREAM),
    ),
)
I = AccountOptions(  # noqa: E741
    "I",
    imports=(
        StreamImport("E", "news.>", "e.news.>"),
        ServiceImport("E", "q.*", "ask.*", share=True),
        ServiceImport("E", "many"),
    ),
)
QUIET = b'{"verbose":false,"headers":true,"no_responders":true}'


@pytest.fixture(params=["python", "native"])
def crossing(request):
    """A server with these two accounts, on either router."""
    server = Server()
    if request.param == "native":
        create = native_backend().create
        server.make_router = lambda settings: create(settings)
    server.start(Options(accounts=(E, I)))
    return server


def somebody(server, account):
    return server.somebody(Identity(account.lower(), account), QUIET)


def flushed(server, *peers):
    server.context.router.flush()
    return [peer.received() for peer in peers]


def request(server, requestor, responder):
    """One request and what arrived of it: the reply subject, then the message's headers."""
    responder.send(b"SUB q.* 1\r\n")
    requestor.send(b"SUB re 9\r\nPUB ask.a re 2\r\nhi\r\n")
    (got,) = flushed(server, responder)
    line = got.split(b"\r\n", 1)[0].split()
    assert line[:3] == [b"HMSG", b"q.a", b"1"]
    assert got.endswith(b"\r\n\r\nhi\r\n")
    return line[3], got


def test_a_stream_arrives_under_its_name_here(crossing):
    """And only what is imported."""
    exporter, importer = somebody(crossing, "E"), somebody(crossing, "I")
    importer.send(b"SUB e.news.sport 1\r\nSUB > 2\r\n")
    exporter.send(b"PUB news.sport 2\r\nhi\r\nPUB other 2\r\nno\r\n")
    (got,) = flushed(crossing, importer)
    assert sorted(got.split(b"MSG ")[1:]) == [
        b"e.news.sport 1 2\r\nhi\r\n",
        b"e.news.sport 2 2\r\nhi\r\n",
    ]


def test_a_request_and_its_answer(crossing):
    """The service learns who asks, if the import shares; the answer finds its way back."""
    requestor, responder = somebody(crossing, "I"), somebody(crossing, "E")
    reply, got = request(crossing, requestor, responder)
    assert reply.startswith(b"_R_.")
    header = got.split(b"Nats-Request-Info: ")[1].split(b"\r\n")[0]
    info = json.loads(header)
    assert (info["acc"], info["user"], info["id"]) == ("I", "i", requestor.protocol.cid)
    responder.send(b"PUB " + reply + b" 5\r\nthere\r\n")
    assert flushed(crossing, requestor) == [b"MSG re 9 5\r\nthere\r\n"]


def test_what_is_measured_is_told_in_the_exporting_account(crossing):
    """nats-server's metric, with both sides."""
    accounts = crossing.context.accounts
    clients = crossing.context.registry.open
    accounts.client_of = lambda link: clients.get(link.cid)
    accounts.internal_client = lambda name: InternalClient(
        crossing.context.router, name, crossing.clock
    )
    requestor, responder = somebody(crossing, "I"), somebody(crossing, "E")
    listener, elsewhere = somebody(crossing, "E"), somebody(crossing, "I")
    listener.send(b"SUB lat 1\r\n")
    elsewhere.send(b"SUB lat 1\r\n")
    reply, _ = request(crossing, requestor, responder)
    responder.send(b"PUB " + reply + b" 0\r\n\r\n")
    crossing.clock.advance(0)
    (got, nothing) = flushed(crossing, listener, elsewhere)
    assert nothing == b""
    metric = json.loads(got.split(b"\r\n")[1])
    assert metric["status"] == 200
    assert metric["requestor"]["acc"] == "I"
    assert metric["responder"]["acc"] == "E"
    assert metric["responder"]["user"] == "e"


def test_nobody_who_answers_is_measured_too(crossing):
    """The asker is told at once."""
    published = []

    class Publisher:
        def publish(self, subject, payload):
            published.append(json.loads(payload)["status"])
            return 0

        def close(self):
            """Nothing to close."""

    accounts = crossing.context.accounts
    accounts.client_of = lambda link: crossing.context.registry.open.get(link.cid)
    accounts.internal_client = lambda name: Publisher()
    requestor = somebody(crossing, "I")
    got = requestor.send(b"SUB re 9\r\nPUB ask.a re 0\r\n\r\n")
    assert b"NATS/1.0 503" in got
    crossing.clock.advance(0)
    assert published == [503]


def test_everybody_may_ask_the_system_account(crossing):
    """About its own account."""
    asked = []
    system = InternalClient(crossing.context.router, "$SYS", crossing.clock)
    system.subscribe(b"$SYS.REQ.>", asked.append)
    client = somebody(crossing, "I")
    client.send(b"PUB $SYS.REQ.ACCOUNT.PING.CONNZ re 0\r\n\r\nPUB $SYS.REQ.USER.INFO re 0\r\n\r\n")
    assert [message.subject for message in asked] == [
        b"$SYS.REQ.ACCOUNT.I.CONNZ",
        b"$SYS.REQ.USER.I.INFO",
    ]
    assert b'"user":"i"' in asked[1].headers
    assert b'"user"' not in asked[0].headers
    system.close()


def test_mappings_of_an_account(crossing):
    """Before anything crosses over."""
    mapped = MappingEntry("old", (WeightedDestination("news.sport"),))
    crossing.context.accounts.update(replace(E, mappings=(mapped,)))
    exporter, importer = somebody(crossing, "E"), somebody(crossing, "I")
    importer.send(b"SUB e.> 1\r\n")
    exporter.send(b"PUB old 2\r\nhi\r\n")
    assert flushed(crossing, importer) == [b"MSG e.news.sport 1 2\r\nhi\r\n"]


class TestBusyAccounts:
    """Accounts that change or go while messages are under way."""

    def test_imports_that_end_under_a_subscription(self, crossing):
        """It hears its own account only; when the import is back it hears both."""
        exporter, importer = somebody(crossing, "E"), somebody(crossing, "I")
        importer.send(b"SUB e.> 1\r\n")
        accounts = crossing.context.accounts
        accounts.update(replace(I, imports=I.imports[1:]))
        exporter.send(b"PUB news.a 0\r\n\r\n")
        assert importer.send(b"PUB e.own 0\r\n\r\n") == b"MSG e.own 1 0\r\n\r\n"
        accounts.update(I)
        exporter.send(b"PUB news.a 0\r\n\r\n")
        assert flushed(crossing, importer) == [b"MSG e.news.a 1 0\r\n\r\n"]

    def test_the_exporting_account_is_deleted_between_request_and_answer(self, crossing):
        """Its clients are told and closed, the asker stays, and nothing is left behind."""
        requestor, responder = somebody(crossing, "I"), somebody(crossing, "E")
        reply, _ = request(crossing, requestor, responder)
        crossing.context.accounts.remove("E")
        assert responder.received() == b"-ERR 'Account Authentication Expired'\r\n"
        assert responder.send(b"PUB " + reply + b" 5\r\nthere\r\n") == b""
        assert requestor.send(b"PING\r\n").endswith(b"PONG\r\n")
        requestor.received()
        assert b"NATS/1.0 503" in requestor.send(b"PUB ask.a re 0\r\n\r\n")
        assert crossing.context.accounts.connections("E") == 0

    def test_the_asking_account_is_deleted_between_request_and_answer(self, crossing):
        """The service does not notice."""
        requestor, responder = somebody(crossing, "I"), somebody(crossing, "E")
        reply, _ = request(crossing, requestor, responder)
        crossing.context.accounts.remove("I")
        assert requestor.received() == b"-ERR 'Account Authentication Expired'\r\n"
        assert responder.send(b"PUB " + reply + b" 5\r\nthere\r\nPING\r\n") == b"PONG\r\n"

    def test_an_account_is_deleted_in_the_middle_of_a_message(self, crossing):
        """Half a payload was read; the rest changes nothing."""
        busy, other = somebody(crossing, "E"), somebody(crossing, "E")
        other.send(b"SUB news.> 1\r\n")
        busy.send(b"PUB news.a 10\r\nhalf ")
        crossing.context.accounts.remove("E")
        gone = b"-ERR 'Account Authentication Expired'\r\n"
        assert busy.send(b"done.\r\nPUB news.b 0\r\n\r\n") == other.received() == gone
        assert busy.protocol.closed_state is ClosedState.AUTHENTICATION_EXPIRED

    def test_an_account_is_deleted_by_one_of_its_own_messages(self, crossing):
        """The router is in the middle of delivering it."""
        accounts = crossing.context.accounts
        killer = InternalClient(crossing.context.router, "E", crossing.clock)
        killer.subscribe(b"kill", lambda message: accounts.remove("E", silently=True))
        busy, other, importer = (somebody(crossing, name) for name in "EEI")
        other.send(b"SUB kill 1\r\nSUB news.> 2\r\n")
        importer.send(b"SUB e.> 1\r\n")
        busy.send(b"PUB kill 0\r\n\r\nPUB news.after 0\r\n\r\n")
        crossing.context.router.flush()
        assert busy.protocol.closed_state is ClosedState.CLIENT_CLOSED
        assert other.protocol.closed_state is ClosedState.CLIENT_CLOSED
        assert b"news.after" not in other.received()
        assert importer.send(b"PING\r\n") == b"PONG\r\n"
        killer.close()

    def test_a_deleted_account_comes_back(self, crossing):
        """New clients find everything as it was."""
        crossing.context.accounts.remove("E")
        importer = somebody(crossing, "I")
        importer.send(b"SUB e.> 1\r\n")
        crossing.context.accounts.update(E)
        exporter = somebody(crossing, "E")
        exporter.send(b"PUB news.a 0\r\n\r\n")
        assert flushed(crossing, importer) == [b"MSG e.news.a 1 0\r\n\r\n"]

    def test_many_clients_and_a_tighter_limit(self, crossing):
        """In the middle of what they do."""
        clients = [somebody(crossing, "E") for _ in range(20)]
        for client in clients:
            client.send(b"SUB news.> 1\r\nPUB news.a 4\r\nab")
        limited = replace(E, limits=AccountLimits(max_connections=5))
        crossing.context.accounts.update(limited)
        assert crossing.context.accounts.connections("E") == 5
        crossing.context.router.flush()
        for client in clients:
            client.received()
        told = b"MSG news.a 1 4\r\nabcd\r\n"
        assert clients[0].send(b"cd\r\n") == told
        assert [client.received() for client in clients[1:]] == [told] * 4 + [b""] * 15

    def test_an_account_that_expires_while_its_clients_are_busy(self, crossing):
        """At its time, between two messages."""
        crossing.context.accounts.update(replace(E, expires=NOW + 60))
        busy = somebody(crossing, "E")
        busy.send(b"PUB news.a 4\r\nab")
        crossing.clock.advance(60)
        crossing.context.router.flush()
        assert busy.received().endswith(b"-ERR 'Account Authentication Expired'\r\n")


def test_the_settings_of_the_router_are_those_of_the_server(crossing):
    """Both run the same tests on the same terms."""
    assert crossing.context.router.settings == RouterSettings(seed=1)
