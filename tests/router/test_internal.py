"""The server's own client: what it publishes, hears, asks and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from pubsub.errors import InvalidSubject, RequestTimeout
from pubsub.interfaces import ILinkHandler, PeerKind, ServiceRoute
from pubsub.router.internal import InternalClient, InternalMessage
from tests.router.recording import World


class Server:
    """A router, a clock, and the server's client in an account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock()
        self.client = InternalClient(world.router, "$SYS", self.clock, cid=77)
        self.heard: list[InternalMessage] = []

    def outcome(self, answer: Deferred[InternalMessage]) -> list[Any]:
        """What came of it, or nothing yet."""
        came: list[Any] = []
        answer.addCallbacks(came.append, lambda failure: came.append(failure.value))
        return came


@pytest.fixture
def server(world: World) -> Server:
    return Server(world)


@pytest.fixture
def client(server: Server) -> InternalClient:
    return server.client


def test_it_handles_a_link(client: InternalClient) -> None:
    verifyObject(ILinkHandler, client)
    assert client.link.kind == PeerKind.INTERNAL
    assert client.link.account == "$SYS"
    assert client.link.cid == 77


# --- publishing -------------------------------------------------------------------------


def test_what_it_publishes_is_written_at_the_end_of_the_turn(server: Server) -> None:
    server.world.attach("a", account="$SYS")
    server.world.feed("a", b"SUB events 1\r\n")
    block = b"NATS/1.0\r\nA: b\r\n\r\n"
    assert server.client.publish(b"events", b"one") == 1
    assert server.client.publish(b"events", b"two", reply=b"r", headers=block) == 1
    peer = server.world.peers["a"]
    assert peer.output == b""
    server.clock.advance(0)
    assert peer.output == b"MSG events 1 3\r\none\r\nHMSG events 1 r 18 21\r\n%btwo\r\n" % block
    assert len(peer.writes) == 1
    assert server.clock.getDelayedCalls() == []


def test_what_nobody_hears_is_nothing_to_write(server: Server) -> None:
    assert server.client.publish(b"events", b"x" * 10_000_000) == 0
    assert server.clock.getDelayedCalls() == []


def test_it_keeps_to_its_account(server: Server) -> None:
    server.world.attach("a", account="A")
    server.world.feed("a", b"SUB > 1\r\n")
    assert server.client.publish(b"events", b"") == 0


# --- hearing ----------------------------------------------------------------------------


def test_it_hears_what_it_subscribed_to(server: Server) -> None:
    server.world.attach("a", account="$SYS")
    sid = server.client.subscribe(b"ask.*", server.heard.append)
    server.world.feed("a", b"HPUB ask.me r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPUB other 0\r\n\r\n")
    assert server.heard == [InternalMessage(b"ask.me", b"r", b"NATS/1.0\r\n\r\n", b"hi")]
    server.client.unsubscribe(sid)
    server.client.unsubscribe(sid)
    server.world.feed("a", b"PUB ask.me 0\r\n\r\n")
    assert len(server.heard) == 1


def test_each_subscription_has_its_callback(server: Server) -> None:
    others: list[InternalMessage] = []
    server.client.subscribe(b"a", server.heard.append)
    server.client.subscribe(b"b", others.append)
    server.client.publish(b"a", b"1")
    server.client.publish(b"b", b"2")
    assert [message.payload for message in server.heard] == [b"1"]
    assert [message.payload for message in others] == [b"2"]


def test_members_of_a_group_share(server: Server) -> None:
    for _ in range(2):
        server.client.subscribe(b"work", server.heard.append, queue=b"q")
    for _ in range(10):
        assert server.client.publish(b"work", b"") == 1
    assert len(server.heard) == 10


@pytest.mark.parametrize("subject", [b"", b"a..b", b"a.", b">.a"])
def test_what_is_no_subject_is_refused(server: Server, subject: bytes) -> None:
    with pytest.raises(ValueError, match="cannot subscribe"):
        server.client.subscribe(subject, server.heard.append)
    assert server.client.link.counters().subscriptions == 0


def test_what_a_callback_publishes_is_written_without_anybody_else(server: Server) -> None:
    client = server.client
    server.world.attach("a", account="$SYS")
    server.world.feed("a", b"SUB r 1\r\n")

    def answer(message: InternalMessage) -> None:
        client.link.publish(message.reply, b"", b"", b"ok")

    client.subscribe(b"ask", answer)
    server.world.peers["a"].link.feed(b"PUB ask r 0\r\n\r\n")
    server.clock.advance(0)
    assert server.world.peers["a"].output == b"MSG r 1 2\r\nok\r\n"


def test_a_callback_that_fails_is_logged(server: Server, logged_failures: Any) -> None:
    def fail(message: InternalMessage) -> None:
        raise RuntimeError("no")

    server.client.subscribe(b"a", fail)
    server.client.subscribe(b"a", server.heard.append)
    assert server.client.publish(b"a", b"") == 2
    assert len(server.heard) == 1
    assert len(logged_failures.flush(RuntimeError)) == 1


# --- asking -----------------------------------------------------------------------------


