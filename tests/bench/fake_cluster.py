"""A cluster in one thread: members with a port each, and all their subscriptions in one list."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FakeCluster", "FakeMember"]


@dataclass
class _Connection:
    member: int
    writer: asyncio.StreamWriter
    subscriptions: list[tuple[str, str, str]] = field(default_factory=list)


class FakeMember:
    """What the bench knows of a running server."""

    ready_after = 0.0

    def __init__(self, fake_cluster: FakeCluster, number: int, port: int) -> None:
        self._cluster = fake_cluster
        self._number = number
        self.port = port
        self.pid = os.getpid()
        self.started = time.monotonic()

    def kill(self) -> None:
        self._cluster.kill(self._number)


class FakeCluster:
    """``deaf`` is a member that hears nothing of the others; ``untold``: clients are not told of
    a death; ``sent_to_the_dead``: as many messages go there before the others know."""

    def __init__(
        self, count: int, deaf: int = -1, untold: bool = False, sent_to_the_dead: int = 0
    ) -> None:
        self.members: list[FakeMember] = []
        self._count = count
        self._deaf = deaf
        self._untold = untold
        self._to_the_dead = sent_to_the_dead
        self._alive = set(range(count))
        self._connections: list[_Connection] = []
        self._servers: list[asyncio.Server] = []
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FakeCluster:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kill(self, number: int) -> None:
        """Close all of its connections."""
        asyncio.run_coroutine_threadsafe(self._kill(number), self._loop).result()

    async def _listen(self) -> None:
        for number in range(self._count):

            async def serve(reader: Any, writer: Any, number: int = number) -> None:
                await self._serve(number, reader, writer)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self._servers.append(server)
            port = server.sockets[0].getsockname()[1]
            self.members.append(FakeMember(self, number, port))

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for one in self._connections:
            one.writer.close()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    async def _kill(self, number: int) -> None:
        self._alive.discard(number)
        for one in self._connections:
            if one.member == number:
                one.writer.close()
            elif not self._untold:
                one.writer.write(self._info())

    def _info(self) -> bytes:
        urls = [f"127.0.0.1:{self.members[number].port}" for number in self._alive]
        return b"INFO %s \r\n" % json.dumps({"connect_urls": urls}).encode()

    async def _serve(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = _Connection(number, writer)
        self._connections.append(connection)
        writer.write(self._info())
        try:
            while line := await reader.readline():
                await self._operation(connection, line.decode().split(), reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # as good as the end of file

    async def _operation(
        self, connection: _Connection, words: list[str], reader: asyncio.StreamReader
    ) -> None:
        if words[0] == "PING":
            connection.writer.write(b"PONG\r\n")
        elif words[0] == "SUB":
            queue = words[2] if len(words) == 4 else ""
            connection.subscriptions.append((words[1], queue, words[-1]))
        elif words[0] == "PUB":
            payload = await reader.readexactly(int(words[-1]) + 2)
            self._publish(connection.member, words[1], words[2:], payload)

    def _publish(self, member: int, subject: str, rest: list[str], payload: bytes) -> None:
        group: list[tuple[_Connection, bytes]] = []
        for one in self._connections:
            if self._deaf in (one.member, member) and one.member != member:
                continue
            for pattern, queue, sid in one.subscriptions:
                if pattern == subject or pattern == f"{subject.rpartition('.')[0]}.*":
                    frame = " ".join(["MSG", subject, sid, *rest]).encode() + b"\r\n" + payload
                    if queue:
                        group.append((one, frame))
                    elif one.member in self._alive:
                        one.writer.write(frame)
        self._to_one(group)

    def _to_one(self, group: list[tuple[_Connection, bytes]]) -> None:
        """The members of a queue group take turns; the dead as long as they are not known to be."""
        known = [one for one in group if one[0].member in self._alive or self._to_the_dead]
        if known:
            self._turn += 1
            connection, frame = known[self._turn % len(known)]
            if connection.member in self._alive:
                connection.writer.write(frame)
            else:
                self._to_the_dead -= 1
