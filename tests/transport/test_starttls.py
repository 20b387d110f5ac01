"""The preamble, TLS and the TCP transport together, over real loopback sockets.

The clients are Twisted's with our :class:`ClientTls`, and Python's ``ssl`` in a thread.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.client.preamble import Preamble, PreambleSettings, TlsDetails
from pubsub.config.options import TlsOptions
from pubsub.errors import ClientFault, ClosedState
from pubsub.transport.tcp import listen_tcp
from pubsub.transport.tls import ClientTls, ServerTls
from tests.certs import Authority, Issued
from tests.patience import PATIENCE
from tests.transport.tls_peer import client_context

INFO = b"INFO {}\r\n"
PROXY = b"PROXY TCP4 192.0.2.1 198.51.100.7 35646 4222\r\n"


@implementer(IHandshakeListener)
class Greeter(Protocol):
    """A preamble's driver; echoes in capitals once it is ready."""

    factory: GreeterFactory

    def __init__(self) -> None:
        self.peer: tuple[str, int] | None = None
        self.details: TlsDetails | None = None
        self.is_ready = False

    def connectionMade(self) -> None:
        factory = self.factory
        self.preamble = Preamble(factory.settings, self, factory.clock)
        factory.connections.append(self)
        self.preamble.start()

    def dataReceived(self, data: bytes) -> None:
        if self.is_ready:
            self.transport.write(data.upper())
        else:
            self.preamble.data_received(data)

    def handshakeCompleted(self) -> None:
        self.preamble.handshake_completed(ServerTls.details(self.transport))

    def connectionLost(self, reason: Failure = Protocol.connectionLost.__defaults__[0]) -> None:  # type: ignore[index]
        self.preamble.connection_lost(reason)

    def send_info(self, tls_required: bool | None, client_ip: bool) -> None:
        self.transport.write(INFO)

    def start_tls(self, pending: bytes) -> None:
        self.factory.tls.start_tls(self.transport, self, pending)

    def peer_known(self, host: str, port: int) -> None:
        self.peer = (host, port)

    def ready(self, rest: bytes) -> None:
        self.is_ready = True
        self.details = self.preamble.tls_details
        if rest:
            self.dataReceived(rest)

    def failed(
        self, fault: ClientFault | None, state: ClosedState, log: str, level: LogLevel
    ) -> None:
        if fault is not None:
            self.transport.write(fault.to_bytes())
        self.transport.loseConnection()
        self.factory.failed.callback((state, log))

    def debug(self, text: str) -> None:
        self.factory.log.append(text)


class GreeterFactory(Factory):
    protocol = Greeter
    noisy = False

    def __init__(self, tls: ServerTls, settings: PreambleSettings) -> None:
        self.tls = tls
        self.settings = settings
        self.clock = Clock()
        self.connections: list[Greeter] = []
        self.log: list[str] = []
        #: fires when a connection fails
        self.failed: Deferred[tuple[ClosedState, str]] = Deferred()


class Running:
    """A listening server."""

    def __init__(self, tls: ServerTls, settings: PreambleSettings) -> None:
        self.factory = GreeterFactory(tls, settings)
        self.port = listen_tcp(reactor, 0, self.factory, "127.0.0.1")
        self.address = ("127.0.0.1", self.port.getHost().port)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(ca: Authority) -> Issued:
    return ca.issue("server")


@pytest.fixture(scope="module")
def client(ca: Authority) -> Issued:
    return ca.issue("client", client=True)


@pytest.fixture
def run():
    made: list[Running] = []

    def start(options: TlsOptions, **settings: object) -> Running:
        running = Running(ServerTls(options), PreambleSettings(tls=True, **settings))  # type: ignore[arg-type]
        made.append(running)
        return running

    yield start
    for running in made:
        for connection in running.factory.connections:
            if connection.transport.connected:
                connection.transport.abortConnection()
        pytest_twisted.blockon(running.port.stopListening())


def read_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            piece = connection.recv(size - len(data))
        except ConnectionResetError:
            # the end, too: a handshake that is given up may be aborted
            break
        if not piece:
            break
        data += piece
    return data


def in_thread(
    address: tuple[str, int], talk: Callable[[socket.socket], object]
) -> Deferred[object]:
    """Run ``talk`` with a blocking socket in a thread, away from the reactor."""

    def work() -> object:
        with socket.create_connection(address, timeout=PATIENCE) as connection:
            return talk(connection)

    return deferToThread(work)


