"""Publish more than is allowed, and see what becomes of it.

With a server that was started with ``server.conf`` beside this file::

    PASSWORD=secret pubsub-server -c server.conf
    python flood.py nats://guest:guest@127.0.0.1:4222
"""

from __future__ import annotations

import asyncio
import sys

import nats


async def main(url: str) -> None:
    """Send 100 messages at once and count those that arrive."""
    errors: list[str] = []

    async def failed(error: Exception) -> None:
        errors.append(str(error))

    client = await nats.connect(url, error_cb=failed)
    heard = 0

    async def hear(message: object) -> None:
        nonlocal heard
        heard += 1

    await client.subscribe("flood", cb=hear)
    for number in range(100):
        await client.publish("flood", b"%d" % number)
    await client.flush()
    # what was heard before the PONG waits for its callbacks
    await client.drain()
    print(f"100 messages sent, {heard} heard")
    for error in errors:
        print(error)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"))
