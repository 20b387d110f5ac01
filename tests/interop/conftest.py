"""Servers for tests with other people's clients: ours with either router, or a given one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence

import pytest

from pubsub.testing.child import OWN_COMMAND, ChildServer
from pubsub.testing.plugin import ServerFactory
from tests.certs import Authority
from tests.router.recording import native_backend

#: Starts servers with the router of the present test: ``start(config, args)``.
Start = Callable[..., ChildServer]


def program(variable: str, *names: str) -> str:
    """The path of another implementation's program; skips the test where it is missing.

    :param variable: of the environment, wins over PATH.
    """
    given = os.environ.get(variable)
    found = given or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.skip(f"no {names[0]} on PATH, and {variable} is not set")
    return found


def version_of(command: str) -> tuple[int, ...]:
    """What ``command --version`` says: (2, 9, 10)."""
    output = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=30)
    found = re.search(r"v?(\d+)\.(\d+)\.(\d+)", output.stdout + output.stderr)
    assert found, f"{command} does not tell its version"
    return tuple(map(int, found.groups()))


@pytest.fixture(scope="module", params=["native", "python"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each router backend in turn; with ``--pubsub-command`` another server, once."""
    if request.config.getoption("--pubsub-command"):
        if request.param != "native":
            pytest.skip("another server has no backends")
        return ""
    if request.param == "native":
        native_backend()
    return str(request.param)


def _router(backend: str) -> list[str]:
    return ["--router", backend] if backend else []


@pytest.fixture
def start(backend: str, pubsub_server_factory: ServerFactory) -> Start:
    """``start(config, args)``: a running server with this test's router."""

    def run(config: str | None = None, args: Sequence[str] = ()) -> ChildServer:
        return pubsub_server_factory(config, [*args, *_router(backend)])

    return run


@pytest.fixture(scope="module")
def server(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChildServer]:
    """A server with the default configuration, for all tests of a module."""
    given = request.config.getoption("--pubsub-command")
    command = shlex.split(given) if given else OWN_COMMAND
    directory = tmp_path_factory.mktemp("shared")
    with ChildServer(directory, args=_router(backend), command=command) as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of servers and clients here."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def tls_config(authority: Authority) -> Callable[..., str]:
    """``tls_config("verify: true")``: a ``tls`` block for 127.0.0.1, with these lines in it."""
    issued = authority.issue("server", names=["localhost"], addresses=["127.0.0.1"])

    def make(*lines: str) -> str:
        files = (
            f'cert_file: "{issued.cert_file}"',
            f'key_file: "{issued.key_file}"',
            f'ca_file: "{authority.cert_file}"',
        )
        return "tls {\n" + "\n".join([*files, *lines]) + "\n}\n"

    return make
