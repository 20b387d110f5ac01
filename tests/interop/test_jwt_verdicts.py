"""nats-server itself gives the verdicts of tests/auth/jwt/cases.py.

It is looked for in the environment variable NATS_SERVER and on PATH; its version decides
some of them, so an older one than 2.12 is not asked.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from pubsub.testing.child import ChildServer
from tests.auth.jwt.cases import CASES, Case, Scene
from tests.auth.jwt.world import World
from tests.interop.conftest import program, version_of
from tests.patience import PATIENCE

pytestmark = pytest.mark.interop

#: the first with everything the table is about
_SINCE = (2, 12, 0)


class Trial(NamedTuple):
    """nats-server with the accounts of all scenes."""

    server: ChildServer
    scenes: dict[str, Scene]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    command = program("NATS_SERVER", "nats-server")
    if version_of(command) < _SINCE:
        pytest.skip("too old to know all of this")
    base = World(now=time.time())
    scenes = {case.name: case.make(World(of=base)) for case in CASES}
    accounts = {base.system.public_key: base.account_jwt(base.system)}
    for scene in scenes.values():
        accounts.update(scene.accounts)
    # by a URL: accounts that cannot be read would keep it from starting
    with (
        _web_server(accounts) as url,
        ChildServer(
            tmp_path_factory.mktemp("trial"), _config(base, url), command=[command]
        ) as server,
    ):
        yield Trial(server, scenes)


@contextmanager
def _web_server(accounts: dict[str, str]) -> Iterator[str]:
    """Answers ``/<public key>``, and ``/`` with anything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = accounts.get(self.path[1:], "")
            self.send_response(200 if token or self.path == "/" else 404)
            self.end_headers()
            self.wfile.write(token.encode())

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _config(base: World, url: str) -> str:
    return (
        f"operator: {base.operator_jwt()}\n"
        f"system_account: {base.system.public_key}\n"
        "max_control_line: 64KB\n"
        f"resolver: URL({url})\n"
    )


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_nats_server_says_so(trial: Trial, case: Case) -> None:
    assert _accepted(trial.server, trial.scenes[case.name]) == case.accepted


def _accepted(server: ChildServer, scene: Scene) -> bool:
    with socket.create_connection((server.host, server.port), PATIENCE) as connection:
        stream = connection.makefile("rwb")
        info: dict[str, Any] = json.loads(stream.readline()[5:])
        options = scene.connect(info["nonce"].encode())
        stream.write(b"CONNECT " + json.dumps({"verbose": False, **options}).encode() + b"\r\n")
        stream.write(b"PING\r\n")
        stream.flush()
        return stream.readline().startswith(b"PONG")
