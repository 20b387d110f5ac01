"""In-process connections: memory to memory with a clock, and a real socket pair."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IConsumer, IPushProducer, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from pubsub.transport.inprocess import (
    InProcessRefused,
    PipeAddress,
    PipeTransport,
    connect_in_process,
    connect_in_process_socket,
)
from pubsub.transport.tls import ServerTls
from tests.certs import Authority
from tests.patience import PATIENCE
from tests.transport.tls_peer import client_context


class End(Protocol):
    """One end; remembers everything in order."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def connectionMade(self) -> None:
        self.events.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)

    def connectionLost(self, reason: Failure = Protocol.connectionLost.__defaults__[0]) -> None:  # type: ignore[index]
        self.events.append(reason.type)


class Push:
    """A streaming producer."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


class Ends:
    """Both ends, joined."""

    def __init__(self, buffer_size: int = 10) -> None:
        self.clock = Clock()
        self.client, self.server = End(), End()
        factory = Factory.forProtocol(lambda: self.server)
        self.near = connect_in_process(factory, self.client, self.clock, buffer_size)
        self.far = self.server.transport

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.advance(0)


@pytest.fixture
def ends() -> Ends:
    return Ends()


def test_it_provides_what_protocols_expect(ends) -> None:
    for interface in (ITransport, IConsumer, IPushProducer):
        assert verifyObject(interface, ends.near)
    assert verifyObject(IAddress, PipeAddress())


def test_both_ends_are_connected_at_once_and_called_pipe(ends) -> None:
    assert ends.client.events == ends.server.events == ["made"]
    for transport in (ends.near, ends.far):
        assert isinstance(transport, PipeTransport)
        assert repr(transport.getPeer()) == repr(transport.getHost()) == "pipe"
    assert ends.near.getPeer() == ends.far.getHost()
    assert len({PipeAddress(), PipeAddress()}) == 1


def test_what_is_written_arrives_in_a_later_turn(ends) -> None:
    ends.near.write(b"PING")
    ends.near.writeSequence([b"\r", b"\n"])
    assert ends.server.events == ["made"]
    ends.turn()
    assert ends.server.events == ["made", b"PING\r\n"]
    assert ends.near.pending_bytes == 0


def test_answers_go_the_other_way(ends) -> None:
    ends.far.write(b"INFO {}\r\n")
    ends.turn()
    assert ends.client.events == ["made", b"INFO {}\r\n"]


def test_nothing_written_is_nothing_delivered(ends) -> None:
    ends.near.write(b"")
    ends.turn()
    assert ends.server.events == ["made"]


def test_a_write_from_inside_a_delivery_is_not_delivered_inside_it(ends) -> None:
    def echo(data: bytes) -> None:
        ends.far.write(data)
        assert ends.client.events == ["made"]

    ends.server.dataReceived = echo
    ends.near.write(b"echo")
    ends.turn(2)
    assert ends.client.events == ["made", b"echo"]


def test_a_paused_end_gets_nothing_until_it_resumes(ends) -> None:
    ends.far.pauseProducing()
    ends.near.write(b"one")
    ends.near.write(b"two")
    ends.turn(3)
    assert ends.server.events == ["made"]
    assert ends.near.pending_bytes == 6
    ends.far.resumeProducing()
    ends.turn()
    assert ends.server.events == ["made", b"onetwo"]


def test_a_streaming_producer_is_held_back_at_the_buffer_s_size(ends) -> None:
    producer = Push()
    ends.near.registerProducer(producer, True)
    ends.near.write(b"x" * 10)
    assert producer.calls == []
    ends.near.write(b"x")
    ends.near.write(b"x")
    assert producer.calls == ["pause"]
    ends.turn()
    assert producer.calls == ["pause", "resume"]


def test_a_producer_stays_held_back_while_the_other_end_does_not_read(ends) -> None:
    producer = Push()
    ends.near.registerProducer(producer, True)
    ends.far.pauseProducing()
    ends.near.write(b"x" * 11)
    ends.turn(3)
    assert producer.calls == ["pause"]
    ends.far.resumeProducing()
    ends.turn()
    assert producer.calls == ["pause", "resume"]


def test_a_pull_producer_is_asked_once_a_turn(ends) -> None:
    producer = Push()
    ends.near.registerProducer(producer, False)
    assert producer.calls == ["resume"]
    ends.near.write(b"piece")
    ends.turn()
    assert producer.calls == ["resume", "resume"]


def test_there_is_one_producer_at_a_time(ends) -> None:
    ends.near.registerProducer(Push(), True)
    with pytest.raises(RuntimeError, match="is registered already"):
        ends.near.registerProducer(Push(), True)
    ends.near.unregisterProducer()
    ends.near.registerProducer(Push(), True)


def test_lose_connection_delivers_what_was_written(ends) -> None:
    ends.near.write(b"last words")
    ends.near.loseConnection()
    ends.near.write(b"too late")
    assert ends.client.events == ["made"]
    ends.turn(2)
    assert ends.server.events == ["made", b"last words", ConnectionDone]
    assert ends.client.events == ["made", ConnectionDone]


def test_lose_connection_waits_for_the_producer(ends) -> None:
    producer = Push()
    ends.near.registerProducer(producer, True)
    ends.near.loseConnection()
    ends.near.write(b"still producing")
    ends.turn(3)
    assert ends.server.events == ["made", b"still producing"]
    ends.near.unregisterProducer()
    ends.turn(2)
    assert ends.server.events[-1] is ConnectionDone


def test_lose_connection_waits_for_a_paused_reader(ends) -> None:
    ends.far.pauseProducing()
    ends.near.write(b"last words")
    ends.near.loseConnection()
    ends.turn(3)
    assert ends.server.events == ["made"]
    ends.far.resumeProducing()
    ends.turn(2)
    assert ends.server.events == ["made", b"last words", ConnectionDone]


def test_who_closes_hears_no_more(ends) -> None:
    ends.far.write(b"unheard")
    ends.near.loseConnection()
    ends.turn(3)
    assert ends.client.events == ["made", ConnectionDone]


def test_closing_twice_is_closing_once(ends) -> None:
    ends.near.loseConnection()
    ends.near.loseConnection()
    ends.far.loseConnection()
    ends.turn(3)
    ends.near.loseConnection()
    ends.near.abortConnection()
    ends.turn(3)
    assert ends.client.events == ends.server.events == ["made", ConnectionDone]


def test_abort_loses_what_is_on_its_way(ends) -> None:
    ends.near.write(b"never arrives")
    ends.far.write(b"neither does this")
    ends.near.abortConnection()
    ends.near.abortConnection()
    ends.near.write(b"too late")
    assert ends.client.events == ["made"]
    ends.turn(3)
    assert ends.client.events == ["made", ConnectionAborted]
    assert ends.server.events == ["made", ConnectionLost]


def test_abort_from_inside_a_delivery_stops_everything(ends) -> None:
    ends.server.dataReceived = lambda data: ends.far.abortConnection()
    ends.near.write(b"boom")
    ends.turn(3)
    assert ends.server.events == ["made", ConnectionAborted]
    assert ends.client.events == ["made", ConnectionLost]


def test_stop_producing_closes(ends) -> None:
    ends.near.stopProducing()
    ends.turn(2)
    assert ends.server.events == ["made", ConnectionDone]


def test_producers_are_stopped_when_the_connection_is_lost(ends) -> None:
    producer, late = Push(), Push()
    ends.near.registerProducer(producer, True)
    ends.near.abortConnection()
    ends.turn()
    assert producer.calls == ["stop"]
    ends.near.registerProducer(late, True)
    assert late.calls == ["stop"]
    ends.near.write(b"nobody there")
    assert ends.near.pending_bytes == 0


class Refusing(Factory):
    """Makes no protocol."""

    def buildProtocol(self, addr: object) -> None:
        assert addr == PipeAddress()


@pytest.mark.parametrize(
    "connect",
    [
        lambda: connect_in_process(Refusing(), End(), Clock()),
        lambda: connect_in_process_socket(Refusing(), reactor),
    ],
    ids=["memory", "socket"],
)
def test_a_factory_that_refuses_is_an_error(connect) -> None:
    with pytest.raises(InProcessRefused):
        connect()


@given(st.lists(st.tuples(st.sampled_from(["write", "pause", "resume", "turn"]), st.binary())))
def test_everything_written_arrives_in_order(steps) -> None:
    ends = Ends()
    written = b""
    for step, data in steps:
        if step == "write":
            ends.near.write(data)
            written += data
        elif step == "pause":
            ends.far.pauseProducing()
        elif step == "resume":
            ends.far.resumeProducing()
        else:
            ends.turn()
    ends.far.resumeProducing()
    ends.near.loseConnection()
    ends.turn(3)
    assert ends.server.events[-1] is ConnectionDone
    assert b"".join(event for event in ends.server.events if isinstance(event, bytes)) == written


def test_tls_runs_over_it(tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    clock = Clock()
    tls = ServerTls(ca.issue("server").options(), clock)
    client, server = End(), End()
    near = connect_in_process(Factory.forProtocol(lambda: server), client, clock)
    far = server.transport
    tls.start_tls(far, server)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = client_context(ca.cert_file).wrap_bio(incoming, outgoing, server_hostname="localhost")
    client.dataReceived = incoming.write

    def talk() -> None:
        near.write(outgoing.read())
        for _ in range(4):
            clock.advance(0)

    for _ in range(4):
        try:
            peer.do_handshake()
        except ssl.SSLWantReadError:
            talk()
    talk()
    peer.write(b"PING\r\n")
    talk()
    assert server.events == ["made", b"PING\r\n"]
    server.transport.write(b"PONG\r\n")
    talk()
    assert peer.read() == b"PONG\r\n"
    server.transport.abortConnection()
    talk()
    assert client.events[-1] is ConnectionLost
    assert len(server.events) == 3


class Echo(Protocol):
    """Greets, and answers in capitals."""

    def connectionMade(self) -> None:
        self.peer = self.transport.getPeer()
        self.host = self.transport.getHost()
        self.transport.write(b"INFO {}\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data.upper())


@pytest_twisted.ensureDeferred
async def test_a_socket_pair_serves_a_client_in_another_thread() -> None:
    echo = Echo()
    theirs = connect_in_process_socket(Factory.forProtocol(lambda: echo), reactor)

    def client() -> bytes:
        with theirs:
            theirs.settimeout(PATIENCE)
            reader = theirs.makefile("rb")
            greeting = reader.readline()
            theirs.sendall(b"hello\r\n")
            return greeting + reader.readline()

    assert await deferToThread(client) == b"INFO {}\r\nHELLO\r\n"
    assert (repr(echo.peer), repr(echo.host)) == ("pipe", "pipe")
    assert "in-process" in repr(echo.transport)
