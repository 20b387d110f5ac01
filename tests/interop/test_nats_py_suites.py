"""nats.py's own tests of users, tokens, nkeys, JWTs and TLS, with our server as theirs.

They start ``nats-server`` from PATH on ports of their own choice: where one of these is taken
they cannot be run.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pubsub.testing.child import OWN_COMMAND
from tests.router.recording import native_backend

pytestmark = pytest.mark.interop

#: the environment variable that names a checkout
VARIABLE = "PUBSUB_NATS_PY"
FILES = ("nats/tests/test_client_nkeys.py", "nats/tests/test_client.py")
#: Clusters are a matter of their own.
CHOSEN = "(Auth or TLS or Nkeys or JWT) and not ClusterDiscovery"
#: as many as there are at least; fewer would mean that the names above are theirs no more
LEAST = 20
PORTS = (4222, 4223, 4224, 4225, 8222, 8223, 8224, 8225)
#: seconds for all of them: they take half a minute on an idle machine
PATIENCE = 300.0


@pytest.fixture
def suite() -> Path:
    """Where nats.py's tests are."""
    given = os.environ.get(VARIABLE)
    if not given:
        pytest.skip(
            f"{VARIABLE} names no checkout of nats.py; to have one: "
            "git clone https://github.com/nats-io/nats.py"
        )
    missing = [name for name in FILES if not (Path(given) / name).is_file()]
    assert not missing, f"{VARIABLE}={given} has no {', '.join(missing)}"
    return Path(given).absolute()


def _taken() -> list[int]:
    taken = []
    for port in PORTS:
        with socket.socket() as probe:
            # theirs were closed a moment ago when the other router is next
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                taken.append(port)
    return taken


def _shim(directory: Path, router: str, log: Path) -> None:
    """A ``nats-server`` that is ours; its log is kept, for they throw it away."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    program = directory / "nats-server"
    program.write_text(
        "#!/bin/sh\n"
        f"PYTHONPATH={shlex.quote(path)} exec {shlex.join(OWN_COMMAND)} "
        f'--router {router} "$@" 2>>{shlex.quote(str(log))}\n'
    )
    program.chmod(0o755)


@pytest.mark.parametrize("router", ["native", "python"])
def test_their_tests_pass(suite: Path, tmp_path: Path, router: str) -> None:
    if router == "native":
        native_backend()
    if _taken():
        pytest.skip(f"ports are taken that nats.py's tests need: {_taken()}")
    log = tmp_path / "server.log"
    _shim(tmp_path, router, log)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(suite / "nats" / "src"), str(suite / "nats")]),
        # a server that is installed there would be taken
        "HOME": str(tmp_path),
        "PYTEST_ADDOPTS": "",
        # what they leave out for old servers
        "NATS_SERVER_VERSION": "main",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", CHOSEN, *FILES],
        cwd=suite, env=environment, stdin=subprocess.DEVNULL, timeout=PATIENCE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) >= LEAST
    assert "skipped" not in done.stdout.splitlines()[-1], done.stdout
    assert "Traceback" not in log.read_text()
    assert "Server is ready" in log.read_text()
