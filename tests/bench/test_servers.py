from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from bench.servers import (
    Server,
    ServerFailed,
    configuration,
    free_ports,
    mixed_servers,
    our_servers,
    parse_version,
    peer_server,
    running,
)

#: A server just good enough to be waited for: its configuration is `-c FILE`.
FAKE = """
import re, socket, sys
if "--version" in sys.argv:
    print("fake-server: v1.2.3")
    sys.exit()
port = int(re.search(r"port: (\\d+)", open(sys.argv[-1]).read())[1])
if "--broken" in sys.argv:
    sys.exit("no such option")
with socket.create_server(("127.0.0.1", port)) as server:
    while True:
        peer, _ = server.accept()
        peer.sendall(b"INFO {}\\r\\n")
        peer.close()
"""


@pytest.fixture
def fake(tmp_path: Path) -> str:
    path = tmp_path / "fake.py"
    path.write_text(FAKE)
    return f"{sys.executable} {path}"


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("nats-server: v2.9.10\n", "2.9.10"),
        ("nats-server: v2.15.0\npubsub-server: v0.1.0.dev3, behaves as 2.15.0\n", "0.1.0.dev3"),
        ("no number at all", "?"),
    ],
)
def test_the_version_is_found_in_what_servers_print(output: str, version: str) -> None:
    assert parse_version(output) == version


def test_each_backend_is_a_server_of_its_own(fake: str) -> None:
    native, python = our_servers(fake, ["native", "python"])
    assert native.argv[-2:] == ("--router", "native")
    assert (python.key, python.label, python.backend) == ("python", "pubsub python", "python")
    assert native.version == "1.2.3"


def test_without_backends_the_command_is_left_alone(fake: str) -> None:
    (server,) = our_servers(fake, [])
    assert server.argv == tuple(fake.split())
    assert server.ours


def test_a_peer_is_called_by_program_and_version(fake: str) -> None:
    peer = peer_server(fake)
    assert peer.label == f"{Path(sys.executable).name} 1.2.3"
    assert " " not in peer.key
    assert not peer.ours


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ServerFailed, match="/no/such/server"):
        peer_server("/no/such/server")


def test_the_configuration_is_understood_by_every_server() -> None:
    assert configuration(4222, None) == 'host: "127.0.0.1"\nport: 4222\n'
    text = configuration(4222, (Path("/x/server.pem"), Path("/x/server.key")))
    assert 'cert_file: "/x/server.pem"' in text
    assert 'key_file: "/x/server.key"' in text


def test_a_running_server_is_ready_and_stopped_at_the_end(fake: str, tmp_path: Path) -> None:
    with running(peer_server(fake), tmp_path) as instance:
        assert instance.ready_after > 0
        assert not instance.ended()
    assert instance.ended()
    instance.stop()


def test_a_server_that_ends_is_shown_with_its_last_words(fake: str, tmp_path: Path) -> None:
    server = Server("broken", "broken 1", (*fake.split(), "--broken"), "1")
    with pytest.raises(ServerFailed, match="no such option"), running(server, tmp_path):
        raise AssertionError("it is not running")


def test_a_server_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    server = Server("none", "none 1", ("/no/such/server",), "1")
    with pytest.raises(ServerFailed, match="none 1"), running(server, tmp_path):
        raise AssertionError("it is not running")


def test_reports_do_not_tell_where_a_program_is() -> None:
    server = Server("x", "x", ("/opt/somewhere/nats-server", "-c", "/etc/x.conf"), "1.0")
    assert server.shown == "nats-server -c /etc/x.conf"


def test_free_ports_are_all_different_and_can_be_listened_to() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_a_machine_without_free_ports_is_an_error() -> None:
    with pytest.raises(ServerFailed, match="no 100000 free ports"):
        free_ports(100_000)


def test_the_native_backend_is_mixed_with_each_peer_both_ways() -> None:
    native = Server("native", "pubsub native", ("ours",), "1", "native", ours=True)
    python = Server("python", "pubsub python", ("ours",), "1", "python", ours=True)
    peer = Server("nats-2", "nats 2", ("/opt/nats",), "2")
    there, back = mixed_servers([native, python, peer])
    assert (there.key, there.label) == ("native+nats-2", "native → nats 2")
    assert (back.key, back.label) == ("nats-2+native", "nats 2 → native")
    assert [there.member(number) for number in range(3)] == [native, peer, native]
    assert there.shown == "ours and nats"
    assert native.member(7) is native


def test_without_a_native_backend_or_a_peer_nothing_is_mixed() -> None:
    native = Server("native", "pubsub native", ("ours",), "1", "native", ours=True)
    assert mixed_servers([native]) == []
    assert mixed_servers([Server("nats-2", "nats 2", ("nats",), "2")]) == []


def test_a_server_that_is_killed_is_gone(fake: str, tmp_path: Path) -> None:
    with running(peer_server(fake), tmp_path) as instance:
        instance.kill()
        assert instance.ended()
        instance.kill()
