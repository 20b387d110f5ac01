"""A server with a process of its own: signals, exit codes, reactors, twistd."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from pubsub.testing.child import OWN_COMMAND
from tests.certs import Authority
from tests.patience import PATIENCE, wait_for
from tests.router.recording import native_backend
from tests.server import talk

#: ``python -c`` with a reactor of the test's choice, then the server
UNDER = """
import sys
sys.argv[0] = "pubsub-server"
from twisted.internet import {module}
{module}.install()
from pubsub.main import main
sys.exit(main())
"""

#: ``twistd`` without relying on where its script is
TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"


class Client:
    """A blocking client of few words."""

    def __init__(self, port: int, connect: bytes = b'{"verbose":false}') -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.reader = self.socket.makefile("rb")
        self.info = self.reader.readline()
        self.ask(b"CONNECT " + connect + b"\r\n")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, data: bytes) -> bytes:
        """What is said to ``data``."""
        self.send(data + b"PING\r\n")
        return self.until(b"PONG\r\n")[: -len(b"PONG\r\n")]

    def until(self, end: bytes) -> bytes:
        text = b""
        while not text.endswith(end):
            line = self.reader.readline()
            assert line, f"closed after {text!r}"
            # asked for nothing, two seconds after CONNECT
            if line != b"PING\r\n":
                text += line
        return text

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        return self.reader.read()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        self.socket.close()


class Process:
    """A program whose log is read line by line."""

    def __init__(self, command: Sequence[str], cwd: Path, **environment: str) -> None:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self.process = subprocess.Popen(
            command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )  # fmt: skip
        self.log = ""
        self.port = 0

    def until(self, text: str) -> str:
        """The line with ``text`` in it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log += line
            found = re.search(r"client connections on .*:(\d+)$", line)
            if found:
                self.port = int(found[1])
            if text in line:
                return line
        pytest.fail(f"{text!r} was never logged:\n{self.log}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """The exit code; nothing bad was logged."""
        assert self.process.stdout is not None
        self.log += self.process.stdout.read()
        code = self.process.wait(PATIENCE)
        assert "Traceback" not in self.log, self.log
        return code


@contextmanager
def running(command: Sequence[str], cwd: Path, **environment: str) -> Iterator[Process]:
    """A program that is ready for clients, and gone afterwards."""
    process = Process(command, cwd, **environment)
    try:
        process.until("Server is ready")
        yield process
    finally:
        process.process.kill()
        process.process.communicate()


def own(*arguments: str) -> list[str]:
    return [*OWN_COMMAND, "-a", "127.0.0.1", "-p", "-1", *arguments]


def converse(port: int) -> None:
    """A client's day: there and back, small and large."""
    with Client(port) as client, Client(port) as other:
        assert client.ask(b"SUB a 1\r\n") == b""
        assert client.ask(b"PUB a 2\r\nhi\r\n") == b"MSG a 1 2\r\nhi\r\n"
        big = bytes(300_000)
        other.send(b"PUB a 300000\r\n" + big + b"\r\n")
        assert client.until(b"\r\n") == b"MSG a 1 300000\r\n"
        assert client.reader.read(300_002) == big + b"\r\n"


# signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_closes_its_clients_and_ends_well(tmp_path: Path, number: int) -> None:
    with running(own(), tmp_path) as server, Client(server.port) as client:
        server.signal(number)
        assert client.rest() == b""
        assert server.ended() == 0
    assert 'Trapped "' in server.log
    assert server.log.index("Initiating Shutdown...") < server.log.index("Server Exiting..")


def test_a_new_log_file_is_begun_when_the_old_one_was_moved(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_text(f'log_file: "{tmp_path}/x.log"\nport: -1\nhost: 127.0.0.1')
    old, new = tmp_path / "old.log", tmp_path / "x.log"
    process = Process([*OWN_COMMAND, "-c", "x.conf"], tmp_path)
    try:
        wait_for(lambda: new.exists() and "Server is ready" in new.read_text())
        new.rename(old)
        process.signal(signal.SIGUSR1)
        wait_for(lambda: new.exists() and "File log re-opened" in new.read_text())
        process.signal(signal.SIGTERM)
        assert process.ended() == 0
    finally:
        process.process.kill()
    assert "Server Exiting.." in new.read_text()
    assert "Server Exiting.." not in old.read_text()


def test_without_a_log_file_there_is_nothing_to_open(tmp_path: Path) -> None:
    with running(own(), tmp_path) as server:
        server.signal(signal.SIGUSR1)
        server.until("File log re-open ignored, not a file logger")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


def test_lame_duck_mode_is_not_to_be_hurried(tmp_path: Path) -> None:
    """SIGTERM is ignored; clients are told, then closed; exit code 0."""
    (tmp_path / "x.conf").write_text(
        'lame_duck_duration: "30s"\nlame_duck_grace_period: "500ms"\nport: -1\nhost: 127.0.0.1'
    )
    modern = b'{"verbose":false,"protocol":1}'
    with running([*OWN_COMMAND, "-c", "x.conf"], tmp_path) as server:
        with Client(server.port, modern) as client:
            client.until(b"\r\n")
            server.signal(signal.SIGUSR2)
            server.until("Entering lame duck mode, stop accepting new clients")
            assert b'"ldm":true' in client.until(b"\r\n")
            server.signal(signal.SIGTERM)
            server.until('Trapped "terminated" signal')
            with pytest.raises(ConnectionRefusedError):
                Client(server.port)
            assert client.ask(b"") == b""
            assert client.rest() == b""
        assert server.ended() == 0
    assert "Closing existing clients" in server.log


def test_lame_duck_mode_can_be_cut_short(tmp_path: Path) -> None:
    with running(own(), tmp_path) as server, Client(server.port) as client:
        server.signal(signal.SIGUSR2)
        server.until("Entering lame duck mode")
        server.signal(signal.SIGINT)
        assert client.rest() == b""
        assert server.ended() == 0


def test_reloading_changes_what_it_says_in_its_log(tmp_path: Path) -> None:
    config = tmp_path / "x.conf"
    config.write_text("host: 127.0.0.1\nport: -1\nmax_payload: 1000")
    with running([*OWN_COMMAND, "-c", "x.conf"], tmp_path) as server:
        config.write_text("host: 127.0.0.1\nport: -1\nmax_payload: 2000\ndebug: true")
        server.signal(signal.SIGHUP)
        server.until("Reloaded: max_payload = 2000")
        server.until("Reloaded: debug = True")
        server.until("Reloaded server configuration")
        with Client(server.port) as client:
            assert b'"max_payload":2000' in client.info
            server.until("[DBG] 127.0.0.1:")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("max_payload: 5\nserver_name: other", "config reload not supported for ServerName"),
        ("max_payload: 5\nnonsense: 1", 'x.conf:4:1: unknown field "nonsense"'),
        ("max_payload: 5\nlog_file: /no/such/place/x.log", "error opening the log /no/such"),
        ("max_payload: 5\njetstream: enabled", "not supported yet"),
    ],
)
def test_a_reload_that_is_refused_changes_nothing(tmp_path: Path, config: str, text: str) -> None:
    base = "host: 127.0.0.1\nport: -1\n"
    (tmp_path / "x.conf").write_text(base)
    with running([*OWN_COMMAND, "-c", "x.conf"], tmp_path) as server:
        (tmp_path / "x.conf").write_text(base + config)
        server.signal(signal.SIGHUP)
        assert text in server.until("Failed to reload server configuration: ")
        with Client(server.port) as client:
            assert b'"max_payload":1048576' in client.info
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


