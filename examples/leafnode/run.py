"""A device with our server as a leaf node of a hub, and what crosses the link.

    python examples/leafnode/run.py                 # the hub is one of ours
    python examples/leafnode/run.py nats-server     # the hub is a nats-server

It starts both servers, lets their clients (nats-py) talk, stops the hub, shows that the device goes
on working, starts the hub again, and shows that the link is back.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

HERE = Path(__file__).parent
OURS = [sys.executable, "-m", "pubsub.main"]


def start(command: list[str], config: str) -> subprocess.Popen[bytes]:
    """A server in a process of its own."""
    arguments = [*command, "-c", str(HERE / config)]
    return subprocess.Popen(arguments, stderr=subprocess.DEVNULL)


async def nothing(error: Exception) -> None:
    """That its server is not there yet, or gone, is part of the show."""


async def connect(port: int, user: str = "") -> Client:
    """A client, as soon as the server is there."""
    credentials = {"user": user, "password": user} if user else {}
    return await nats.connect(
        f"nats://127.0.0.1:{port}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,
        error_cb=nothing,
        **credentials,
    )


async def ask(client: Client, subject: str, text: bytes) -> bytes:
    """An answer, however long the link takes to be there."""
    while True:
        try:
            return (await client.request(subject, text, timeout=0.5)).data
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
            await asyncio.sleep(0.1)


async def talk(hub: list[str]) -> None:
    """The conversation."""
    servers = [start(hub, "hub.conf"), start(OURS, "device.conf")]
    try:
        device, operator = await connect(4223), await connect(4222, "operator")

        async def command(message: Msg) -> None:
            await message.respond(b"done: " + message.data)

        async def measured(message: Msg) -> None:
            print(f"the hub hears {message.subject}: {message.data.decode()}")

        await device.subscribe("commands.>", cb=command)
        await operator.subscribe("measurements.>", cb=measured)
        print("asked over the link:", (await ask(operator, "commands.open", b"valve 7")).decode())
        await device.publish("measurements.raw.1", b"stays on the device")
        await device.publish("measurements.temperature", b"21.5")
        await asyncio.sleep(0.5)

        servers[0].terminate()
        servers[0].wait()
        print("the hub is gone")
        print("asked on the device:", (await ask(device, "commands.open", b"valve 8")).decode())
        servers[0] = start(hub, "hub.conf")
        print("asked over the link:", (await ask(operator, "commands.open", b"valve 9")).decode())
        await device.close()
        await operator.close()
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()


if __name__ == "__main__":
    asyncio.run(talk(sys.argv[1:] or OURS))
