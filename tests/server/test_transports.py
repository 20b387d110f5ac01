"""Every way in, with both routers: TCP, TLS, PROXY, Unix sockets, memory, socket pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pubsub.config.options import TlsOptions
from pubsub.errors import ClosedState
from tests.certs import Authority
from tests.patience import until
from tests.server.conftest import Serve, Served
from tests.server.peer import Peer, connect
from tests.server.talk import CONNECT, PROXY_1, PROXY_2, blocking, converse, trusting

reactor: Any = installed


@pytest_twisted.ensureDeferred
async def test_tcp(serve: Serve, router: str) -> None:
    one = await serve(router=router)
    info = await deferToThread(blocking, ("127.0.0.1", one.server.port))
    assert b'"client_ip":"127.0.0.1"' in info


@pytest_twisted.ensureDeferred
async def test_tls(serve: Serve, router: str, tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    one = await serve(router=router, tls=ca.issue("server").options())
    info = await deferToThread(blocking, ("127.0.0.1", one.server.port), trusting(ca))
    assert b'"tls_required":true' in info
    await _all_gone(one)
    (closed,) = one.server.registry.closed
    assert closed.tls.version == "1.3"
    assert closed.reason is ClosedState.CLIENT_CLOSED


@pytest_twisted.ensureDeferred
async def test_plain_text_where_tls_is_only_offered(
    serve: Serve, router: str, tmp_path: Path
) -> None:
    ca = Authority(tmp_path)
    one = await serve(router=router, tls=ca.issue("server").options(), allow_non_tls=True)
    address = ("127.0.0.1", one.server.port)
    assert b'"tls_available":true' in await deferToThread(blocking, address)
    assert b'"tls_available":true' in await deferToThread(blocking, address, trusting(ca))


@pytest_twisted.ensureDeferred
async def test_plain_text_where_tls_is_required_is_closed(
    serve: Serve, router: str, tmp_path: Path
) -> None:
    one = await serve(router=router, tls=Authority(tmp_path).issue("server").options())
    peer = await one.peer()
    await peer.info()
    peer.send(CONNECT)
    await peer.closed()
    await _all_gone(one)
    (closed,) = one.server.registry.closed
    assert closed.reason is ClosedState.TLS_HANDSHAKE_ERROR


@pytest.mark.parametrize("header", [PROXY_1, PROXY_2], ids=["v1", "v2"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest_twisted.ensureDeferred
async def test_behind_a_proxy(
    serve: Serve, router: str, header: bytes, tls: bool, tmp_path: Path
) -> None:
    """The address is the one the proxy says, for whatever transport carries the rest."""
    ca = Authority(tmp_path)
    options = ca.issue("server").options() if tls else None
    one = await serve(router=router, tls=options, proxy_protocol=True)
    await deferToThread(
        blocking, ("127.0.0.1", one.server.port), trusting(ca) if tls else None, header
    )
    await _all_gone(one)
    (closed,) = one.server.registry.closed
    assert (closed.ip, closed.port) == ("192.0.2.7", 5000)


@pytest_twisted.ensureDeferred
async def test_a_proxy_header_in_pieces_and_with_the_first_commands(
    serve: Serve, router: str
) -> None:
    one = await serve(router=router, proxy_protocol=True)
    peer = await one.peer()
    for byte in PROXY_1[:-1]:
        peer.send(bytes([byte]))
        await deferLater(reactor, 0)
    peer.send(PROXY_1[-1:] + CONNECT)
    await peer.until(b"PONG\r\n")
    (client,) = one.server.registry.open.values()
    assert client.address() == "192.0.2.7:5000"


@pytest_twisted.ensureDeferred
async def test_a_unix_socket(serve: Serve, router: str, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    one = await serve(router=router, listen=(f"unix:{path}",), dont_listen=True)
    await deferToThread(blocking, path)
    assert one.server.registry.totals.connections == 1


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_with_tls(serve: Serve, router: str, tmp_path: Path) -> None:
    ca, path = Authority(tmp_path), str(tmp_path / "s")
    tls = ca.issue("server").options()
    await serve(router=router, listen=(f"unix:{path}",), dont_listen=True, tls=tls)
    await deferToThread(blocking, path, trusting(ca))


@pytest_twisted.ensureDeferred
async def test_the_second_port(serve: Serve, router: str) -> None:
    one = await serve(router=router, listen=("127.0.0.1:0",))
    assert one.server._listeners is not None
    second = one.server._listeners.addresses[1].port
    await deferToThread(blocking, ("127.0.0.1", second))


@pytest_twisted.ensureDeferred
async def test_ipv4_and_ipv6_at_every_address(serve: Serve, router: str) -> None:
    one = await serve(router=router, host="0.0.0.0")
    for host in ("127.0.0.1", "::1"):
        peer = await one.peer(host=host)
        assert (await peer.info())["client_ip"] == host
        peer.send(CONNECT)
        await peer.until(b"PONG\r\n")


@pytest_twisted.ensureDeferred
async def test_a_socket_pair(serve: Serve, router: str) -> None:
    one = await serve(router=router)
    await deferToThread(converse, one.server.connect_in_process_socket(), None, b"")


@pytest_twisted.ensureDeferred
async def test_memory(serve: Serve, router: str) -> None:
    one = await serve(router=router, tls=None)
    peer = Peer()
    one.server.connect_in_process(peer)
    assert "client_ip" not in await peer.info()
    assert await peer.ask(CONNECT[:-6] + b"SUB a 1\r\n") == b""
    payload = bytes(300_000)
    peer.send(b"PUB a 300000\r\n" + payload + b"\r\n")
    assert await peer.until(b"\r\n") == b"MSG a 1 300000\r\n"
    assert await peer.until(b"\r\n") == payload + b"\r\n"


@pytest_twisted.ensureDeferred
async def test_memory_may_stay_in_plain_text_where_tls_is_required(
    serve: Serve, router: str, tmp_path: Path
) -> None:
    one = await serve(router=router, tls=Authority(tmp_path).issue("server").options())
    peer = Peer()
    one.server.connect_in_process(peer)
    info = await peer.info()
    assert (info.get("tls_required", False), info["tls_available"]) == (False, True)
    assert await peer.ask(CONNECT[:-6]) == b""


# how connections end


async def _all_gone(one: Served) -> None:
    await until(lambda: not one.server.registry.alive)


@pytest_twisted.ensureDeferred
async def test_who_closes_its_half_still_hears_the_rest(serve: Serve, router: str) -> None:
    """``printf 'PUB …' | nc``: what it asked for is answered, what it published is sent."""
    one = await serve(router=router)
    reader = await one.client()
    await reader.ask(b"SUB a 1\r\n")
    peer = await one.peer()
    await peer.until(b"\r\n")
    peer.send(CONNECT + b"PUB a 2\r\nhi\r\n")
    peer.transport.loseWriteConnection()
    assert await peer.closed() == b"PONG\r\n"
    assert await reader.until(b"hi\r\n") == b"MSG a 1 2\r\nhi\r\n"


@pytest_twisted.ensureDeferred
async def test_a_connection_lost_with_much_to_send_is_forgotten(serve: Serve, router: str) -> None:
    """The next one gets the same descriptor, and nothing of what was for the other."""
    one = await serve(router=router)
    for _ in range(5):
        deaf = await one.client()
        await deaf.ask(b"SUB big 1\r\n")
        deaf.transport.pauseProducing()
        # the first fills the socket, and what Twisted has before it says that it is full
        for _ in range(2):
            one.server.router.publish("$G", b"big", b"", b"", bytes(8_000_000))
            one.server.router.flush()
        (client,) = one.server.registry.open.values()
        assert client.link is not None
        assert client.link.pending_bytes > 0
        deaf.transport.abortConnection()
        await _all_gone(one)
        fresh = await one.client()
        assert await fresh.ask(b"SUB small 1\r\nPUB small 2\r\nhi\r\n") == (
            b"MSG small 1 2\r\nhi\r\n"
        )
        fresh.transport.loseConnection()
        await _all_gone(one)
    assert one.server.router.counters().in_msgs == 5


@pytest_twisted.ensureDeferred
async def test_a_slow_reader_gets_everything_in_order(serve: Serve, router: str) -> None:
    """Its socket is full many times; the reactor says when it is not."""
    one = await serve(router=router)
    slow = await one.client()
    await slow.ask(b"SUB big 1\r\n")
    slow.transport.pauseProducing()
    for number in range(10):
        one.server.router.publish("$G", b"big", b"", b"", b"%d" % number + bytes(999_999))
        one.server.router.flush()
    slow.transport.resumeProducing()
    for number in range(10):
        assert await slow.until(b"\r\n") == b"MSG big 1 1000000\r\n"
        assert await slow.until(b"\r\n") == b"%d" % number + bytes(999_999) + b"\r\n"
    assert await slow.ask(b"") == b""


@pytest_twisted.ensureDeferred
async def test_a_client_beyond_max_pending_is_a_slow_consumer(serve: Serve, router: str) -> None:
    one = await serve(router=router, max_pending=1_000_000)
    deaf, writer = await one.client(), await one.client()
    await deaf.ask(b"SUB big 1\r\n")
    deaf.transport.pauseProducing()
    payload = bytes(500_000)
    for _ in range(20):
        await writer.ask(b"PUB big 500000\r\n" + payload + b"\r\n")
        if len(one.server.registry.open) == 1:
            break
    (closed,) = one.server.registry.closed
    assert closed.reason is ClosedState.SLOW_CONSUMER_PENDING_BYTES
    deaf.transport.resumeProducing()
    await deaf.closed()


@pytest.fixture
def bob(tmp_path: Path) -> Callable[[], TlsOptions]:
    ca = Authority(tmp_path)
    return ca.issue("server").options


@pytest_twisted.ensureDeferred
async def test_stopping_during_handshakes_and_half_sent_headers(
    serve: Serve, router: str, bob: Callable[[], TlsOptions]
) -> None:
    """Nobody who never became a client keeps the server from ending."""
    one = await serve(router=router, tls=bob(), proxy_protocol=True)
    begun, silent = await one.peer(), await one.peer()
    begun.send(PROXY_1)
    await begun.info()
    silent.send(PROXY_1[:9])
    await deferLater(reactor, 0.01)
    gone: list[Deferred[bytes]] = [begun.closed(), silent.closed()]
    await one.server.close()
    for deferred in gone:
        await deferred


@pytest_twisted.ensureDeferred
async def test_a_flood_of_connections_is_served_and_forgotten(serve: Serve, router: str) -> None:
    one = await serve(router=router)
    for _ in range(3):
        peers = [await connect("127.0.0.1", one.server.port) for _ in range(40)]
        for peer in peers:
            peer.send(CONNECT + b"SUB x.* 1\r\n")
        for peer in peers:
            await peer.until(b"PONG\r\n")
            peer.transport.abortConnection()
        await _all_gone(one)
    assert one.server.registry.totals.connections == 120
    assert list(one.server.router.subscriptions("$G")) == []
