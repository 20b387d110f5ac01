"""The composition root: a server on a reactor, from open to close.

What happens while it runs is in ``tests/server/``: reloading, transports, signals.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, Logger, formatEvent, globalLogPublisher
from zope.interface.verify import verifyObject

from pubsub._version import NATS_VERSION
from pubsub.config.options import AuthorizationOptions, Options, TlsOptions
from pubsub.errors import BackendUnavailable, InvalidOption, ListenError, PubSubError
from pubsub.monitor.state import IServerState
from pubsub.server import PubSubServer
from pubsub.system.lameduck import ILameDuckServer
from pubsub.system.signals import IServerControl
from pubsub.transport.inprocess import InProcessRefused
from tests.server.conftest import Serve, router, serve
from tests.server.peer import Peer, connect

__all__ = ["router", "serve"]

reactor: Any = installed


@pytest.fixture
def lines() -> Any:
    """Every line that is logged."""
    logged: list[str] = []

    def observe(event: LogEvent) -> None:
        logged.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield logged
    globalLogPublisher.removeObserver(observe)


@pytest.mark.parametrize("interface", [IServerControl, ILameDuckServer, IServerState])
def test_it_is_what_signals_lame_duck_mode_and_monitoring_need(interface: Any) -> None:
    assert verifyObject(interface, PubSubServer(Options(), Clock()))


def test_making_one_opens_nothing() -> None:
    server = PubSubServer(Options(http_port=-1), Clock())
    assert (server.port, server.monitoring_port, server.lame_duck) == (0, 0, False)
    assert server.not_ready() == "server"
    assert server.name == server.server_id
    assert server.tls_not_after == 0.0


# starting


@pytest_twisted.ensureDeferred
async def test_info_introduces_the_server(serve: Serve) -> None:
    one = await serve(server_name="nina", max_payload=4096)
    info = await (await one.peer()).info()
    assert info["server_id"] == one.server.server_id
    assert info["server_name"] == "nina"
    assert info["version"] == NATS_VERSION
    assert (info["host"], info["port"]) == ("127.0.0.1", one.server.port)
    assert (info["max_payload"], info["headers"], info["proto"]) == (4096, True, 1)
    assert info["client_ip"] == "127.0.0.1"
    assert info["client_id"] == 1
    assert "auth_required" not in info
    assert "tls_required" not in info


@pytest_twisted.ensureDeferred
async def test_it_says_what_it_opens_and_then_that_it_is_ready(
    serve: Serve, lines: list[str]
) -> None:
    one = await serve(server_name="nina", http_port=-1)
    assert lines[0] == "Starting pubsub-server"
    assert "  Name:     nina" in lines
    monitor = f"Starting http monitor on 127.0.0.1:{one.server.monitoring_port}"
    clients = f"Listening for client connections on 127.0.0.1:{one.server.port}"
    assert lines.index(monitor) < lines.index(clients) < lines.index("Server is ready")
    assert one.server.not_ready() == ""


@pytest_twisted.ensureDeferred
async def test_the_pid_and_ports_files_say_where_it_is(serve: Serve, tmp_path: Path) -> None:
    one = await serve(pid_file=str(tmp_path / "pid"), ports_file_dir=str(tmp_path), http_port=-1)
    assert (tmp_path / "pid").read_text() == str(os.getpid())
    (ports,) = tmp_path.glob(f"*_{os.getpid()}.ports")
    assert json.loads(ports.read_text()) == {
        "nats": [f"nats://127.0.0.1:{one.server.port}"],
        "monitoring": [f"http://127.0.0.1:{one.server.monitoring_port}"],
    }
    await one.server.close()
    assert not ports.exists()
    assert (tmp_path / "pid").exists()


@pytest_twisted.ensureDeferred
async def test_it_listens_wherever_it_is_told_to(serve: Serve, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    one = await serve(listen=("127.0.0.1:0", "[::1]:0", f"unix:{path}"))
    assert one.server._listeners is not None
    main, second, six, unix = one.server._listeners.addresses
    assert len({main.port, second.port, six.port}) == 3
    for host, port in (("127.0.0.1", second.port), ("::1", six.port)):
        info = await (await one.peer(port, host)).info()
        assert info["port"] == main.port
        assert info["client_ip"] == host
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    assert unix.path == path
    await one.server.close()
    assert not os.path.exists(path)


@pytest_twisted.ensureDeferred
async def test_a_server_need_not_listen_at_all(serve: Serve) -> None:
    one = await serve(dont_listen=True)
    assert one.server.port == 0
    assert one.server.not_ready() == ""
    peer = Peer()
    one.server.connect_in_process(peer)
    assert (await peer.info())["server_id"] == one.server.server_id
    await one.server.close()
    assert await peer.closed() == b""


@pytest_twisted.ensureDeferred
async def test_why_the_compiled_router_does_not_run_is_said_once(
    serve: Serve, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_NO_EXTENSIONS", "1")
    one = await serve()
    assert one.server.router.name == "python"
    said = [line for line in lines if "PUBSUB_NO_EXTENSIONS" in line]
    assert len(said) == 1
    assert said[0] == (
        "Using the python router, which is slower; native: "
        "the compiled extension is switched off by PUBSUB_NO_EXTENSIONS; unset it"
    )


@pytest_twisted.ensureDeferred
async def test_who_chose_the_python_router_is_not_told_of_the_other(
    serve: Serve, lines: list[str]
) -> None:
    await serve(router="python")
    assert "  Router:   python" in lines
    assert not [line for line in lines if "slower" in line]


# starting in vain


@pytest_twisted.ensureDeferred
async def test_a_port_that_is_taken_is_named_and_nothing_stays_open(
    serve: Serve, free_port: Callable[[], int], tmp_path: Path
) -> None:
    http = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as refused:
            await serve(
                port=port, http_port=http, pid_file=str(tmp_path / "pid"),
                ports_file_dir=str(tmp_path),
            )  # fmt: skip
    assert str(refused.value).startswith(
        f"Error listening on port: 127.0.0.1:{port}, Address already in use"
    )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", http))


@pytest_twisted.ensureDeferred
async def test_a_monitoring_port_that_is_taken_keeps_the_clients_out_too(
    serve: Serve, free_port: Callable[[], int]
) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ListenError, match="http_port"):
            await serve(port=port, http_port=taken.getsockname()[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest_twisted.ensureDeferred
async def test_a_pid_file_that_cannot_be_written_stops_the_start(
    serve: Serve, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    with pytest.raises(PubSubError, match=r"Could not write pidfile: .*missing/pid: No such file"):
        await serve(port=port, pid_file=str(tmp_path / "missing" / "pid"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest_twisted.ensureDeferred
async def test_an_advertised_address_that_is_none_stops_the_start(serve: Serve) -> None:
    with pytest.raises(InvalidOption, match="client_advertise"):
        await serve(client_advertise="a:b:c")


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (Options(router="qick"), BackendUnavailable, "qick"),
        (Options(tls=TlsOptions(cert_file="no.pem", key_file="no.pem")), InvalidOption, "no.pem"),
        (
            Options(authorization=AuthorizationOptions(plugin="oracle")),
            PubSubError,
            "oracle",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(
    options: Options, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        PubSubServer(options, Clock())


# stopping


@pytest_twisted.ensureDeferred
async def test_clients_get_what_is_queued_before_they_are_closed(serve: Serve) -> None:
    one = await serve()
    reader, writer = await one.client(), await one.client()
    await reader.ask(b"SUB big 1\r\n")
    payload = bytes(1_000_000)
    for _ in range(8):
        one.server.router.publish("$G", b"big", b"", b"", payload)
    closing = one.server.close()
    assert (await reader.closed()).count(b"MSG big 1 1000000\r\n") == 8
    assert len(reader.received) == 8 * (len(b"MSG big 1 1000000\r\n\r\n") + len(payload))
    await writer.closed()
    await closing
    assert one.server.registry.alive == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", one.server.port or 1))


@pytest_twisted.ensureDeferred
async def test_closing_twice_is_closing_once(serve: Serve) -> None:
    one = await serve()
    first, second = one.server.close(), one.server.close()
    await first
    await second
    await one.server.close()


@pytest_twisted.ensureDeferred
async def test_closing_one_that_never_opened(serve: Serve) -> None:
    server = PubSubServer(Options(), reactor)
    await server.close()


@pytest_twisted.ensureDeferred
async def test_a_shutdown_says_so_and_tells_once(serve: Serve, lines: list[str]) -> None:
    one = await serve()
    peer = await one.client()
    one.server.shutdown()
    one.server.shutdown()
    await peer.closed()
    await one.server.close()
    assert one.stopped == 1
    assert [line for line in lines if line.startswith(("Initiating", "Server Exiting"))] == [
        "Initiating Shutdown...",
        "Server Exiting..",
    ]


@pytest_twisted.ensureDeferred
async def test_lame_duck_mode_tells_the_clients_and_ends_with_the_last(serve: Serve) -> None:
    one = await serve(lame_duck_duration=0.2, lame_duck_grace_period=0.05)
    peers = [await one.modern_client() for _ in range(3)]
    port = one.server.port
    one.server.enter_lame_duck()
    assert one.server.lame_duck
    for peer in peers:
        assert (await peer.info())["ldm"] is True
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    for peer in peers:
        await peer.closed()
    await one.ended()


@pytest_twisted.ensureDeferred
async def test_lame_duck_mode_without_clients_ends_at_once(serve: Serve) -> None:
    one = await serve()
    one.server.enter_lame_duck()
    await one.ended()
    assert one.server.port == 0


@pytest_twisted.ensureDeferred
async def test_a_server_is_gone_from_memory_when_it_is_closed(
    router: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its clients: suites start thousands."""
    # Twisted keeps the first events of a process that has no log yet, and who logged them.
    monkeypatch.setattr(PubSubServer, "_log", Logger("test", observer=lambda event: None))
    server = PubSubServer(Options(host="127.0.0.1", port=-1, router=router), reactor)
    await server.open()
    peer = await connect("127.0.0.1", server.port)
    await peer.until(b"\r\n")
    references = [weakref.ref(thing) for thing in (server, server.router)]
    await server.close()
    await peer.closed()
    del server
    gc.collect()
    assert [reference() for reference in references] == [None, None]


