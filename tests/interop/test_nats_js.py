"""nats.js, the JavaScript client, under Node.js: one program of its calls.

The package ``nats`` is looked for in the directory the environment variable NATS_JS names
(``npm install --prefix DIRECTORY nats``), then where Node.js itself looks.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from pubsub.testing.child import ChildServer
from tests.interop.conftest import Start, program

pytestmark = pytest.mark.interop

STEPS = [
    "connect",
    "publish and subscribe",
    "queue groups",
    "request and reply",
    "headers",
    "no responders",
    "automatic unsubscribe",
    "drain",
]


@pytest.fixture(scope="session")
def node() -> list[str]:
    """How to run the program."""
    interpreter = program("NODE", "node")
    found = subprocess.run(
        [interpreter, "-e", "require('nats')"], env=_environment(), capture_output=True, timeout=60
    )
    if found.returncode:
        pytest.skip("Node.js does not find the package nats; NATS_JS may name its directory")
    return [interpreter, str(Path(__file__).with_name("js") / "client.js")]


def _environment() -> dict[str, str]:
    given = os.environ.get("NATS_JS")
    return {**os.environ, **({"NODE_PATH": f"{given}/node_modules"} if given else {})}


def test_everything(node: list[str], server: ChildServer) -> None:
    done = subprocess.run(
        [*node, f"127.0.0.1:{server.port}"],
        env=_environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    output = (done.stdout + done.stderr).splitlines()
    assert output == [f"{step}: ok" for step in STEPS]


def test_it_comes_back_to_a_server_that_was_killed(node: list[str], start: Start) -> None:
    asyncio.run(asyncio.wait_for(_come_back(node, start()), 60))


async def _come_back(node: list[str], server: ChildServer) -> None:
    program = await asyncio.create_subprocess_exec(
        *node, f"127.0.0.1:{server.port}", "reconnect",
        env=_environment(), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    assert await program.stdout.readline() == b"subscribed\n"
    server.kill()
    assert await program.stdout.readline() == b"disconnect\n"
    server.start()
    assert await program.stdout.readline() == b"reconnect\n"
    assert await program.stdout.readline() == b"received again\n"
    assert await program.wait() == 0