# starting in vain


def _refused(tmp_path: Path, *arguments: str) -> str:
    process = Process([*OWN_COMMAND, *arguments], tmp_path)
    assert process.ended() == 1
    return process.log


def test_a_port_that_is_taken_is_a_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        log = _refused(tmp_path, "-a", "127.0.0.1", "-p", str(port), "-P", "pid")
    assert f"[FTL] Error listening on port: 127.0.0.1:{port}, Address already in use" in log
    assert "Server is ready" not in log
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ('tls { cert_file: "no.pem", key_file: "no.pem" }', "no.pem"),
        ('authorization { plugin: "oracle" }', "oracle"),
        ("router: qick", "qick"),
        ('log_file: "/no/such/place/x.log"', "/no/such/place/x.log: No such file"),
        ('pid_file: "/no/such/place/pid"', "Could not write pidfile: /no/such/place/pid"),
    ],
)
def test_what_cannot_work_is_a_line_and_exit_code_1(tmp_path: Path, config: str, text: str) -> None:
    (tmp_path / "x.conf").write_text(f"host: 127.0.0.1\nport: -1\n{config}")
    log = _refused(tmp_path, "-c", "x.conf")
    (line,) = [line for line in log.splitlines() if text in line]
    assert "[FTL]" in line or line.startswith("pubsub-server: ")


# reactors


@pytest.mark.parametrize(
    "module", ["epollreactor", "pollreactor", "selectreactor", "asyncioreactor"]
)
def test_it_runs_on_twisteds_reactors(tmp_path: Path, module: str, router: str) -> None:
    """With ``--router`` given, the server takes the reactor that is there."""
    command = [
        sys.executable, "-c", UNDER.format(module=module),
        "-a", "127.0.0.1", "-p", "-1", "--router", router,
    ]  # fmt: skip
    with running(command, tmp_path) as server:
        converse(server.port)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