def after_info(context: ssl.SSLContext) -> Callable[[socket.socket], object]:
    """A NATS client: INFO, TLS, then a round trip."""

    def talk(connection: socket.socket) -> object:
        assert read_exactly(connection, len(INFO)) == INFO
        with context.wrap_socket(connection, server_hostname="localhost") as secure:
            secure.sendall(b"ping\r\n")
            return read_exactly(secure, 6), secure.version()

    return talk


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_info_then_tls(run, ca, server, version) -> None:
    running = run(server.options())
    context = client_context(ca.cert_file, version=version)
    answer = await in_thread(running.address, after_info(context))
    assert answer == (b"PING\r\n", f"TLSv{version}")
    (connection,) = running.factory.connections
    assert connection.details.version == version
    assert running.factory.log[-1].startswith(f"TLS version {version}, cipher suite TLS_")


@pytest_twisted.ensureDeferred
async def test_tls_before_info(run, ca, server) -> None:
    running = run(server.options(), handshake_first=True)

    def talk(connection: socket.socket) -> object:
        with client_context(ca.cert_file).wrap_socket(
            connection, server_hostname="localhost"
        ) as secure:
            heard = read_exactly(secure, len(INFO))
            secure.sendall(b"ping\r\n")
            return heard + read_exactly(secure, 6)

    assert await in_thread(running.address, talk) == INFO + b"PING\r\n"


@pytest_twisted.ensureDeferred
async def test_a_handshake_one_byte_at_a_time(run, ca, server) -> None:
    running = run(server.options())

    def talk(connection: socket.socket) -> object:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read_exactly(connection, len(INFO))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        peer = client_context(ca.cert_file).wrap_bio(
            incoming, outgoing, server_hostname="localhost"
        )

        def send() -> None:
            for byte in outgoing.read():
                connection.sendall(bytes((byte,)))

        while True:
            try:
                peer.do_handshake()
                break
            except ssl.SSLWantReadError:
                send()
                incoming.write(connection.recv(65536))
        peer.write(b"ping\r\n")
        send()
        while True:
            try:
                return peer.read()
            except ssl.SSLWantReadError:
                incoming.write(connection.recv(65536))

    assert await in_thread(running.address, talk) == b"PING\r\n"


@pytest_twisted.ensureDeferred
async def test_the_proxy_header_comes_before_tls(run, ca, server) -> None:
    running = run(server.options(), proxy_protocol=True)
    talk = after_info(client_context(ca.cert_file))

    def behind_proxy(connection: socket.socket) -> object:
        connection.sendall(PROXY)
        return talk(connection)

    assert (await in_thread(running.address, behind_proxy))[0] == b"PING\r\n"
    assert running.factory.connections[0].peer == ("192.0.2.1", 35646)


@pytest_twisted.ensureDeferred
async def test_plain_text_is_hung_up_on_without_a_word(run, server) -> None:
    running = run(server.options())

    def talk(connection: socket.socket) -> object:
        connection.sendall(b"CONNECT {}\r\n")
        return read_exactly(connection, 1000)

    assert await in_thread(running.address, talk) == INFO
    state, log = await running.factory.failed
    assert state is ClosedState.TLS_HANDSHAKE_ERROR
    assert log == "TLS handshake error: first record does not look like a TLS handshake"


@pytest_twisted.ensureDeferred
async def test_plain_text_and_tls_on_one_port(run, ca, server) -> None:
    running = run(server.options(), allow_non_tls=True)

    def plain(connection: socket.socket) -> object:
        read_exactly(connection, len(INFO))
        connection.sendall(b"ping\r\n")
        return read_exactly(connection, 6)

    assert await in_thread(running.address, plain) == b"PING\r\n"
    secure = await in_thread(running.address, after_info(client_context(ca.cert_file)))
    assert secure[0] == b"PING\r\n"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00"], ids=["silence", "half a hello"])
async def test_a_handshake_that_takes_too_long_is_ended(run, server, said) -> None:
    running = run(server.options())
    greeted: Deferred[None] = Deferred()

    def talk(connection: socket.socket) -> object:
        read_exactly(connection, len(INFO))
        connection.sendall(said)
        reactor.callFromThread(greeted.callback, None)
        return read_exactly(connection, 1000)

    rest = in_thread(running.address, talk)
    await greeted
    running.factory.clock.advance(2)
    assert await running.factory.failed == (
        ClosedState.TLS_HANDSHAKE_ERROR,
        "TLS handshake timeout",
    )
    assert await rest == b""


