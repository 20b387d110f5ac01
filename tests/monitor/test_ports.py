"""The monitoring ports, over real sockets."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from pubsub.config.options import Options, TlsOptions
from pubsub.errors import InvalidOption, ListenError
from pubsub.monitor.ports import MonitoringPorts
from pubsub.transport.tls import ServerTls
from tests.certs import Authority
from tests.monitor.fakes import FakeServer
from tests.patience import PATIENCE


class Opener:
    """Opens the ports of a server on paper."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.opened: list[MonitoringPorts] = []

    def __call__(self, encryption: ServerTls | None = None, **options: object) -> MonitoringPorts:
        self.server.options = Options(host="127.0.0.1", **options)  # type: ignore[arg-type]
        ports = MonitoringPorts(self.server, reactor, encryption)
        self.opened.append(ports)
        ports.open()
        return ports


@pytest_twisted.async_yield_fixture
async def ports(server: FakeServer) -> AsyncIterator[Opener]:
    opener = Opener(server)
    yield opener
    for opened in opener.opened:
        await opened.close()


def health(url: str, context: ssl.SSLContext | None = None) -> object:
    with urlopen(f"{url}/healthz", timeout=PATIENCE, context=context) as answer:
        return json.load(answer)


@pytest_twisted.ensureDeferred
async def test_the_http_port_answers(ports: Opener) -> None:
    opened = ports(http_port=-1)
    [(scheme, host, port)] = opened.addresses()
    assert (scheme, host, port) == ("http", "127.0.0.1", opened.http_port)
    assert await deferToThread(health, f"http://127.0.0.1:{port}") == {"status": "ok"}


@pytest_twisted.ensureDeferred
async def test_without_ports_nothing_is_opened(ports: Opener) -> None:
    opened = ports()
    assert (opened.addresses(), opened.http_port) == ([], 0)
    await opened.close()


@pytest_twisted.ensureDeferred
async def test_the_host_may_differ_from_that_of_clients(ports: Opener) -> None:
    opened = ports(http_port=-1, http_host="0.0.0.0")
    assert opened.addresses() == [("http", "0.0.0.0", opened.http_port)]
    assert await deferToThread(health, f"http://127.0.0.1:{opened.http_port}")


@pytest_twisted.ensureDeferred
async def test_https_has_the_servers_certificate_and_wants_none(
    ports: Opener, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("server")
    options = TlsOptions(
        cert_file=issued.cert_file,
        key_file=issued.key_file,
        ca_file=authority.cert_file,
        verify=True,
    )
    opened = ports(ServerTls(options), tls=options, https_port=-1)
    [(scheme, _, port)] = opened.addresses()
    assert scheme == "https"
    context = ssl.create_default_context(cafile=authority.cert_file)
    context.check_hostname = False
    url = f"https://127.0.0.1:{port}"
    assert await deferToThread(health, url, context) == {"status": "ok"}


@pytest_twisted.ensureDeferred
async def test_closing_leaves_no_connection_behind(ports: Opener) -> None:
    opened = ports(http_port=-1)
    port = opened.http_port

    def ask(sock: socket.socket) -> bytes:
        sock.settimeout(PATIENCE)
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return sock.recv(4096)

    def read(sock: socket.socket) -> bytes:
        try:
            return sock.recv(4096)
        except ConnectionResetError:
            return b""

    with socket.create_connection(("127.0.0.1", port)) as sock:
        assert (await deferToThread(ask, sock)).endswith(b'{"status":"ok"}')
        await opened.close()
        await opened.close()
        assert await deferToThread(read, sock) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert opened.addresses() == []


@pytest_twisted.ensureDeferred
async def test_a_port_that_is_taken_is_an_error_that_names_the_option(ports: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ListenError) as caught:
        ports(http_port=taken.getsockname()[1])
    assert caught.value.option == "http_port"


@pytest_twisted.ensureDeferred
async def test_options_that_do_not_fit_are_refused(ports: Opener) -> None:
    with pytest.raises(InvalidOption, match=r"both HTTP \(8222\) and HTTPs \(8443\) ports"):
        ports(http_port=8222, https_port=8443)
    with pytest.raises(InvalidOption, match="TLS cert and key required for HTTPS"):
        ports(https_port=-1)
