"""A supercluster of two clusters of two servers, started by one command and shown by a client
(nats-py).

    python examples/supercluster/run.py

It starts the servers, publishes in the east and subscribes in the west, asks a service that both
clusters have, takes it away in the east, and kills a server that is a gateway.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import nats

HERE = Path(__file__).parent
#: name of each server, and of its cluster
SERVERS = {"e1": "east", "e2": "east", "w1": "west", "w2": "west"}


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def start(
    directory: Path, name: str, ports: dict[str, tuple[int, int, int]]
) -> subprocess.Popen[bytes]:
    """One server, as a process.

    :param ports: for clients, routes and gateways, of all servers.
    """
    client_port, route_port, gateway_port = ports[name]
    # the other one of the same cluster
    sibling = next(
        each for each, cluster in SERVERS.items() if cluster == SERVERS[name] and each != name
    )
    variables = {
        "NAME": name,
        "CLUSTER": SERVERS[name],
        "CLIENT_PORT": client_port,
        "ROUTE_PORT": route_port,
        "GATEWAY_PORT": gateway_port,
        "EAST": f"nats://gateway_user:another-secret@127.0.0.1:{ports['e1'][2]}",
        "WEST": f"nats://gateway_user:another-secret@127.0.0.1:{ports['w1'][2]}",
    }
    command = [sys.executable, "-m", "pubsub.main", "-c", str(HERE / "server.conf")]
    command += ["--routes", f"nats-route://route_user:a-secret@127.0.0.1:{ports[sibling][1]}"]
    log = (directory / f"{name}.log").open("wb")
    environment = os.environ | {key: str(value) for key, value in variables.items()}
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


async def nothing(error: Exception) -> None:
    """That a server is gone is what we want to see survived."""


async def connected(port: int) -> nats.NATS:
    """A client of the server at that port, as soon as it is there."""
    for _ in range(200):
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", error_cb=nothing)
        except OSError:
            await asyncio.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


async def get_across(talker: nats.NATS, listener: nats.NATS, text: str) -> str:
    """Publish until it is heard: servers need a moment to find each other."""
    heard = await listener.subscribe("greetings.*")
    await listener.flush()
    while True:
        await talker.publish("greetings.world", text.encode())
        try:
            message = await heard.next_msg(0.2)
        except nats.errors.TimeoutError:
            continue
        await heard.unsubscribe()
        return message.data.decode()


async def serve(client: nats.NATS, where: str) -> nats.aio.subscription.Subscription:
    """An instance of a service."""

    async def answer(message: nats.aio.msg.Msg) -> None:
        await message.respond(where.encode())

    subscription = await client.subscribe("service", "workers", cb=answer)
    await client.flush()
    return subscription


async def asked_until(client: nats.NATS, where: str) -> None:
    """Ask the service until the instance there answers."""
    while True:
        try:
            if (await client.request("service", b"", timeout=1)).data.decode() == where:
                return
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
            pass
        await asyncio.sleep(0.05)


async def show(ports: dict[str, int], servers: dict[str, subprocess.Popen[bytes]]) -> None:
    """What a supercluster is good for."""
    clients = {name: await connected(port) for name, port in ports.items()}
    e1, e2, w1, w2 = clients.values()
    print("published in the east, heard in the west:", await get_across(e2, w2, "hello"))
    print("published in the west, heard in the east:", await get_across(w1, e1, "hi"))

    await serve(w2, "west")
    await asked_until(e1, "west")
    eastern = await serve(e2, "east")
    await asked_until(e1, "east")
    answers = {(await e1.request("service", b"", timeout=5)).data for _ in range(50)}
    print("asked in the east, with the service in both: it is", *map(bytes.decode, answers))
    await eastern.unsubscribe()
    await asked_until(e1, "west")
    print("without it in the east: it is west")

    servers["w1"].send_signal(signal.SIGKILL)
    await get_across(e1, w2, "still there?")
    await asked_until(e1, "west")
    print("a server of the west was killed: the rest is served as before")
    for client in (e1, e2, w2):
        await client.close()


def main() -> None:
    """Start, show, stop."""
    free = iter(free_ports(3 * len(SERVERS)))
    ports = {name: (next(free), next(free), next(free)) for name in SERVERS}
    with tempfile.TemporaryDirectory() as directory:
        servers = {name: start(Path(directory), name, ports) for name in SERVERS}
        try:
            asyncio.run(show({name: each[0] for name, each in ports.items()}, servers))
        finally:
            for server in servers.values():
                server.terminate()
            for server in servers.values():
                server.wait()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