@pytest_twisted.ensureDeferred
async def test_a_client_must_show_a_certificate(run, ca, server, client) -> None:
    running = run(server.options(verify=True, ca_file=ca.cert_file))

    def without(connection: socket.socket) -> object:
        read_exactly(connection, len(INFO))
        with pytest.raises(ssl.SSLError, match="certificate required"):  # noqa: SIM117
            with client_context(ca.cert_file).wrap_socket(
                connection, server_hostname="localhost"
            ) as secure:
                secure.recv(1)

    await in_thread(running.address, without)
    assert (await running.factory.failed)[1] == (
        "TLS handshake error: tls: client didn't provide a certificate"
    )
    context = client_context(ca.cert_file, certificate=(client.cert_file, client.key_file))
    assert (await in_thread(running.address, after_info(context)))[0] == b"PING\r\n"
    shown = running.factory.connections[-1].details.peer_certificates
    assert shown[0].subject == "CN=client"


@pytest_twisted.ensureDeferred
async def test_a_client_of_another_authority_is_refused(run, ca, server, tmp_path) -> None:
    running = run(server.options(verify=True, ca_file=ca.cert_file))
    stranger = Authority(tmp_path, "other").issue("stranger", client=True)
    context = client_context(ca.cert_file, certificate=(stranger.cert_file, stranger.key_file))

    def talk(connection: socket.socket) -> object:
        read_exactly(connection, len(INFO))
        with pytest.raises(ssl.SSLError, match="unknown ca"):  # noqa: SIM117
            with context.wrap_socket(connection, server_hostname="localhost") as secure:
                secure.recv(1)

    await in_thread(running.address, talk)
    state, log = await running.factory.failed
    assert state is ClosedState.TLS_HANDSHAKE_ERROR
    assert "certificate signed by unknown authority (CN=stranger SHA-256: " in log


@pytest_twisted.ensureDeferred
async def test_only_pinned_certificates_get_in(run, ca, server, client) -> None:
    options = server.options(verify=True, ca_file=ca.cert_file)
    running = run(options, pinned_certs=frozenset([client.spki_sha256]))
    context = client_context(ca.cert_file, certificate=(client.cert_file, client.key_file))
    assert (await in_thread(running.address, after_info(context)))[0] == b"PING\r\n"

    other = ca.issue("other", client=True)
    context = client_context(ca.cert_file, certificate=(other.cert_file, other.key_file))

    def talk(connection: socket.socket) -> object:
        read_exactly(connection, len(INFO))
        try:
            with context.wrap_socket(connection, server_hostname="localhost") as secure:
                secure.sendall(b"ping\r\n")
                return secure.recv(100)
        except OSError:
            return b""

    assert await in_thread(running.address, talk) == b""
    assert await running.factory.failed == (
        ClosedState.TLS_HANDSHAKE_ERROR,
        "TLS handshake error: certificate not pinned",
    )
    assert running.factory.log[-1] == f"Failed pinned cert test for key id: {other.spki_sha256}"


class Talker(Protocol):
    """A Twisted client that says one thing at a time."""

    def __init__(self) -> None:
        self.heard = b""
        self.waiting: tuple[int, Deferred[bytes]] | None = None
        self.lost: Deferred[BaseException | None] = Deferred()

    def ask(self, data: bytes, size: int) -> Deferred[bytes]:
        """Say ``data`` and wait for ``size`` bytes."""
        self.transport.write(data)
        return self.hear(size)

    def hear(self, size: int) -> Deferred[bytes]:
        waiting: Deferred[bytes] = Deferred()
        self.waiting = (size, waiting)
        self._look()
        return waiting

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self._look()

    def _look(self) -> None:
        if self.waiting is not None and len(self.heard) >= self.waiting[0]:
            size, waiting = self.waiting
            self.waiting = None
            data, self.heard = self.heard[:size], self.heard[size:]
            waiting.callback(data)

    def connectionLost(self, reason: Failure = Protocol.connectionLost.__defaults__[0]) -> None:  # type: ignore[index]
        self.lost.callback(reason.value)


