"""Gateways as part of a server: real sockets, TLS, and what others hear of them."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.protocol import Protocol
from twisted.logger import Logger, formatEvent

from pubsub.assembly.gateways import Supercluster
from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.errors import InvalidOption, ListenError, ReloadRefused
from pubsub.server import PubSubServer
from pubsub.values.accounts import AccountOptions
from tests.certs import Authority, Issued
from tests.patience import until


def options_of(name: str, *others: str, extra: str = "", top: str = "") -> Options:
    """A server of that cluster.

    :param others: entries of ``gateways``.
    """
    return configure(
        text=f"""listen: "127.0.0.1:-1"
        {top}
        gateway {{ name: {name}, listen: "127.0.0.1:-1", gateways: [ {", ".join(others)} ]
        {extra} }}""",
        path="f",
    ).options


def entry(server: PubSubServer, host: str = "127.0.0.1", **more: str) -> str:
    """How another cluster names that server."""
    keys = "".join(f", {key} {value}" for key, value in more.items())
    name = server.options.gateway.name
    return f'{{ name: {name}, url: "nats://{host}:{server.gateways.port}"{keys} }}'


def linked(*servers: PubSubServer) -> bool:
    """Whether each of these sends to another cluster, and hears from one."""
    return all(server.gateways.outbound() and server.gateways.inbound() for server in servers)


@pytest_twisted.inlineCallbacks
def test_a_server_without_gateways_has_nothing_of_them() -> Any:
    """Though it may have other links."""
    options = configure(text="listen: '127.0.0.1:-1', cluster { port: -1 }", path="f").options
    one = PubSubServer(options, reactor)
    yield one.open()
    assert one.gateways.table is None
    assert not [*one.gateways.outbound(), *one.gateways.inbound(), *one.gateways.addresses()]
    assert (one.gateways.port, one.gateways.address) == (0, ("", 0))
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_clusters_find_each_other_and_part(tmp_path: Path) -> Any:
    """The cluster is called as the gateway is; the ports file says where it listens."""
    one = PubSubServer(options_of("A", top=f'ports_file_dir: "{tmp_path}"'), reactor)
    yield one.open()
    assert one.info.cluster == "A"
    assert not one.info.cluster_dynamic
    port = one.gateways.port
    assert one.gateways.addresses() == [("127.0.0.1", port)]
    assert one.gateways.address == ("127.0.0.1", port)
    [file] = tmp_path.iterdir()
    assert json.loads(file.read_text())["gateway"] == [f"nats://127.0.0.1:{port}"]
    two = PubSubServer(options_of("B", entry(one)), reactor)
    yield two.open()
    yield until(lambda: linked(one, two))
    assert [each.name for each in one.gateways.outbound()] == ["B"]
    assert [each.name for each in one.gateways.inbound()] == ["B"]
    yield two.close()
    yield until(lambda: not one.gateways.outbound() and not one.gateways.inbound())
    yield one.close()
    assert one.gateways.table is not None
    assert one.gateways.table.alive == 0


@pytest_twisted.inlineCallbacks
def test_members_tell_each_other_of_other_clusters() -> Any:
    """By routes: who knows nobody else connects to the clusters its cluster knows."""
    east = PubSubServer(options_of("A"), reactor)
    yield east.open()
    cluster = 'cluster { listen: "127.0.0.1:-1", routes: [ %s ] }'
    one = PubSubServer(options_of("B", entry(east), top=cluster % ""), reactor)
    yield one.open()
    route = f'"nats://127.0.0.1:{one.cluster.port}"'
    two = PubSubServer(options_of("B", top=cluster % route), reactor)
    yield two.open()
    yield until(lambda: len(east.gateways.inbound()) == 2)
    # and the other cluster knows all of their addresses
    assert east.gateways.table is not None
    urls = {f"127.0.0.1:{server.gateways.port}" for server in (one, two)}
    yield until(lambda: set(east.gateways.table.remotes["B"].urls) == urls)
    for server in (two, one, east):
        yield server.close()


@pytest_twisted.inlineCallbacks
def test_in_lame_duck_mode_nobody_new_is_accepted() -> Any:
    """Those that are there stay to the end."""
    one = PubSubServer(options_of("A"), reactor)
    yield one.open()
    two = PubSubServer(options_of("B", entry(one)), reactor)
    yield two.open()
    yield until(lambda: linked(one, two))
    one.send_lame_duck_info()
    yield until(lambda: is_closed(one.gateways.port))
    assert linked(one, two)
    yield two.close()
    yield one.close()


def is_closed(port: int) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest_twisted.inlineCallbacks
def test_a_new_account_is_known_at_once() -> Any:
    """To other clusters: all there is to hear of it was told, which is nothing."""
    one = PubSubServer(options_of("A"), reactor)
    yield one.open()
    two = PubSubServer(options_of("B", entry(one)), reactor)
    yield two.open()
    yield until(lambda: linked(one, two))
    [gateway] = two.gateways.outbound()
    one.accounts.update(AccountOptions("NEW"))
    one.router.flush()
    yield until(lambda: "NEW" in gateway.interest.accounts)
    yield two.close()
    yield one.close()


def encrypted(issued: Issued, authority: Authority) -> str:
    """A ``tls`` block."""
    return (
        f'tls {{ cert_file: "{issued.cert_file}", key_file: "{issued.key_file}",'
        f' ca_file: "{authority.cert_file}" }}'
    )


@pytest_twisted.inlineCallbacks
def test_gateways_are_encrypted_and_certificates_change_with_a_reload(tmp_path: Path) -> Any:
    """Nothing else does."""
    authority = Authority(tmp_path)
    first = authority.issue("first", names=["localhost"], both=True)
    second = authority.issue("second", names=["localhost"], both=True)
    wanted = [options_of("A", extra=encrypted(first, authority))]
    one = PubSubServer(wanted[0], reactor, read_options=lambda: wanted[-1])
    yield one.open()
    assert one.gateways.tls_not_after > 0
    two = PubSubServer(
        options_of("B", entry(one, "localhost"), extra=encrypted(first, authority)), reactor
    )
    yield two.open()
    yield until(lambda: bool(two.gateways.outbound()))
    [gateway] = two.gateways.outbound()
    assert gateway.tls.version
    assert "first" in gateway.tls.peer_certificates[0].subject
    wanted.append(options_of("A", extra=encrypted(second, authority)))
    one.reload()
    gateway.abort()
    yield until(lambda: two.gateways.outbound() and two.gateways.outbound()[0] is not gateway)
    [gateway] = two.gateways.outbound()
    assert "second" in gateway.tls.peer_certificates[0].subject
    for extra, error in (
        (encrypted(second, authority) + ", reject_unknown: true", ReloadRefused),
        ("", ReloadRefused),
        ("tls { cert_file: gone, key_file: gone }", InvalidOption),
    ):
        wanted.append(options_of("A", extra=extra))
        with pytest.raises(error):
            one.reload()
    yield two.close()
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_a_port_that_is_taken_is_named() -> Any:
    """And the server does not start."""
    one = PubSubServer(options_of("A"), reactor)
    yield one.open()
    gateway = f'gateway {{ name: B, listen: "127.0.0.1:{one.gateways.port}" }}'
    text = f'listen: "127.0.0.1:-1"\n{gateway}'
    two = PubSubServer(configure(text=text, path="f").options, reactor)
    with pytest.raises(ListenError, match="gateway"):
        yield two.open()
    yield one.close()


def test_tls_that_cannot_be_is_found_at_once() -> None:
    """Also that of another cluster."""
    broken = "tls { cert_file: gone, key_file: gone }"
    for options in (
        options_of("A", extra=broken),
        options_of("A", f'{{ name: B, url: "nats://b:1", {broken} }}'),
    ):
        with pytest.raises(InvalidOption, match="gone"):
            PubSubServer(options, reactor)


@pytest_twisted.inlineCallbacks
def test_who_does_not_look_at_certificates_is_warned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Once, at the start."""
    lines: list[str] = []
    log = Logger("pubsub.test", observer=lambda event: lines.append(formatEvent(event)))
    monkeypatch.setattr(Supercluster, "_log", log)
    issued = (authority := Authority(tmp_path)).issue("server")
    careless = encrypted(issued, authority).replace("}", ", insecure: true }")
    one = PubSubServer(
        options_of("A", f'{{ name: B, url: "nats://127.0.0.1:1", {careless} }}'), reactor
    )
    yield one.open()
    yield one.close()
    assert lines == [
        "Gateway name is A",
        f"Listening for gateways connections on 127.0.0.1:{one.gateways.port}",
        (
            "TLS certificate chain and hostname of solicited gateways will not be verified."
            " DO NOT USE IN PRODUCTION!"
        ),
    ]