# clients inside the process


@pytest_twisted.ensureDeferred
async def test_a_protocol_joins_it_in_memory(serve: Serve) -> None:
    one = await serve(tls=None)
    peer = Peer()
    transport = one.server.connect_in_process(peer)
    await peer.until(b"\r\n")
    assert await peer.ask(b'CONNECT {"verbose":false}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\n') == (
        b"MSG a 1 2\r\nhi\r\n"
    )
    transport.loseConnection()
    await peer.closed()


@pytest_twisted.ensureDeferred
async def test_a_socket_joins_it_from_another_thread(serve: Serve) -> None:
    one = await serve()
    ours = one.server.connect_in_process_socket()

    def converse() -> bytes:
        with ours, ours.makefile("rb") as reader:
            assert reader.readline().startswith(b"INFO {")
            ours.sendall(b'CONNECT {"verbose":false}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\n')
            return reader.readline() + reader.readline()

    assert await deferToThread(converse) == b"MSG a 1 2\r\nhi\r\n"


@pytest.mark.parametrize("when", ["before it opens", "after it closed"])
@pytest_twisted.ensureDeferred
async def test_nobody_joins_a_server_that_does_not_run(when: str) -> None:
    server = PubSubServer(Options(host="127.0.0.1", port=-1), reactor)
    if when == "after it closed":
        await server.open()
        await server.close()
    with pytest.raises(InProcessRefused):
        server.connect_in_process(Peer())
    with pytest.raises(InProcessRefused):
        server.connect_in_process_socket()


# as a service