async def dial(address: tuple[str, int], creator: ClientTls) -> Talker:
    endpoint = wrapClientTLS(creator, TCP4ClientEndpoint(reactor, *address))
    talker = await endpoint.connect(Factory.forProtocol(Talker))
    assert isinstance(talker, Talker)
    return talker


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("hostname", ["localhost", "127.0.0.1"])
async def test_our_own_client_side_verifies_whom_it_called(run, ca, server, hostname) -> None:
    running = run(server.options(), handshake_first=True)
    creator = ClientTls(TlsOptions(ca_file=ca.cert_file), hostname)
    talker = await dial(running.address, creator)
    assert await talker.hear(len(INFO)) == INFO
    assert await talker.ask(b"ping\r\n", 6) == b"PING\r\n"
    talker.transport.loseConnection()
    await talker.lost


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("hostname", ["localhost", "127.0.0.1"])
async def test_our_own_client_side_refuses_another_host(run, ca, hostname) -> None:
    running = run(ca.wrong_host().options(), handshake_first=True)
    talker = await dial(running.address, ClientTls(TlsOptions(ca_file=ca.cert_file), hostname))
    reason = await talker.lost
    assert f"certificate is not for {hostname}" in str(reason)
    await running.factory.failed


@pytest_twisted.ensureDeferred
async def test_our_own_client_side_refuses_an_unknown_authority(run, server, tmp_path) -> None:
    running = run(server.options(), handshake_first=True)
    other = Authority(tmp_path, "other")
    talker = await dial(
        running.address, ClientTls(TlsOptions(ca_file=other.cert_file), "localhost")
    )
    reason = await talker.lost
    assert "certificate signed by unknown authority" in str(reason)
    await running.factory.failed


@pytest_twisted.ensureDeferred
async def test_an_insecure_link_asks_nobody(run, ca) -> None:
    running = run(ca.wrong_host().options(), handshake_first=True)
    talker = await dial(running.address, ClientTls(TlsOptions(insecure=True), "localhost"))
    assert await talker.hear(len(INFO)) == INFO
    talker.transport.loseConnection()
    await talker.lost


@pytest_twisted.ensureDeferred
async def test_our_own_client_side_shows_its_certificate(run, ca, server, client) -> None:
    running = run(server.options(verify=True, ca_file=ca.cert_file), handshake_first=True)
    creator = ClientTls(client.options(ca_file=ca.cert_file), "localhost")
    talker = await dial(running.address, creator)
    await talker.hear(len(INFO))
    shown = running.factory.connections[0].details.peer_certificates
    assert shown[0].spki_sha256 == client.spki_sha256
    talker.transport.loseConnection()
    await talker.lost


@pytest_twisted.ensureDeferred
async def test_reload_under_live_connections(run, ca, server) -> None:
    """Old connections go on; new ones get the new certificate from the same listener."""
    running = run(server.options(), handshake_first=True)
    creator = ClientTls(TlsOptions(ca_file=ca.cert_file), "localhost")
    old = await dial(running.address, creator)
    await old.hear(len(INFO))
    renewed = ca.issue("renewed")
    running.factory.tls.reload(renewed.options())
    new = await dial(running.address, creator)
    await new.hear(len(INFO))
    shown = [talker.transport.getPeerCertificate().to_cryptography() for talker in (old, new)]
    assert shown == [server.certificate, renewed.certificate]
    assert await old.ask(b"still here\r\n", 12) == b"STILL HERE\r\n"
    assert await new.ask(b"me too\r\n", 8) == b"ME TOO\r\n"
    for talker in (old, new):
        talker.transport.loseConnection()
        await talker.lost


@pytest_twisted.ensureDeferred
async def test_a_lot_of_data_both_ways(run, ca, server) -> None:
    running = run(server.options(), handshake_first=True)
    talker = await dial(running.address, ClientTls(TlsOptions(ca_file=ca.cert_file), "localhost"))
    await talker.hear(len(INFO))
    assert await talker.ask(b"x" * 1_000_000, 1_000_000) == b"X" * 1_000_000
    talker.transport.loseConnection()
    await talker.lost


@pytest_twisted.ensureDeferred
async def test_tls_over_a_unix_socket(ca, server, tmp_path) -> None:
    settings = PreambleSettings(tls=True, handshake_first=True)
    factory = GreeterFactory(ServerTls(server.options()), settings)
    path = str(tmp_path / "s")
    port = await UNIXServerEndpoint(reactor, path).listen(factory)
    creator = ClientTls(TlsOptions(ca_file=ca.cert_file), "localhost")
    endpoint = wrapClientTLS(creator, UNIXClientEndpoint(reactor, path))
    talker = await endpoint.connect(Factory.forProtocol(Talker))
    assert isinstance(talker, Talker)
    assert await talker.hear(len(INFO)) == INFO
    assert await talker.ask(b"ping\r\n", 6) == b"PING\r\n"
    talker.transport.loseConnection()
    await talker.lost
    await port.stopListening()
