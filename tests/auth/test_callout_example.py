"""Auth callout end to end: the service of the manual, our server, nats-py."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import nats.errors
import pytest

from pubsub.testing.child import ChildServer
from pubsub.testing.plugin import ServerFactory
from tests.patience import PATIENCE

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "auth_callout"


@pytest.fixture
def server(pubsub_server_factory: ServerFactory) -> Iterator[ChildServer]:
    """A server with the example's configuration, and the example's service at work."""
    running = pubsub_server_factory((EXAMPLE / "server.conf").read_text())
    service = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "service.py"), running.url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert service.stdout is not None
    try:
        assert service.stdout.readline() == "ready\n"
        yield running
    finally:
        service.kill()
        service.communicate()


async def connect(server: ChildServer, **credentials: str) -> Any:
    errors: asyncio.Queue[str] = asyncio.Queue()

    async def heard(error: Exception) -> None:
        await errors.put(str(error).lower())

    client = await nats.connect(
        server.url, allow_reconnect=False, max_reconnect_attempts=0, error_cb=heard, **credentials
    )
    return client, errors


def test_a_user_of_the_service_is_let_in_with_its_permissions(server: ChildServer) -> None:
    async def talk() -> None:
        client, errors = await connect(server, user="ann", password="secret")
        await client.publish("orders.new", b"1")
        await client.publish("elsewhere", b"1")
        error = await asyncio.wait_for(errors.get(), PATIENCE)
        assert 'permissions violation for publish to "elsewhere"' in error
        await client.close()

    asyncio.run(talk())


@pytest.mark.parametrize("credentials", [
    {"user": "ann", "password": "guess"}, {"user": "eve", "password": "secret"}, {},
    {"token": "secret"}, {"user": "auth", "password": "guess"},
])  # fmt: skip
def test_others_are_refused(server: ChildServer, credentials: dict[str, str]) -> None:
    with pytest.raises((nats.errors.Error, OSError), match="Authorization Violation"):
        asyncio.run(connect(server, **credentials))
    assert "secret" not in server.log
    assert "guess" not in server.log


def test_the_services_user_cannot_ask_the_service(server: ChildServer) -> None:
    async def talk() -> None:
        client, errors = await connect(server, user="auth", password="auth")
        await client.publish("$SYS.REQ.USER.AUTH", b"x")
        assert "$sys.req.user.auth" in await asyncio.wait_for(errors.get(), PATIENCE)
        await client.close()

    asyncio.run(talk())


def test_refusals_are_told_in_the_services_account(server: ChildServer) -> None:
    async def talk() -> None:
        client, _ = await connect(server, user="auth", password="auth")
        events = await client.subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR")
        await client.flush()
        with pytest.raises((nats.errors.Error, OSError)):
            await connect(server, user="ann", password="guess")
        event = json.loads((await events.next_msg(timeout=PATIENCE)).data)
        assert event["client"]["user"] == "ann"
        assert event["reason"] == "Authentication Failure"
        await client.close()

    asyncio.run(talk())
