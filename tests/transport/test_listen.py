"""Listeners on real sockets of this machine: TCP in both families, Unix sockets, endpoints."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from pubsub.config.options import Options
from pubsub.errors import InvalidOption, ListenError
from pubsub.transport import listen
from pubsub.transport.listen import (
    BoundAddress,
    Listeners,
    bind_tcp,
    host_port,
    remove_stale_socket,
    split_host_port,
    unmapped,
)
from pubsub.transport.tcp import ServerConnection


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")


class Greeter(Protocol):
    """Says hello, and remembers who came."""

    factory: GreeterFactory

    def connectionMade(self) -> None:
        self.factory.transports.append(self.transport)
        self.factory.peers.append(self.transport.getPeer())
        self.transport.write(b"INFO {}\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data.upper())


class GreeterFactory(Factory):
    protocol = Greeter
    noisy = False

    def __init__(self) -> None:
        self.transports: list[object] = []
        self.peers: list[object] = []
        self.built: list[IAddress | None] = []

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        self.built.append(addr)
        return super().buildProtocol(addr)


class Caller(Protocol):
    """Sends ``hello`` and waits for the greeting and the answer."""

    def __init__(self) -> None:
        self.heard = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(b"hello\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if self.heard.count(b"\n") == 2:
            self.transport.loseConnection()

    def connectionLost(self, reason: object = None) -> None:
        self.done.callback(self.heard)


async def call(endpoint: str) -> bytes:
    """A round trip to a listener."""
    caller = await clientFromString(reactor, endpoint).connect(Factory.forProtocol(Caller))
    assert isinstance(caller, Caller)
    return await caller.done


HEARD = b"INFO {}\r\nHELLO\r\n"


class Started:
    """Listeners that are stopped at the end of the test."""

    def __init__(self) -> None:
        self.factory = GreeterFactory()
        self.all: list[Listeners] = []

    @property
    def listeners(self) -> Listeners:
        """Those made last."""
        return self.all[-1]

    async def __call__(self, **options: object) -> list[BoundAddress]:
        settings: dict[str, object] = {"host": "127.0.0.1", "port": -1, **options}
        self.all.append(Listeners(Options(**settings), reactor, self.factory))  # type: ignore[arg-type]
        await self.listeners.open()
        return self.listeners.addresses


@pytest.fixture
def started():
    made = Started()
    yield made
    for listeners in made.all:
        pytest_twisted.blockon(listeners.close())


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("port", [-1, 0])
async def test_a_random_port_is_told(started, port) -> None:
    (address,) = await started(port=port)
    assert address.option == "port"
    assert address.port > 0
    assert str(address) == f"127.0.0.1:{address.port}"
    assert started.listeners.addresses == [address]
    assert await call(f"tcp:127.0.0.1:{address.port}") == HEARD


@pytest_twisted.ensureDeferred
async def test_the_port_is_told_before_anybody_is_accepted(tmp_path) -> None:
    options = Options(host="127.0.0.1", port=-1, listen=(f"unix:{tmp_path / 's'}", ":0"))
    listeners = Listeners(options, reactor, GreeterFactory())
    told: list[int] = []
    assert listeners.port == 0
    await listeners.open(lambda: told.append(listeners.port))
    assert told == [listeners.port]
    assert listeners.port > 0
    assert [host for host, _ in listeners.tcp_addresses()] == ["127.0.0.1", "0.0.0.0"]
    await listeners.close()
    assert listeners.port == 0


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
async def test_each_read_may_end_with_a_flush(host) -> None:
    flushes: list[int] = []
    port, _ = bind_tcp(reactor, "port", host, 0, GreeterFactory(), lambda: flushes.append(1))
    port.flush()
    assert flushes == [1]
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_tcp_connections_are_those_the_router_can_read_itself(started) -> None:
    (address,) = await started()
    await call(f"tcp:127.0.0.1:{address.port}")
    assert isinstance(started.factory.transports[0], ServerConnection)
    assert started.factory.peers[0].host == "127.0.0.1"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
async def test_a_wildcard_takes_ipv4_clients_and_shows_them_as_such(started, host) -> None:
    (address,) = await started(host=host)
    assert str(address) == host_port(host or "0.0.0.0", address.port)
    assert await call(f"tcp:127.0.0.1:{address.port}") == HEARD
    (peer,) = started.factory.peers
    (built,) = started.factory.built
    assert isinstance(peer, IPv4Address)
    assert peer == built
    assert peer.host == "127.0.0.1"
    assert started.factory.transports[0].getHost() == IPv4Address("TCP", "127.0.0.1", address.port)


@needs_ipv6
@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1"])
async def test_ipv6_clients_are_served_as_by_nats_server(started, host) -> None:
    (address,) = await started(host=host)
    caller = await clientFromString(reactor, rf"tcp:host=\:\:1:port={address.port}").connect(
        Factory.forProtocol(Caller)
    )
    assert await caller.done == HEARD
    assert started.factory.peers[0].host == "::1"
    assert isinstance(started.factory.peers[0], IPv6Address)


@pytest_twisted.ensureDeferred
async def test_without_ipv6_a_wildcard_is_ipv4(started, monkeypatch) -> None:
    def no_ipv6(self: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(listen.DualStackPort, "createInternetSocket", no_ipv6)
    (address,) = await started(host="0.0.0.0")
    assert await call(f"tcp:127.0.0.1:{address.port}") == HEARD
    with pytest.raises(ListenError, match=r"\[::\]:0, Address family not supported"):
        await Started()(host="::")


@pytest_twisted.ensureDeferred
async def test_a_host_name_is_its_ipv4_address(started) -> None:
    (address,) = await started(host="localhost")
    assert str(address) == f"localhost:{address.port}"
    assert await call(f"tcp:127.0.0.1:{address.port}") == HEARD


@pytest_twisted.ensureDeferred
async def test_further_listeners_come_after_the_main_one(started, tmp_path) -> None:
    path = tmp_path / "s"
    addresses = await started(listen=("127.0.0.1:0", f"unix:{path}", "tcp:0:interface=127.0.0.1"))
    assert [address.option for address in addresses] == ["port", "listen", "listen", "listen"]
    assert [address.host for address in addresses] == ["127.0.0.1", "127.0.0.1", "", "127.0.0.1"]
    assert str(addresses[2]) == str(path)
    for address in addresses:
        client = f"unix:{path}" if address.path else f"tcp:127.0.0.1:{address.port}"
        assert await call(client) == HEARD


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_has_the_mode_it_was_given(started, tmp_path) -> None:
    path = tmp_path / "pubsub.sock"
    await started(listen=(f"unix:{path}:mode=600",))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert await call(f"unix:{path}") == HEARD
    assert isinstance(started.factory.peers[0], UNIXAddress)


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_goes_when_the_server_does(tmp_path) -> None:
    path = tmp_path / "pubsub.sock"
    started = Started()
    await started(listen=(f"unix:{path}",))
    assert path.exists()
    await started.listeners.close()
    assert not path.exists()
    assert started.listeners.addresses == []


def leave_stale_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
        gone.listen()


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("lockfile", ["", ":lockfile=0"])
async def test_a_stale_unix_socket_is_replaced(started, tmp_path, lockfile) -> None:
    path = tmp_path / "pubsub.sock"
    leave_stale_socket(path)
    await started(listen=(f"unix:{path}{lockfile}",))
    assert await call(f"unix:{path}") == HEARD


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_somebody_listens_on_is_kept(started, tmp_path) -> None:
    path = tmp_path / "pubsub.sock"
    await started(listen=(f"unix:{path}",))
    with pytest.raises(ListenError) as caught:
        await Started()(listen=(f"unix:{path}:lockfile=0",))
    assert caught.value.option == "listen"
    assert str(path) in str(caught.value)
    assert "in use" in str(caught.value)
    assert await call(f"unix:{path}") == HEARD


def test_only_sockets_are_ever_removed(tmp_path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("keep me")
    remove_stale_socket(str(plain))
    assert plain.read_text() == "keep me"
    remove_stale_socket(str(tmp_path / "nothing"))


def test_a_socket_that_is_busy_is_not_removed(tmp_path) -> None:
    path = tmp_path / "busy"
    # a datagram socket refuses our kind of connection, but not as a dead one does
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        remove_stale_socket(str(path))
    assert path.exists()


@pytest_twisted.ensureDeferred
async def test_an_address_in_use_is_named_with_its_option(started) -> None:
    (address,) = await started()
    with pytest.raises(ListenError) as caught:
        await Started()(port=address.port)
    assert str(caught.value) == (
        f"Error listening on port: 127.0.0.1:{address.port}, Address already in use (option 'port')"
    )
    assert isinstance(caught.value.__cause__, CannotListenError)


@pytest_twisted.ensureDeferred
async def test_a_wildcard_in_use_is_named(started) -> None:
    (address,) = await started(host="0.0.0.0")
    with pytest.raises(ListenError, match=rf"0\.0\.0\.0:{address.port}, Address already in use"):
        await Started()(host="0.0.0.0", port=address.port)


@pytest_twisted.ensureDeferred
async def test_nothing_listens_when_one_of_them_cannot(started, free_port, tmp_path) -> None:
    port, path = free_port(), tmp_path / "s"
    with pytest.raises(ListenError, match="option 'listen'"):
        await started(port=port, listen=(f"unix:{path}", f"127.0.0.1:{port}"))
    assert started.listeners.addresses == []
    assert not path.exists()
    (address,) = await started(port=port)
    assert address.port == port


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "no-such-host.invalid"}, r"no-such-host\.invalid:0, "),
        ({"host": "192.0.2.254"}, r"192\.0\.2\.254:0, Cannot assign requested address"),
        ({"listen": ("unix:/nonexistent/dir/s",)}, r"unix:/nonexistent/dir/s, "),
    ],
)
async def test_an_address_that_cannot_be_had_is_an_error(options, message) -> None:
    with pytest.raises(ListenError, match=message):
        await Started()(**options)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 65536}, "port: there is no port 65536"),
        ({"listen": ("127.0.0.1:65536",)}, "listen: there is no port 65536"),
        ({"listen": ("ssl:4443:privateKey=k",)}, "NATS clients begin TLS after INFO"),
        ({"listen": ("somewhere",)}, "is neither host:port nor a Twisted endpoint"),
        ({"listen": ("nonsense:1:2:3",)}, "is neither host:port nor a Twisted endpoint"),
        ({"listen": ("tcp:notaport",)}, "is neither host:port nor a Twisted endpoint"),
        ({"listen": ("systemd:domain=INET:index=7",)}, "is neither host:port"),
        ({"listen": ("",)}, "is neither host:port nor a Twisted endpoint"),
    ],
)
async def test_an_entry_that_makes_no_sense_is_refused(options, message) -> None:
    with pytest.raises(InvalidOption, match=message):
        await Started()(**options)


@pytest_twisted.ensureDeferred
async def test_stopping_keeps_the_connections(started) -> None:
    (address,) = await started()
    caller = await clientFromString(reactor, f"tcp:127.0.0.1:{address.port}").connect(
        Factory.forProtocol(lambda: QuietCaller())
    )
    await caller.greeted
    await started.listeners.close()
    caller.transport.write(b"one\r\ntwo\r\n")
    assert await caller.done == b"INFO {}\r\nONE\r\nTWO\r\n"


class QuietCaller(Caller):
    """Waits for the greeting before it says anything."""

    def __init__(self) -> None:
        super().__init__()
        self.greeted: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        pass

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if not self.greeted.called:
            self.greeted.callback(None)
        if self.heard.count(b"\n") == 3:
            self.transport.loseConnection()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:4222", ("127.0.0.1", 4222)),
        ("localhost:-1", ("localhost", -1)),
        (":4222", ("", 4222)),
        ("4222", ("", 4222)),
        ("[::1]:4222", ("::1", 4222)),
        ("[::]:0", ("::", 0)),
        ("::1:4222", None),
        ("tcp:4222", None),
        ("tcp6:4222", None),
        ("ssl:4222", None),
        ("unix:/run/x", None),
        ("unix:/run/x:mode=660", None),
        ("systemd:domain=INET:index=0", None),
        ("", None),
        ("host:", None),
        ("²", None),
    ],
)
def test_host_and_port_are_told_from_endpoints(text, expected) -> None:
    assert split_host_port(text) == expected


def test_addresses_are_written_as_in_urls() -> None:
    assert host_port("127.0.0.1", 4222) == "127.0.0.1:4222"
    assert host_port("::", 4222) == "[::]:4222"
    assert str(BoundAddress("port", "::", 4222)) == "[::]:4222"
    assert str(BoundAddress("listen", path="/run/x")) == "/run/x"
    assert str(BoundAddress("haproxy:odd")) == "haproxy:odd"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (IPv6Address("TCP", "::ffff:192.0.2.1", 7), IPv4Address("TCP", "192.0.2.1", 7)),
        (IPv6Address("TCP", "::1", 7), IPv6Address("TCP", "::1", 7)),
        (IPv6Address("TCP", "::ffff:1:2", 7), IPv6Address("TCP", "::ffff:1:2", 7)),
        (IPv4Address("TCP", "192.0.2.1", 7), IPv4Address("TCP", "192.0.2.1", 7)),
        (UNIXAddress(b"/x"), UNIXAddress(b"/x")),
    ],
)
def test_an_ipv4_address_in_ipv6_clothes_is_an_ipv4_address(address, expected) -> None:
    assert unmapped(address) == expected
