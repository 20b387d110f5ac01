"""The pytest plugin: ``pubsub_server`` and its relatives. Installed with the package.

It is imported by every pytest run on a machine with this package: nothing of Twisted or of
the server is imported before a test asks for a server.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, Protocol

import pytest

from pubsub.testing.child import OWN_COMMAND, ChildServer

if TYPE_CHECKING:
    from pubsub.testing.inprocess import InProcessServer

__all__ = [
    "ServerFactory",
    "pubsub_inprocess",
    "pubsub_server",
    "pubsub_server_factory",
    "pytest_addoption",
]


class ServerFactory(Protocol):
    """What the fixture ``pubsub_server_factory`` is."""

    def __call__(self, config: str | None = None, args: Sequence[str] = ()) -> ChildServer:
        """A running server; it is stopped and checked when the test ends."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two settings: how long a server lives, and which program it is."""
    parser.addini(
        "pubsub_server_scope",
        "how long pubsub_server lives: function (a clean one for each test), module or session",
        default="function",
    )
    parser.getgroup("pubsub").addoption(
        "--pubsub-command",
        metavar="COMMAND",
        help="run this program as the server, e.g. nats-server, to compare",
    )


def _scope(
    fixture_name: str, config: pytest.Config
) -> Literal["session", "package", "module", "class", "function"]:
    scope: Literal["session", "package", "module", "class", "function"]
    scope = config.getini("pubsub_server_scope")
    return scope


@pytest.fixture(scope=_scope)
def pubsub_server_factory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerFactory]:
    """Starts servers: ``pubsub_server_factory(config, args=["-m", "-1"])``."""
    given = request.config.getoption("--pubsub-command")
    command = shlex.split(given) if given else OWN_COMMAND
    with ExitStack() as stack:

        def start(config: str | None = None, args: Sequence[str] = ()) -> ChildServer:
            directory = tmp_path_factory.mktemp("pubsub", numbered=True)
            server = ChildServer(directory, config, args, command).start()
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope=_scope)
def pubsub_server(pubsub_server_factory: ServerFactory) -> ChildServer:
    """A server of its own in a child process, with monitoring, on free ports."""
    return pubsub_server_factory(None, ["-m", "-1"])


@pytest.fixture
def pubsub_inprocess() -> Iterator[InProcessServer]:
    """A server on the reactor of this test-suite, for suites run by pytest-twisted."""
    from pytest_twisted import blockon

    from pubsub.testing.inprocess import InProcessServer

    server = InProcessServer()
    blockon(server.start())
    try:
        yield server
    finally:
        blockon(server.stop())
