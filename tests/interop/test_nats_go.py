"""nats.go, the client most others are modelled on: a small program of its calls.

The program is in ``go/``. It is built where there is Go, its modules come from Go's cache or
proxy; where neither has them, the tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pubsub.testing.child import ChildServer
from tests.certs import Authority
from tests.interop.conftest import Start, program

pytestmark = pytest.mark.interop

STEPS = [
    "publish and subscribe",
    "queue groups",
    "request and reply",
    "headers",
    "no responders",
    "automatic unsubscribe",
    "payloads",
    "drain",
]


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The built program."""
    go = program("GO", "go")
    directory = tmp_path_factory.mktemp("go")
    source = directory / "source"
    # not where it is: building may complete go.sum
    shutil.copytree(Path(__file__).with_name("go"), source)
    built = subprocess.run(
        [go, "build", "-o", "../program", "."],
        cwd=source, capture_output=True, text=True, timeout=300,
        env={**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
    )  # fmt: skip
    if built.returncode and ("dial tcp" in built.stderr or "requires go" in built.stderr):
        pytest.skip(f"nats.go cannot be had here: {built.stderr.strip().splitlines()[-1]}")
    assert built.returncode == 0, built.stderr
    return str(directory / "program")


def _run(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return (done.stdout + done.stderr).splitlines()


def test_everything(go_program: str, server: ChildServer) -> None:
    assert _run(go_program, server.url) == [f"{step}: ok" for step in STEPS]


def test_everything_over_tls(
    go_program: str, start: Start, authority: Authority, tls_config: Callable[..., str]
) -> None:
    server = start(tls_config())
    assert _run(go_program, server.url, authority.cert_file) == [f"{step}: ok" for step in STEPS]
