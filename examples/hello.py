"""Publish, subscribe and request with nats-py: ``python hello.py [nats://host:port]``."""

from __future__ import annotations

import asyncio
import sys

import nats
from nats.aio.msg import Msg


async def main(url: str) -> None:
    client = await nats.connect(url)

    greetings = await client.subscribe("greet.*")
    await client.publish("greet.joe", b"hello")
    message = await greetings.next_msg(timeout=5)
    print(f"{message.subject}: {message.data.decode()}")

    async def answer(request: Msg) -> None:
        await request.respond(b"nice to meet you, " + request.data)

    # of all members of the queue group "hosts", one answers each request
    await client.subscribe("introduce", queue="hosts", cb=answer)
    reply = await client.request("introduce", b"joe", timeout=5)
    print(reply.data.decode())

    await client.drain()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:] or ["nats://localhost:4222"]))