class Talker(Protocol):
    """A client in this process."""

    def __init__(self, server: PubSubServer, user: str, line: bytes) -> None:
        self.heard = b""
        server.connect_in_process(self)
        self.say(b'CONNECT {"headers":true,"user":"%b","pass":"p"}' % user.encode())
        self.say(line)

    def say(self, line: bytes) -> None:
        """A line, and a PING: what follows from it has been heard when PONG has."""
        self.transport.write(line + b"\r\nPING\r\n")

    def dataReceived(self, data: bytes) -> None:
        """More of it."""
        self.heard += data


@pytest_twisted.inlineCallbacks
def test_services_learn_of_the_other_clusters() -> Any:
    """And that they are gone, though whoever asks was described before."""
    accounts = """accounts {
        A { users [ { user: a, password: p } ]
            imports [ { service: { account: B, subject: ask }, share: true } ] }
        B { users [ { user: b, password: p } ], exports [ { service: ask } ] }
    } """
    one = PubSubServer(options_of("A", top=accounts), reactor)
    yield one.open()
    service, asker = Talker(one, "b", b"SUB ask 1"), Talker(one, "a", b"PUB ask 0\r\n")
    yield until(lambda: b'"user":"a"' in service.heard)
    assert b'"alts"' not in service.heard
    two = PubSubServer(options_of("B", entry(one)), reactor)
    yield two.open()
    yield until(lambda: linked(one, two))
    asker.say(b"PUB ask 0\r\n")
    yield until(lambda: b'"cluster":"A","alts":["B"],' in service.heard)
    yield two.close()
    yield until(lambda: not one.gateways.outbound())
    service.heard = b""
    asker.say(b"PUB ask 0\r\n")
    yield until(lambda: b'"cluster":"A","kind"' in service.heard)
    yield one.close()