def test_it_gets_the_first_answer(server: Server) -> None:
    server.world.attach("a", account="$SYS")
    server.world.feed("a", b"SUB ask 1\r\n")
    came = server.outcome(server.client.request(b"ask", b"why", 2.0, b"NATS/1.0\r\n\r\n"))
    server.clock.advance(0)
    head, _, rest = server.world.output("a").partition(b"\r\n")
    verb, subject, sid, reply, *sizes = head.split(b" ")
    assert (verb, subject, sid, sizes) == (b"HMSG", b"ask", b"1", [b"12", b"15"])
    assert rest == b"NATS/1.0\r\n\r\nwhy\r\n"
    assert reply.startswith(b"_INBOX.")
    assert came == []
    server.world.feed("a", b"PUB %b 2\r\nok\r\n" % reply * 2)
    assert came == [InternalMessage(reply, b"", b"", b"ok")]
    assert server.client.link.counters().subscriptions == 0
    server.clock.advance(0)
    assert server.clock.getDelayedCalls() == [], "no time limit is left behind"


def answering(client: InternalClient, text: bytes) -> Callable[[InternalMessage], None]:
    def answer(message: InternalMessage) -> None:
        client.publish(message.reply, text)

    return answer


def test_an_answer_may_come_before_the_request_has_been_published(server: Server) -> None:
    client = server.client
    client.subscribe(b"ask", answering(client, b"1"))
    client.subscribe(b"ask", answering(client, b"2"))
    came = server.outcome(client.request(b"ask", b"", 2.0))
    assert [message.payload for message in came] == [b"1"]
    assert client.link.counters().subscriptions == 2
    server.clock.advance(0)
    assert server.clock.getDelayedCalls() == []


def test_requests_do_not_take_each_others_answers(server: Server) -> None:
    client = server.client
    waiting: list[InternalMessage] = []
    client.subscribe(b"ask", waiting.append)
    first, second = (server.outcome(client.request(b"ask", b"", 2.0)) for _ in range(2))
    client.publish(waiting[1].reply, b"2")
    client.publish(waiting[0].reply, b"1")
    assert [m.payload for m in first] == [b"1"]
    assert [m.payload for m in second] == [b"2"]


def test_nobody_listens(server: Server) -> None:
    (failure,) = server.outcome(server.client.request(b"ask.\xff", b"", 2.0))
    assert isinstance(failure, RequestTimeout)
    assert "nobody listens on ask." in str(failure)
    assert server.client.link.counters().subscriptions == 0
    assert server.clock.getDelayedCalls() == []


def test_nobody_answers(server: Server) -> None:
    server.client.subscribe(b"ask", server.heard.append)
    came = server.outcome(server.client.request(b"ask", b"", 2.5))
    server.clock.advance(2.4)
    assert came == []
    server.clock.advance(0.2)
    (failure,) = came
    assert isinstance(failure, RequestTimeout)
    assert str(failure) == "no answer on ask within 2.5 seconds"
    server.client.publish(server.heard[0].reply, b"late")
    assert len(came) == 1
    assert server.client.link.counters().subscriptions == 1


def test_whoever_asked_may_lose_interest(server: Server) -> None:
    server.client.subscribe(b"ask", server.heard.append)
    answer = server.client.request(b"ask", b"", 2.0)
    came = server.outcome(answer)
    answer.cancel()
    (failure,) = came
    assert isinstance(failure, CancelledError)
    assert server.client.link.counters().subscriptions == 1
    server.client.publish(server.heard[0].reply, b"late")
    server.clock.advance(3)
    assert len(came) == 1


def test_it_asks_services_of_other_accounts(server: Server) -> None:
    """It asks in nobody's name: no header says who."""
    server.world.router.set_service_imports("$SYS", [ServiceRoute(b"ask", "A")])
    server.world.attach("a", account="A")
    server.world.feed("a", b"SUB ask 1\r\n")
    came = server.outcome(server.client.request(b"ask", b"", 2.0))
    verb, _, _, reply, size = server.world.output("a").split()
    assert (verb, size) == (b"MSG", b"0")
    server.world.feed("a", b"PUB %b 2\r\nok\r\n" % reply)
    assert [message.payload for message in came] == [b"ok"]


# --- the end, and what does not concern it ----------------------------------------------


def test_when_it_is_closed_it_hears_and_says_nothing(server: Server) -> None:
    server.world.attach("a", account="$SYS")
    server.world.feed("a", b"SUB events 1\r\n")
    server.client.subscribe(b"ask", server.heard.append)
    server.client.publish(b"events", b"last")
    server.client.close()
    server.client.close()
    assert server.world.peers["a"].output == b"MSG events 1 4\r\nlast\r\n", "that was written"
    assert server.clock.getDelayedCalls() == []
    assert server.client.publish(b"events", b"") == 0
    server.world.feed("a", b"PUB ask 0\r\n\r\n")
    assert server.heard == []


def test_a_request_that_waits_when_it_is_closed_ends_in_time(server: Server) -> None:
    server.client.subscribe(b"ask", server.heard.append)
    came = server.outcome(server.client.request(b"ask", b"", 2.0))
    server.client.close()
    server.clock.advance(2.1)
    assert [type(failure) for failure in came] == [RequestTimeout]


def test_a_message_behind_an_unsubscribe_is_ignored(server: Server) -> None:
    """The router may be in the middle of a delivery."""
    server.client.message_received(b"99", b"a", b"", b"", b"")
    assert server.clock.getDelayedCalls() == []


def test_what_concerns_connections_does_not_concern_it(client: InternalClient) -> None:
    assert client.request_info(True) == b""
    assert client.operation_before_connect()
    client.connect_received(b"{}")
    client.info_received(b"{}")
    client.error_received(b"'x'")
    client.first_ping_received()
    client.pong_received()
    client.transmit(b"x")
    client.stall(0.1)
    client.traced("in", "PING", b"")
    client.batch_received([])
    assert client.link.closed is False


def test_being_refused_is_worth_a_line_in_the_log(client: InternalClient) -> None:
    client.fault(InvalidSubject())
    assert client.link.closed is False
