"""A test-suite that needs a NATS server and gets one: run it with ``pytest``."""

from __future__ import annotations

import asyncio

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from pubsub.testing.child import ChildServer


async def serve_prices(client: Client) -> None:
    """The application under test: it answers requests for prices."""
    prices = {b"tea": b"3", b"cake": b"5"}

    async def quote(request: Msg) -> None:
        await request.respond(prices.get(request.data, b"we do not sell that"))

    await client.subscribe("price", queue="shop", cb=quote)


async def ask(url: str, article: bytes) -> bytes:
    client = await nats.connect(url)
    await serve_prices(client)
    reply = await client.request("price", article, timeout=5)
    await client.close()
    return reply.data


def test_tea_has_a_price(pubsub_server: ChildServer) -> None:
    assert asyncio.run(ask(pubsub_server.url, b"tea")) == b"3"


def test_the_application_survives_a_restart(pubsub_server: ChildServer) -> None:
    async def scenario() -> bytes:
        back = asyncio.Event()

        async def reconnected() -> None:
            back.set()

        client = await nats.connect(
            pubsub_server.url, reconnected_cb=reconnected, reconnect_time_wait=0.05
        )
        await serve_prices(client)
        await asyncio.to_thread(pubsub_server.restart)
        await back.wait()
        reply = await client.request("price", b"cake", timeout=5)
        await client.close()
        return reply.data

    assert asyncio.run(scenario()) == b"5"
