"""The hooks of examples/: their own tests, and each with a real server and a real client once."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nats
import nats.errors
import pytest

from pubsub.testing.plugin import ServerFactory
from tests.patience import PATIENCE
from tests.router.recording import native_backend

EXAMPLES = Path(__file__).parents[2] / "examples"
SCHEMA = EXAMPLES / "schema_hook"
RATES = EXAMPLES / "rate_limit"


@pytest.fixture(params=["native", "python"])
def router(request: pytest.FixtureRequest) -> str:
    """Both routers, as far as they are there."""
    if request.param == "native":
        native_backend()
    return str(request.param)


def test_the_schema_hooks_own_tests_pass() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=SCHEMA,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    assert re.search(r"\b\d+ passed", result.stdout)


async def _order(url: str) -> tuple[list[bytes], list[str], str]:
    """What was heard of two orders, what went wrong, and the answer to a third."""
    errors: list[str] = []

    async def failed(error: Exception) -> None:
        errors.append(str(error))

    client = await nats.connect(url, error_cb=failed)
    orders = await client.subscribe("orders.>")
    await client.publish("orders.new", b'{"item": "tea", "count": 0}')
    await client.publish("orders.new", json.dumps({"item": "tea", "count": 1}).encode())
    answer = await client.request("orders.7.changed", b"{}", timeout=PATIENCE)
    heard = [(await orders.next_msg(PATIENCE)).data]
    assert client.is_connected
    assert orders.pending_msgs == 0
    await client.close()
    return heard, errors, answer.data.decode()


def test_the_schema_hook_guards_a_server(
    pubsub_server_factory: ServerFactory, monkeypatch: pytest.MonkeyPatch, router: str
) -> None:
    monkeypatch.syspath_prepend(str(SCHEMA))
    config = (SCHEMA / "server.conf").read_text()
    config = config.replace('"schemas"', json.dumps(str(SCHEMA / "schemas")))
    server = pubsub_server_factory(config, args=["--router", router])
    heard, (error,), answer = asyncio.run(_order(server.url))
    assert [json.loads(text) for text in heard] == [{"item": "tea", "count": 1}]
    assert "$.count: 0 is less than the minimum of 1" in error
    assert "is a required property" in answer


def test_a_mistake_in_its_options_keeps_the_server_from_starting(tmp_path: Path) -> None:
    for part in ("pubsub_schema", "twisted"):
        shutil.copytree(SCHEMA / part, tmp_path / part)
    config = tmp_path / "server.conf"
    config.write_text('port: -1\nhooks: [{ plugin: schema, options { subjects { a: "absent" } } }]')
    result = subprocess.run(
        [sys.executable, "-m", "pubsub.main", "-c", str(config)],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join([str(tmp_path), str(EXAMPLES.parent), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1, result.stdout
    assert "schema: absent cannot be used" in result.stdout
    assert "Traceback" not in result.stdout


def test_the_rate_limits_of_the_example(
    pubsub_server_factory: ServerFactory, monkeypatch: pytest.MonkeyPatch, router: str
) -> None:
    monkeypatch.setenv("PASSWORD", "secret")
    server = pubsub_server_factory((RATES / "server.conf").read_text(), args=["--router", router])

    def flood(user: str, password: str) -> tuple[int, list[str]]:
        url = server.url.replace("nats://", f"nats://{user}:{password}@")
        output = subprocess.run(
            [sys.executable, str(RATES / "flood.py"), url],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        ).stdout
        first, *errors = output.splitlines()
        heard = re.fullmatch(r"100 messages sent, (\d+) heard", first)
        assert heard, output
        return int(heard[1]), errors

    heard, errors = flood("guest", "guest")
    # 10 at once, and one for every 100 ms that a busy machine took
    assert 10 <= heard < 100
    assert errors
    assert all("rate limit exceeded" in error for error in errors)
    assert flood("shop", "secret") == (100, [])
    assert flood("import", "secret") == (100, [])
    assert "user 'guest' of account 'GUESTS' had messages dropped" in server.log
