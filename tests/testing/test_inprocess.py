"""A server on the reactor of its tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from typing import Any

import nats
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from pubsub.config.options import Options
from pubsub.testing.inprocess import InProcessServer


async def _converse(url: str) -> bytes:
    client = await nats.connect(url)
    subscription = await client.subscribe("greet.*")
    await client.publish("greet.joe", b"hello")
    message = await subscription.next_msg()
    await client.close()
    return message.data


@pytest_twisted.inlineCallbacks
def test_a_client_in_another_thread_talks_to_it(
    pubsub_inprocess: InProcessServer,
) -> Generator[Any, Any, None]:
    data = yield deferToThread(asyncio.run, _converse(pubsub_inprocess.url))
    assert data == b"hello"


@pytest_twisted.inlineCallbacks
def test_when_it_has_stopped_nobody_listens() -> Generator[Any, Any, None]:
    server = InProcessServer(reactor=reactor)
    yield server.start()
    assert server.url == f"nats://127.0.0.1:{server.port}"
    address = (server.host, server.port)
    yield server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


@pytest_twisted.inlineCallbacks
def test_it_takes_options_and_keeps_its_own_address() -> Generator[Any, Any, None]:
    server = InProcessServer(Options(host="0.0.0.0", port=4222, server_name="nina"))
    yield server.start()
    try:
        assert server.port not in (0, 4222)
        assert server.server.name == "nina"
        assert server.server.options.host == "127.0.0.1"
    finally:
        yield server.stop()
