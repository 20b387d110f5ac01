"""What the documentation shows is run: sessions, configurations, programs, test-suites."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import nats
import nats.errors
import pytest

from pubsub.testing.child import OWN_COMMAND, ChildServer
from pubsub.testing.plugin import ServerFactory
from tests.certs import Authority
from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))]

#: ```` ```text session ```` in Markdown
_FENCED = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: ``.. code-block:: text`` with ``:class: session`` in reStructuredText
_DIRECTIVE = re.compile(
    r"^( *)\.\. code-block:: (\w+)\n(?:\1   :class: (\w+)\n)?\n((?:\1   .*\n|\n)+)", re.MULTILINE
)


class Block(NamedTuple):
    """A literal block of a page."""

    page: Path
    line: int
    language: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def _blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        markdown = page.suffix == ".md"
        for found in (_FENCED if markdown else _DIRECTIVE).finditer(text):
            language, kind, body = found.groups()[-3:]
            line = text.count("\n", 0, found.start()) + 1
            yield Block(page, line, language, kind or "", dedent(body).strip("\n"))


BLOCKS = list(_blocks())


def _of(kind: str) -> list[Block]:
    return [block for block in BLOCKS if block.kind == kind]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildServer]:
    """One for all sessions."""
    with ChildServer(tmp_path_factory.mktemp("docs")) as running:
        yield running


def test_the_pages_have_examples() -> None:
    """A pattern that finds nothing would make the tests below pass."""
    assert len(_of("session")) >= 5
    assert len(_of("config")) >= 2
    assert [block for block in BLOCKS if block.language == "python"]


@pytest.mark.parametrize("block", _of("session"), ids=str)
def test_a_session_goes_as_shown(block: Block, server: ChildServer) -> None:
    """Lines after ``>`` are sent; the others have to come, and nothing but them."""
    with (
        socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection,
        connection.makefile("rwb", buffering=0) as stream,
    ):
        for line in block.text.splitlines():
            if line.startswith("> "):
                stream.write(line[2:].encode() + b"\r\n")
            else:
                pattern = re.escape(line).replace(re.escape("..."), ".*")
                assert re.fullmatch(pattern, stream.readline().decode().rstrip())
        if "-ERR 'Unknown" in block.text:
            assert stream.readline() == b"", "the server closes"
        else:
            stream.write(b"PING\r\n")
            assert stream.readline() == b"PONG\r\n"


def _check(config: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """``pubsub-server -t -c FILE`` in the directory of the file."""
    return subprocess.run(
        [*OWN_COMMAND, "-t", "-c", config.name],
        cwd=config.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(config.parent), *sys.path]), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("block", _of("config"), ids=str)
def test_a_configuration_is_one(block: Block, tmp_path: Path) -> None:
    config = tmp_path / "server.conf"
    config.write_text(block.text)
    issued = Authority(tmp_path).issue("server")
    Path(issued.cert_file).rename(tmp_path / "server-cert.pem")
    Path(issued.key_file).rename(tmp_path / "server-key.pem")
    (tmp_path / "ca-ca.pem").rename(tmp_path / "ca.pem")
    # some name plugins of examples
    packages = [str(EXAMPLES / name) for name in ("authenticator", "oidc_authenticator")]
    result = _check(config, PYTHONPATH=os.pathsep.join([*packages, *sys.path]))
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=str)
def test_python_in_the_pages_is_python(block: Block) -> None:
    ast.parse(block.text)


def test_the_readmes_test_passes(pytester: pytest.Pytester) -> None:
    (block,) = (b for b in BLOCKS if b.page.name == "README.md" and b.language == "python")
    pytester.makepyfile(block.text)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


#: those about security need keys and certificates: test_security_pages makes them
CONFIGS = sorted({*EXAMPLES.rglob("*.conf")} - {*(EXAMPLES / "security").rglob("*.conf")})
#: what some of them take from the environment
VARIABLES = {
    "PASSWORD": "secret",
    "NAME": "e1",
    "CLUSTER": "east",
    "EAST": "nats://e:7222",
    "WEST": "nats://w:7222",
    "CLIENT_PORT": "4222",
    "ROUTE_PORT": "6222",
    "GATEWAY_PORT": "7222",
}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_example_configuration_is_accepted(config: Path) -> None:
    result = _check(config, **VARIABLES)
    assert result.returncode == 0, result.stdout


def _run(*command: str) -> str:
    result = subprocess.run(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_hello_publishes_and_requests(server: ChildServer) -> None:
    output = _run(str(EXAMPLES / "hello.py"), server.url)
    assert output.splitlines() == ["greet.joe: hello", "nice to meet you, joe"]


def test_the_example_suite_passes() -> None:
    """The one of the guide to testing an application."""
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLES / "testing")]
    output = _run("-m", "pytest", *options, str(EXAMPLES / "testing"))
    assert re.search(r"\b\d+ passed", output)


def test_the_example_authenticator_knows_its_staff(
    pubsub_server_factory: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "authenticator"))
    config = (EXAMPLES / "authenticator" / "server.conf").read_text()
    server = pubsub_server_factory(config, args=["-D"])

    async def connect(user: str, password: str) -> int:
        client = await nats.connect(server.url, user=user, password=password, allow_reconnect=False)
        await client.close()
        return client.max_payload

    async def refuse(*credentials: str) -> None:
        with pytest.raises((nats.errors.Error, OSError)):
            await connect(*credentials)

    assert asyncio.run(connect("ann", "secret"))
    asyncio.run(refuse("ann", "guess"))
    asyncio.run(refuse("bob", "secret"))
    assert "bob from 127.0.0.1" in server.log


def test_the_example_backend_routes_and_counts(
    pubsub_server_factory: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "router_backend"))
    server = pubsub_server_factory(args=["--router", "audited"])
    _run(str(EXAMPLES / "hello.py"), server.url)
    assert "First message on greet.joe" in server.log


def test_the_embedded_server_tells_the_time(free_port: Callable[[], int]) -> None:
    port = free_port()
    code = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--pidfile=", "-ny", str(EXAMPLES / "embed.tac")],
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert any("Server is ready" in line for line in process.stdout)
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            stream = connection.makefile("rwb", buffering=0)
            stream.write(b'CONNECT {"verbose":false}\r\nSUB clock.* 1\r\n')
            assert stream.readline().startswith(b"INFO ")
            assert stream.readline() == b"MSG clock.tick 1 24\r\n"
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert "Server Shut Down" in output


def test_server_and_client_share_a_process() -> None:
    lines = _run(str(EXAMPLES / "in_process.py")).splitlines()
    assert lines[0].startswith("INFO {")
    assert lines[1:] == ["MSG greet 1 5", "hello"]
