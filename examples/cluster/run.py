"""A cluster of three servers, started by one command and shown by a client (nats-py).

    python examples/cluster/run.py

It starts the members, subscribes at the first, publishes at the second, asks a service that has
an instance at each member, kills the member its client is connected to, and goes on.
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
NAMES = ("one", "two", "three")


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def start(
    directory: Path, name: str, client_port: int, route_port: int, seed: int
) -> subprocess.Popen[bytes]:
    """One member, as a process."""
    log = (directory / f"{name}.log").open("wb")
    secret = "route_user:a-secret@127.0.0.1"
    command = [sys.executable, "-m", "pubsub.main", "-c", str(HERE / "member.conf")]
    command += ["-n", name, "-a", "127.0.0.1", "-p", str(client_port)]
    command += ["--cluster", f"nats://{secret}:{route_port}"]
    command += ["--routes", f"nats-route://{secret}:{seed}"]
    return subprocess.Popen(command, stdout=log, stderr=log)


async def nothing(error: Exception) -> None:
    """That its server is gone is what we want to see it survive."""


async def connected(port: int) -> nats.NATS:
    """A client of the member at that port, as soon as it is there."""
    for _ in range(200):
        try:
            return await nats.connect(
                f"nats://127.0.0.1:{port}",
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.1,
                error_cb=nothing,
            )
        except OSError:
            await asyncio.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


async def show(ports: list[int], members: dict[int, subprocess.Popen[bytes]]) -> None:
    """What a cluster is good for."""
    clients = [await connected(port) for port in ports]
    one, two, three = clients
    while any(len(client.servers) < len(ports) for client in clients):
        await asyncio.sleep(0.05)
    print("each client knows", len(one.servers), "servers")

    heard = await one.subscribe("greetings.*")
    await one.flush()
    while True:
        await two.publish("greetings.world", b"hello")
        try:
            message = await heard.next_msg(0.2)
            break
        except nats.errors.TimeoutError:
            continue
    print("published at the second, heard at the first:", message.data.decode())

    answers = dict.fromkeys(NAMES, 0)
    for client, name in zip(clients, NAMES, strict=True):

        async def answer(message: nats.aio.msg.Msg, name: str = name) -> None:
            await message.respond(name.encode())

        await client.subscribe("service", "workers", cb=answer)
        await client.flush()
    while not all(answers.values()):
        try:
            reply = await three.request("service", b"", timeout=1)
            answers[reply.data.decode()] += 1
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
            await asyncio.sleep(0.05)
    print("a queue group with members everywhere: all of them answer")

    members[one.connected_url.port].send_signal(signal.SIGKILL)
    while True:
        try:
            await one.request("service", b"", timeout=1)
            break
        except Exception:  # noqa: BLE001  it is reconnecting
            await asyncio.sleep(0.05)
    print("its server was killed; the client went to another and is served as before")
    for client in clients:
        await client.close()


def main() -> None:
    """Start, show, stop."""
    ports = free_ports(6)
    with tempfile.TemporaryDirectory() as directory:
        members = {
            client: start(Path(directory), name, client, route, ports[3])
            for name, client, route in zip(NAMES, ports[:3], ports[3:], strict=True)
        }
        try:
            asyncio.run(show(ports[:3], members))
        finally:
            for member in members.values():
                member.terminate()
            for member in members.values():
                member.wait()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