def test_without_the_extension_it_says_so_once_and_serves(tmp_path: Path) -> None:
    with running(own(), tmp_path, PUBSUB_NO_EXTENSIONS="1") as server:
        converse(server.port)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
    assert server.log.count("PUBSUB_NO_EXTENSIONS") == 1
    assert "[WRN] Using the python router, which is slower; native: " in server.log


def test_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pubsub.main", "-a", "127.0.0.1", "-p", "-1"]
    with running(command, tmp_path) as server:
        converse(server.port)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


@pytest.mark.parametrize("kind", ["tls", "proxy", "proxy and tls", "unix"])
def test_every_way_in_with_the_reactor_of_its_own(tmp_path: Path, kind: str) -> None:
    ca, path = Authority(tmp_path), str(tmp_path / "s")
    issued = ca.issue("server")
    tls = f'tls {{ cert_file: "{issued.cert_file}", key_file: "{issued.key_file}" }}\n'
    lines = {"tls": tls, "proxy": "proxy_protocol: true\n", "unix": f'listen: ["unix:{path}"]'}
    (tmp_path / "x.conf").write_text("".join(lines[part] for part in kind.split(" and ")))
    with running(own("-c", "x.conf"), tmp_path) as server:
        talk.blocking(
            path if kind == "unix" else ("127.0.0.1", server.port),
            talk.trusting(ca) if "tls" in kind else None,
            talk.PROXY_2 if "proxy" in kind else b"",
        )
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


def test_what_is_not_configured_is_not_loaded() -> None:
    """A server starts a third sooner without them."""
    program = (
        "import sys; from pubsub.config.options import Options; import pubsub.server;"
        "from twisted.internet import reactor; pubsub.server.PubSubServer(Options(), reactor);"
        "print([n for n in sys.modules if n in ('twisted.web.server', 'twisted.internet.endpoints',"
        " 'unittest', 'pubsub.monitor.ports', 'pubsub.transport.tls', 'pubsub.auth.passwords')"
        " or n.startswith(('nacl', 'pubsub.auth.jwt', 'pubsub.hooks', 'pubsub.assembly.links'))"
        " or n.startswith('pubsub.cluster.') and n not in ('pubsub.cluster.figures',"
        " 'pubsub.cluster.leafs', 'pubsub.cluster.leafs.figures', 'pubsub.cluster.gateways',"
        " 'pubsub.cluster.gateways.modes')])"
    )
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert shown.stdout.strip() == "[]"


# twistd


@pytest.mark.parametrize("reactor", ["epoll", "pubsub-epoll"])
def test_under_twistd_it_serves_reloads_and_ends(tmp_path: Path, reactor: str) -> None:
    if reactor == "pubsub-epoll":
        native_backend()
    config = tmp_path / "x.conf"
    config.write_text("host: 127.0.0.1\nport: -1\nmax_payload: 400000")
    command = [sys.executable, "-c", TWISTD, "--reactor", reactor, "-n", "pubsub", "-c", "x.conf"]
    with running(command, tmp_path) as server:
        converse(server.port)
        config.write_text("host: 127.0.0.1\nport: -1\nmax_payload: 500000")
        server.signal(signal.SIGHUP)
        server.until("Reloaded server configuration")
        with Client(server.port) as client:
            assert b'"max_payload":500000' in client.info
            server.signal(signal.SIGTERM)
            assert client.rest() == b""
        assert server.ended() == 0
    assert not (tmp_path / "twistd.pid").exists()


def test_under_twistd_lame_duck_mode_ends_the_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TWISTD, "-n", "pubsub", "-a", "127.0.0.1", "-p", "-1"]
    with running(command, tmp_path) as server:
        server.signal(signal.SIGUSR2)
        assert server.ended() == 0
    assert "Entering lame duck mode" in server.log


def test_a_signal_the_moment_it_is_ready_is_obeyed(tmp_path: Path) -> None:
    """What reads "Server is ready" may send one at once."""
    (tmp_path / "x.conf").write_text("host: 127.0.0.1\nport: -1")
    for command in (
        [*OWN_COMMAND, "-c", "x.conf"],
        [sys.executable, "-c", TWISTD, "-n", "pubsub", "-c", "x.conf"],
    ):
        with running(command, tmp_path) as server:
            server.signal(signal.SIGHUP)
            server.until("Reloaded server configuration")


def test_a_tls_server_ends_while_a_handshake_is_pending(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("server")
    (tmp_path / "x.conf").write_text(
        f'tls {{ cert_file: "{issued.cert_file}", key_file: "{issued.key_file}", timeout: 60 }}'
    )
    with (
        running(own("-c", "x.conf"), tmp_path) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client,
        client.makefile("rb") as reader,
    ):
        assert reader.readline().startswith(b"INFO ")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
